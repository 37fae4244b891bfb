"""A real PostgreSQL server for the tests: in a temporary folder, on this machine alone, gone when the tests are.

`server()` is for tests that only need a database, `stoppable_server()` for those that take it away in the middle.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy

_HOST, _ROLE = "127.0.0.1", "tester"
_ACCOUNT = "postgres"  # made by Debian's package; the server refuses to run as root
_PATIENCE_SECONDS = 30


@dataclass
class Server:
    """A server whose data folder and port stay the same however often it is stopped and started."""

    folder: Path
    url: str
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, and wait until it takes connections. It ends with the thread that calls this: `_unprivileged`."""
        assert self._process is None, "the server runs"
        settings = [
            f"-cport={_port(self.url)}",
            f"-clisten_addresses={_HOST}",
            f"-cunix_socket_directories={self.folder}",
        ]
        settings += ["-cfsync=off", "-cshared_buffers=16MB", "-cmax_connections=300"]
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [*_unprivileged(), _binary("postgres"), "-D", self.folder / "data", *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for pytest, which then stops the server
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop it: its connections are closed, what was committed is kept. Nothing happens if it does not run."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)  # "fast": does not wait for clients to leave
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                _execute(self.url, "SELECT 1")
            except sqlalchemy.exc.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log.txt").read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL does not start:\n{log[-2000:]}") from error
                time.sleep(0.05)
            else:
                return


@contextmanager
def server() -> Iterator[str]:
    """A running server. Yields the URL of its database `postgres`, with which `fresh_database` makes others."""
    with stoppable_server() as running:
        yield running.url


@contextmanager
def stoppable_server() -> Iterator[Server]:
    """A running server of one's own, to `stop` and `start`."""
    _skip_unless_installed()
    password = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        (folder / "password.txt").write_text(password)
        if os.geteuid() == 0:
            account = pwd.getpwnam(_ACCOUNT)
            for path in (folder, folder / "password.txt"):
                os.chown(path, account.pw_uid, account.pw_gid)
        _initialize(folder)
        url = sqlalchemy.URL.create("postgresql+psycopg", _ROLE, password, _HOST, _free_port(), "postgres")
        running = Server(folder, url.render_as_string(hide_password=False))
        try:
            with connections_closed():
                running.start()
                yield running
        finally:
            running.stop()


def fresh_database(admin_url: str) -> str:
    """Create an empty database on the server, and return its URL."""
    name = f"study_{secrets.token_hex(4)}"
    _execute(admin_url, f"CREATE DATABASE {name}")
    return sqlalchemy.make_url(admin_url).set(database=name).render_as_string(hide_password=False)


@contextmanager
def connections_closed() -> Iterator[None]:
    """Close at the end what SQLAlchemy's pools leave open: a psycopg connection that is collected open is a warning."""
    opened: list[psycopg.Connection[Any]] = []

    def remember(connection: object, _: object) -> None:
        if isinstance(connection, psycopg.Connection):
            opened.append(connection)

    sqlalchemy.event.listen(sqlalchemy.Pool, "connect", remember)
    try:
        yield
    finally:
        sqlalchemy.event.remove(sqlalchemy.Pool, "connect", remember)
        for connection in opened:
            connection.close()


def _execute(url: str, statement: str) -> None:
    engine = sqlalchemy.create_engine(
        url,
        isolation_level="AUTOCOMMIT",  # a database cannot be created inside a transaction
        poolclass=sqlalchemy.NullPool,
        connect_args={"connect_timeout": 2},
    )
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(statement))


def _initialize(folder: Path) -> None:
    """Make the data folder. Every connection needs the password, those over the socket too."""
    subprocess.run(
        [
            *_unprivileged(),
            _binary("initdb"),
            *("-D", folder / "data", "-U", _ROLE, "--pwfile", folder / "password.txt"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _unprivileged() -> list[str]:
    """What runs a server's command: not as root, and ended by the kernel with the thread that began it.

    So nothing is left behind even when pytest is killed.
    """
    setpriv = ["setpriv", "--pdeathsig", "INT"]
    return [*setpriv, "--reuid", _ACCOUNT, "--regid", _ACCOUNT, "--init-groups"] if os.geteuid() == 0 else setpriv


def _binary(name: str) -> str:
    """Debian keeps the server's commands off PATH. The newest version, if there are several; '' if there is none."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return str(versions[-1]) if versions else shutil.which(name) or ""


def _skip_unless_installed() -> None:
    if not _binary("initdb") or not _binary("postgres"):
        pytest.skip("PostgreSQL's server is not on this machine: apt-get install postgresql")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv, of util-linux, is not on this machine: the server is started with it")
    if os.geteuid() == 0 and _ACCOUNT not in {account.pw_name for account in pwd.getpwall()}:
        pytest.skip(f"PostgreSQL refuses to run as root, and this machine has no account {_ACCOUNT} to run it as")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _port(url: str) -> int:
    port = sqlalchemy.make_url(url).port
    assert port is not None
    return port
