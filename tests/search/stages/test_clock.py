"""A clock that is set back between two runs, or a machine in another time zone: order is by trial number alone."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from search.stages.finalists import choose_finalists
from search.study.open_study import StudySpec, open_study

from ..conftest import RunTrial, Watcher


def test_records_come_by_number_whatever_the_clock_says(spec: StudySpec, run_trial: RunTrial) -> None:
    study = open_study(replace(spec, pruner="none"), Watcher())
    numbers = [run_trial(study, [value]) for value in (0.5, 0.7, 0.6)]
    study.close()
    file = spec.database.file()
    assert file is not None
    with closing(sqlite3.connect(file)) as connection:
        moved = "datetime({0}, '-' || number || ' hours')"
        columns = ", ".join(f"{name} = {moved.format(name)}" for name in ("datetime_start", "datetime_complete"))
        connection.execute(f"UPDATE trials SET {columns}")  # noqa: S608 - the names above, no input in it
        ends = connection.execute("SELECT trial_id, value_json FROM trial_user_attributes WHERE key = 'end'").fetchall()
        for row, (trial_id, end) in enumerate(ends):
            ended = (datetime(2026, 1, 2, tzinfo=UTC) - timedelta(hours=row)).isoformat(timespec="seconds")
            connection.execute(
                "UPDATE trial_user_attributes SET value_json = ? WHERE key = 'end' AND trial_id = ?",
                (json.dumps(json.loads(end) | {"ended": ended}), trial_id),
            )
        connection.commit()
    again = open_study(replace(spec, pruner="none"), Watcher())
    records = again.records()
    assert [record.number for record in records] == numbers
    assert records[2].ended < records[0].ended
    assert [finalist.value for finalist in choose_finalists(records, 3)] == [0.7, 0.6, 0.5]
    assert run_trial(again, [0.8]) > max(numbers)
    assert [record.value for record in again.records()] == [0.5, 0.7, 0.6, 0.8]
