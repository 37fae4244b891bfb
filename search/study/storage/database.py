"""The database that holds the study, SQLite in a file or PostgreSQL on a server: opening, checking, copying."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import optuna
import sqlalchemy

from search.command.settings import without_password
from search.study import internals
from search.worker.faults import StorageError, first_line

# Optuna begins a trial up to five times while the database is locked, and hears no Ctrl-C in between
_LOCK_TIMEOUT_SECONDS: Final = 1.0
# libpq's own settings: a machine that vanished is noticed within a minute by both sides, rather than within two hours
_LIBPQ: Final[Mapping[str, int]] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}

_ESCAPES: Final = {ord(character): f"%{ord(character):X}" for character in "%?{}"}


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of a database file. A `?` or `%` of its name would mean something; Optuna fills in braces."""
    return f"sqlite:///{str(path.resolve()).translate(_ESCAPES)}"


@dataclass(frozen=True, slots=True)
class Database:
    """Where a study is stored, and for how many seconds to wait for a lock on it."""

    url: str
    patience_seconds: float = 60.0  # SQLite's own 5 s lose a result when a reader is slow

    def file(self) -> Path | None:
        """The file of an SQLite database; None for a server's."""
        url = sqlalchemy.engine.make_url(self.url)
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    def shown(self) -> str:
        """The URL without its password."""
        return without_password(self.url)

    def connect(self) -> optuna.storages.RDBStorage:
        """Optuna's storage in this database; makes Optuna's tables where there are none.

        Raises:
            StorageError: when it cannot be opened, or the file is damaged.
        """
        file = self.file()
        if file is not None and file.exists():
            _require_sound(file)
        try:
            storage = internals.storage(self.url, self.engine_arguments())
            if file is not None:
                _write_ahead(file)
        except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, sqlite3.Error) as error:
            raise StorageError(
                f"The study's database must be readable and writable. Received: {self.shown()}: {first_line(error)}. "
                "Check --storage."
            ) from error
        return storage

    def close(self, storage: optuna.storages.RDBStorage) -> None:
        """End the connections of a storage."""
        storage.remove_session()
        storage.engine.dispose()

    def engine_arguments(self) -> dict[str, Any]:
        """How to connect: how long to wait, and to look whether a pooled connection still lives."""
        if self.file() is not None:
            # shorter than the patience: between two tries a Ctrl-C is heard
            return {"connect_args": {"timeout": min(_LOCK_TIMEOUT_SECONDS, self.patience_seconds)}}
        return {"pool_pre_ping": True, "connect_args": dict(_LIBPQ)}


def backup_file(database: Path) -> Path:
    """Where the copy of a database file lies."""
    return database.with_name(f"{database.name}.backup")


def how_to_restore(database: Path) -> str:
    """What to do where the file is lost. What a killed driver left of its log does not fit to an older copy."""
    copy, log = backup_file(database), database.with_name(f"{database.name}-wal")
    if not copy.exists():
        return "There is no copy of it: start anew under another --name."
    is_left = log.exists() and log.stat().st_size > 0  # looking at a database leaves an empty one
    return f"Its last copy is {copy}: move it there{f', delete {log.name}' if is_left else ''} and resume."


def back_up(storage: optuna.storages.RDBStorage, database: Path) -> Path:
    """Copy an SQLite database to its backup file, through an open connection: it may be gone. Returns that file.

    Raises:
        StorageError: when it cannot be written; the copy before it stays.
    """
    copy = backup_file(database)
    beside = copy.with_name(f".{copy.name}.tmp")
    try:
        beside.unlink(missing_ok=True)
        with closing(storage.engine.raw_connection()) as source, closing(sqlite3.connect(beside)) as target:
            source.driver_connection.backup(target)  # type: ignore[union-attr]  # sqlite3's own connection
        beside.replace(copy)
    except (OSError, sqlite3.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise StorageError(
            f"The study's database must have a copy beside it. Received: {copy}: {first_line(error)}. "
            "Free space there, or make it writable, then resume."
        ) from error
    return copy


def _require_sound(file: Path) -> None:
    """Refuse a damaged file, before anything is written to it."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = "; ".join(row[0] for row in connection.execute("PRAGMA quick_check"))
    except sqlite3.Error as error:
        if "locked" in str(error) or "unable to open" in str(error):
            return  # busy, or not ours to read: the storage says so with its own reason
        found = str(error)
    if found != "ok":
        raise StorageError(f"The study's database must be sound. Received: {file}: {found}. {how_to_restore(file)}")


def _write_ahead(file: Path) -> None:
    """Readers then never block the writer: 80 trials took 15.1 s against 20.1 s. The mode stays with the file."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
