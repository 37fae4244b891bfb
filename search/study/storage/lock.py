"""One driver a study, by locks that a dead process does not hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy
from filelock import FileLock, Timeout

from search.worker.faults import StorageError, StudyBusy, first_line

if TYPE_CHECKING:
    from search.study.storage.database import Database  # with Optuna, which a report is made without


@contextmanager
def only_driver(lock_file: Path) -> Iterator[None]:
    """Hold the lock for the body. It is the kernel's (flock), so a process that is dead holds it no longer.

    Raises:
        StudyBusy: when another process holds it.
        StorageError: when its file cannot be written.
    """
    lock = FileLock(lock_file, timeout=0, mode=0o600)
    try:
        lock_file.parent.stat()  # FileLock would make it
        lock.acquire()
    except Timeout as error:
        raise _busy(str(lock_file.parent)) from error
    except OSError as error:
        raise StorageError(
            f"A study must be in a folder that can be written. Received: {lock_file.parent}: {first_line(error)}. "
            "Check --output and --storage."
        ) from error
    try:
        yield
    finally:
        lock.release()


class StudyLock:
    """The right to drive a study that is in a database outside the run folder, on whichever machine."""

    def __init__(self, database: Database, study: str) -> None:
        self.database, self._study = database, study
        self._server: sqlalchemy.Connection | None = None
        self._is_held = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for the body.

        Raises:
            StudyBusy: when another driver does.
            StorageError: when the server does not answer.
        """
        file = self.database.file()
        if file is not None:
            with only_driver(file.with_name(f"{file.name}.lock")):
                yield
            return
        self._take()
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self._let_go()

    def require(self) -> None:
        """Take it again if it was lost: a server that was started again has forgotten it.

        Raises:
            StudyBusy: when another driver was quicker.
            StorageError: when the server does not answer.
        """
        if self._is_held and not self._answers():
            self._let_go()
            self._take()

    def _answers(self) -> bool:
        try:
            return self._server is not None and self._server.scalar(sqlalchemy.text("SELECT 1")) == 1
        except sqlalchemy.exc.SQLAlchemyError:
            return False

    def _take(self) -> None:
        """PostgreSQL's advisory lock: held by a connection, and free as soon as the server sees that it is gone."""
        key = int.from_bytes(hashlib.sha256(f"fashion-search {self._study}".encode()).digest()[:8], "big", signed=True)
        engine = sqlalchemy.create_engine(
            self.database.url,
            connect_args=self.database.engine_arguments()["connect_args"],
            isolation_level="AUTOCOMMIT",
            poolclass=sqlalchemy.NullPool,
        )
        try:
            self._server = engine.connect()
            taken = self._server.scalar(sqlalchemy.text("SELECT pg_try_advisory_lock(:key)"), {"key": key})
        except sqlalchemy.exc.SQLAlchemyError as error:
            self._let_go()
            raise StorageError(
                f"The study's database must be reachable. Received: {self.database.shown()}: {first_line(error)}. "
                "Check --storage and the server."
            ) from error
        if not taken:
            self._let_go()
            raise _busy(f"{self._study} in {self.database.shown()}")

    def _let_go(self) -> None:
        if self._server is not None:
            with suppress(sqlalchemy.exc.SQLAlchemyError):
                self._server.close()
            self._server = None


def _busy(what: str) -> StudyBusy:
    return StudyBusy(
        f"A study has one driver at a time. Received: {what}, on which another process is working. "
        "Wait until it ends, or stop it."
    )
