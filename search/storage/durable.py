"""Writes that outlast a locked or briefly absent database, and results that outlast one that stays so."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from search.faults import StorageError, first_line
from search.interrupt import is_interrupted
from search.storage.database import Database, back_up
from search.storage.lock import StudyLock
from search.storage.stored import END, End, reopen

T = TypeVar("T")

_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 5.0
_BACKUP_SECONDS: Final = 300.0
_UNWRITABLE: Final = (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError)


class Durable:
    """Keeps what the study is told: in its database, in a copy of it, and for results that it does not take, in
    `spool.jsonl` in the run folder, from which they are told again when the study is opened the next time."""

    def __init__(self, database: Database, storage: optuna.storages.RDBStorage, folder: Path, lock: StudyLock) -> None:
        self._database, self._storage, self._lock = database, storage, lock
        self._spool = folder / "spool.jsonl"
        self._file = database.file()
        self._identity = _identity(self._file)
        self._backed_up = time.monotonic()

    def write(self, change: Callable[[], T]) -> T:
        """Make a change, again and again with longer and longer pauses for as long as the database's patience lasts.

        The change must be one that may be made twice: the answer to the first may have been lost.

        Raises:
            StorageError: when it cannot be made.
            StudyBusy: when the server was away, and another driver has taken the study over.
        """
        give_up, pause = time.monotonic() + self._database.patience_seconds, _FIRST_PAUSE_SECONDS
        while True:
            try:
                self._lock.require()  # before each change: a server that was started again has forgotten it
                return change()
            except (StorageError, *_UNWRITABLE) as error:
                if time.monotonic() + pause > give_up or is_interrupted() or _is_full(error):
                    raise StorageError(self._unwritable(error)) from error
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def ended(self) -> None:
        """A trial has ended: see that the database is still the one that was opened, and copy it now and then.

        Raises:
            StorageError: when its file was deleted or replaced.
        """
        if self._file is None:
            return
        if _identity(self._file) != self._identity:
            copy = back_up(self._storage, self._file)
            raise StorageError(
                f"The study's database must stay where it is. Received: {self._file} was deleted or replaced. "
                f"All that it held is in {copy}: move it back, then resume."
            )
        if time.monotonic() - self._backed_up > _BACKUP_SECONDS:
            self.back_up()

    def close(self) -> None:
        """Let go of the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def back_up(self) -> None:
        """Copy an SQLite database beside itself; a server has its own ways."""
        if self._file is not None:
            back_up(self._storage, self._file)
            self._backed_up = time.monotonic()

    def spool(self, number: int, state: TrialState, values: Mapping[int, float], end: End) -> None:
        """Keep the end of a trial that the study did not take.

        Where not even this can be written, as on a full disk, the trial is one that was under way: it is run again.
        """
        entry = {"number": number, "state": state.name, "values": sorted(values.items()), "end": end.stored()}
        with suppress(OSError), self._spool.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(entry)}\n")  # not on the end of a line that was torn
            file.flush()
            os.fsync(file.fileno())

    def replay(self, study: optuna.Study) -> None:
        """Tell the study what was spooled, where it does not have it.

        Raises:
            StorageError: when the study has no such trial, or cannot be written.
        """
        if not self._spool.exists():
            return
        entries = [_entry(line) for line in self._spool.read_text(encoding="utf-8").splitlines()]
        for entry in filter(None, entries):
            self._tell(study, entry)
        self._spool.unlink()

    def _tell(self, study: optuna.Study, entry: Mapping[str, Any]) -> None:
        trials = study.get_trials(deepcopy=False)
        if entry["number"] >= len(trials):
            raise StorageError(
                f"Results kept in {self._spool} must belong to the study. Received: one of trial {entry['number']}, "
                f"where the study has {len(trials)}. Put the newer database back, or delete that file."
            )
        trial = trials[entry["number"]]
        if not trial.state.is_finished():
            self.write(lambda: _tell_again(study, trial, entry))

    def _unwritable(self, error: Exception) -> str:
        wrapped = isinstance(error, optuna.exceptions.StorageInternalError) and error.__cause__
        reason = first_line(wrapped or error)
        mend = "Mend that, then resume: nothing that ended is lost."
        remedy = "Free space there, then resume." if _is_full(error) else mend
        return f"The study must be writable. Received: {self._database.shown()}: {reason}. {remedy}"


def _tell_again(study: optuna.Study, trial: FrozenTrial, entry: Mapping[str, Any]) -> None:
    handle, state = reopen(study, trial), TrialState[entry["state"]]
    for epoch, value in entry["values"]:
        if epoch not in trial.intermediate_values:
            handle.report(value, epoch)
    handle.set_user_attr(END, entry["end"])
    value = entry["values"][-1][1] if state is TrialState.COMPLETE else None
    study.tell(handle, value, state=state, skip_if_finished=True)


def _is_full(error: Exception) -> bool:
    """Whether waiting will not help: SQLite's words for a disk without space."""
    return "disk is full" in str(error.__cause__ or error)


def _entry(line: str) -> dict[str, Any] | None:
    """A line of the spool; None for one that was torn by a full disk or a crash."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _identity(file: Path | None) -> tuple[int, int] | None:
    try:
        status = file.stat() if file else None
    except FileNotFoundError:
        return None
    return (status.st_dev, status.st_ino) if status else None
