"""Writes that outlast a locked or briefly absent database, and results that outlast one that stays so."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from search.command.process.interrupt import is_interrupted
from search.study.attempts import REFUSED, End, is_half_written
from search.study.storage.database import Database, back_up
from search.study.storage.lock import StudyLock
from search.worker.faults import StorageError, StudyBusy, first_line

T = TypeVar("T")

_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 5.0
_BACKUP_SECONDS: Final = 300.0
_UNWRITABLE: Final = (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError)


class Durable:
    """Writes what happens to the trials of a study to its database, and copies the database from time to time.

    Results that the database does not take are kept in `spool.jsonl` in the run folder. Opening the study the next
    time writes them. Each write may be made twice: the answer to the first may have been lost.
    """

    def __init__(self, database: Database, storage: optuna.storages.RDBStorage, folder: Path, lock: StudyLock) -> None:
        self._database, self._storage, self._lock = database, storage, lock
        self._study_id = -1
        self._rows: dict[int, int] = {}  # Optuna's id of a running trial, by number
        self._spool = folder / "spool.jsonl"
        self._file = database.file()
        self._identity = _identity(self._file)
        self._backed_up = time.monotonic()

    def write(self, change: Callable[[], T]) -> T:
        """Make a change, again and again with longer and longer pauses for as long as the database's patience lasts.

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

    def use(self, study_name: str) -> None:
        """Write to the study of this name from now on."""
        self._study_id = self.write(lambda: self._storage.get_study_id_from_name(study_name))

    def trials(self) -> list[FrozenTrial]:
        """All trials in the database, by number."""
        return self.write(lambda: self._storage.get_all_trials(self._study_id, deepcopy=False))

    def begin(self, trial: FrozenTrial) -> int:
        """Add a running trial, with its parameters and attributes, in one transaction.

        Returns how many rows there are of it too many, none of which is a result. Optuna itself tries again after an
        error, and adds a second row where the first try had got through.

        Raises:
            StudyBusy: when somebody else has added a trial, so that this one has another number in the database.
        """
        tries = count()
        self._rows[trial.number] = self.write(lambda: self._add(trial, is_repeated=next(tries) > 0))
        repeated = self.write(partial(self._rows_after, trial.number))
        if repeated:
            self._rows.pop(trial.number)  # it is the first of these rows, which Optuna has not named
            self.write(lambda: self._require_same(trial, [self._row(trial.number), *repeated]))
        for row in repeated:
            self.write(partial(self._refuse, row))
        return len(repeated)

    def report(self, number: int, epoch: int, value: float, attributes: Mapping[str, Any]) -> None:
        """Add a trial's value after an epoch, and what the pruner keeps of it."""

        def change() -> None:
            self._storage.set_trial_intermediate_value(self._row(number), epoch, value)
            for key, attribute in attributes.items():
                self._storage.set_trial_system_attr(self._row(number), key, attribute)

        self.write(change)

    def end(self, number: int, end: End, values: Mapping[int, float]) -> None:
        """Write how a trial ended, what proves it first and then the state; keep it in the spool where that fails.

        A trial that has ended in the database keeps its end.

        Raises:
            StorageError: when the database does not take it.
        """
        try:
            self.write(lambda: self._end(number, end, values))
        except StorageError:
            self._keep(number, end, values)
            raise
        self._rows.pop(number, None)

    def mend(self) -> None:
        """Write what a driver that died could not: results in the spool, ends without their state, a row written twice.

        Raises:
            StorageError: when the study has no trial of a result in the spool, or cannot be written.
        """
        trials = self.trials()
        self._replay(trials)
        for trial in filter(is_half_written, trials):
            self.end(trial.number, End.of(trial), trial.intermediate_values)
        for before, trial in pairwise(trials):
            # the same start to the microsecond: one trial in two rows (see begin)
            if trial.state is TrialState.RUNNING and trial.datetime_start == before.datetime_start:
                self.write(partial(self._refuse, self._row(trial.number)))

    def check(self) -> None:
        """See that the database is still the one that was opened, and copy it from time to time.

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
        self._database.close(self._storage)

    def back_up(self) -> None:
        """Copy an SQLite database to a file next to it; a server has its own ways."""
        if self._file is not None:
            back_up(self._storage, self._file)
            self._backed_up = time.monotonic()

    def _row(self, number: int) -> int:
        if number not in self._rows:
            self._rows[number] = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        return self._rows[number]

    def _add(self, trial: FrozenTrial, *, is_repeated: bool) -> int:
        if is_repeated:
            with suppress(KeyError):  # there is none: the first try did not get through
                return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, trial.number)
        return self._storage.create_new_trial(self._study_id, trial)

    def _rows_after(self, number: int) -> list[int]:
        rows: list[int] = []
        with suppress(KeyError):  # there is none
            for later in count(number + 1):
                rows.append(self._storage.get_trial_id_from_study_id_trial_number(self._study_id, later))
        return rows

    def _require_same(self, trial: FrozenTrial, rows: Sequence[int]) -> None:
        if any(self._storage.get_trial(row).datetime_start != trial.datetime_start for row in rows):
            raise StudyBusy(
                f"Only the search may add trials to its study while it runs. Received: {self._database.shown()}, which "
                f"has another trial {trial.number} than the search. Leave the study to the search, then resume."
            )

    def _end(self, number: int, end: End, values: Mapping[int, float]) -> None:
        row = self._row(number)
        value = values[max(values)] if values and end.state is not TrialState.FAIL else math.nan
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            for key, attribute in end.attributes().items():
                self._storage.set_trial_user_attr(row, key, attribute)
            self._storage.set_trial_state_values(row, end.state, None if math.isnan(value) else end.objectives(value))

    def _refuse(self, row: int) -> None:
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(row, REFUSED, "written twice")
            self._storage.set_trial_state_values(row, TrialState.FAIL)

    def _keep(self, number: int, end: End, values: Mapping[int, float]) -> None:
        """Keep the end of a trial that the study did not take.

        Where not even this can be written, as on a full disk, the trial stays a running one: it is retried.
        """
        entry = {"number": number, "state": end.state.name, "values": sorted(values.items()), "end": end.stored()}
        with suppress(OSError), self._spool.open("a", encoding="utf-8") as file:
            file.write(f"\n{json.dumps(entry)}\n")  # not on the end of a line that was torn
            file.flush()
            os.fsync(file.fileno())

    def _replay(self, trials: Sequence[FrozenTrial]) -> None:
        if not self._spool.exists():
            return
        entries = filter(None, map(_entry, self._spool.read_text(encoding="utf-8").splitlines()))
        for entry in {entry["number"]: entry for entry in entries}.values():
            self._replay_one(entry, trials)
        self._spool.unlink()

    def _replay_one(self, entry: Mapping[str, Any], trials: Sequence[FrozenTrial]) -> None:
        number, values = entry["number"], dict(entry["values"])
        if number >= len(trials):
            raise StorageError(
                f"Results kept in {self._spool} must belong to the study. Received: one of trial {number}, "
                f"where the study has {len(trials)}. Put the newer database back, or delete that file."
            )
        if trials[number].state.is_finished():
            return
        for epoch in values.keys() - trials[number].intermediate_values.keys():
            self.report(number, epoch, values[epoch], {})
        self.end(number, End.read({"state": entry["state"]} | entry["end"]), values)

    def _unwritable(self, error: Exception) -> str:
        wrapped = isinstance(error, optuna.exceptions.StorageInternalError) and error.__cause__
        reason = first_line(wrapped or error)
        remedy = "Mend that, then resume: nothing that ended is lost."
        if _is_full(error):
            remedy = "Free space there, then resume."
        return f"The study must be writable. Received: {self._database.shown()}: {reason}. {remedy}"


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
