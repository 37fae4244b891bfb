"""A trial's rows in Optuna's tables, written in one transaction for each thing that happens to it.

Optuna writes a parameter, an attribute or a state at a time, each in a transaction and after reading the trial again:
some 25 transactions to begin a trial of this space, where one is enough. What is written is the same, and
Optuna's own reader is what reads it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import optuna
import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.dialects import postgresql, sqlite

_INSERT: Final[Mapping[str, Callable[[sqlalchemy.Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}

_TRIALS: Final = models.TrialModel.__table__
_PARAMETERS: Final = models.TrialParamModel.__table__
_VALUES: Final = models.TrialValueModel.__table__
_EPOCHS: Final = models.TrialIntermediateValueModel.__table__
_USER: Final = models.TrialUserAttributeModel.__table__
_SYSTEM: Final = models.TrialSystemAttributeModel.__table__


class Rows:
    """The rows of one study's trials. Each change may be made twice: the answer to the first may have been lost."""

    def __init__(self, storage: optuna.storages.RDBStorage, study_id: int, trials: Iterable[FrozenTrial]) -> None:
        self._engine, self._study_id = storage.engine, study_id
        self._ids = {trial.number: trial._trial_id for trial in trials if trial.state is TrialState.RUNNING}
        self._tried: int | None = None

    def begin(self, trial: FrozenTrial) -> None:
        """Add a trial under way, with its parameters and attributes."""
        with self._engine.begin() as connection:
            row = self._already_there(connection, trial.number)
            if row is None:
                row = self._add(connection, trial)
        self._ids[trial.number] = row

    def report(self, number: int, epoch: int, value: float, attributes: Mapping[str, Any]) -> None:
        """Add a trial's value after an epoch, and what the pruner keeps of it."""
        stored, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
        cells = {"step": epoch, "intermediate_value": stored, "intermediate_value_type": kind}
        with self._engine.begin() as connection:
            self._put(connection, _EPOCHS, ["trial_id", "step"], [{"trial_id": self._ids[number]} | cells])
            self._put_attributes(connection, _SYSTEM, self._ids[number], attributes)

    def end(self, trial: FrozenTrial, attributes: Mapping[str, Any]) -> None:
        """Write how a trial ended, unless that is there already."""
        row = self._ids[trial.number]
        ended = {"state": trial.state, "datetime_complete": _utc(trial.datetime_complete)}
        is_running = (_TRIALS.c.trial_id == row) & (_TRIALS.c.state == TrialState.RUNNING)
        with self._engine.begin() as connection:
            if connection.execute(sqlalchemy.update(_TRIALS).where(is_running).values(ended)).rowcount:
                self._put_attributes(connection, _USER, row, attributes)
                if trial.values:
                    stored, kind = models.TrialValueModel.value_to_stored_repr(trial.values[0])
                    cells = {"trial_id": row, "objective": 0, "value": stored, "value_type": kind}
                    self._put(connection, _VALUES, ["trial_id", "objective"], [cells])
        del self._ids[trial.number]

    def _already_there(self, connection: sqlalchemy.Connection, number: int) -> int | None:
        """The row of a trial whose first write has got through; a number is tried twice only after an error."""
        if self._tried != number:
            self._tried = number
            return None
        there = (_TRIALS.c.study_id == self._study_id) & (_TRIALS.c.number == number)
        return connection.scalar(sqlalchemy.select(_TRIALS.c.trial_id).where(there))

    def _add(self, connection: sqlalchemy.Connection, trial: FrozenTrial) -> int:
        cells = {"number": trial.number, "study_id": self._study_id, "state": trial.state}
        started = {"datetime_start": _utc(trial.datetime_start)}
        row = connection.scalar(sqlalchemy.insert(_TRIALS).values(cells | started).returning(_TRIALS.c.trial_id))
        parameters = [
            {
                "trial_id": row,
                "param_name": name,
                "param_value": distribution.to_internal_repr(trial.params[name]),
                "distribution_json": distribution_to_json(distribution),
            }
            for name, distribution in trial.distributions.items()
        ]
        connection.execute(sqlalchemy.insert(_PARAMETERS), parameters)
        self._put_attributes(connection, _USER, row, trial.user_attrs)
        self._put_attributes(connection, _SYSTEM, row, trial.system_attrs)
        return int(row)

    def _put_attributes(
        self, connection: sqlalchemy.Connection, table: sqlalchemy.Table, row: int, attributes: Mapping[str, Any]
    ) -> None:
        cells = [{"trial_id": row, "key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]
        self._put(connection, table, ["trial_id", "key"], cells)

    def _put(
        self,
        connection: sqlalchemy.Connection,
        table: sqlalchemy.Table,
        key: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
    ) -> None:
        """Insert rows; of one whose key is there, the other cells become the new ones."""
        if rows:
            insert = _INSERT[self._engine.dialect.name](table)
            others = {name: insert.excluded[name] for name in rows[0] if name not in key}
            connection.execute(insert.on_conflict_do_update(index_elements=key, set_=others), rows)


def _utc(moment: datetime | None) -> datetime | None:
    """As Optuna stores it: UTC without a zone, from local time without one."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None
