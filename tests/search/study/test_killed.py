"""A driver that is killed with SIGKILL, at any moment: what it recorded is there, and the rest is started again."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from search.study.attempts import Attempt
from search.study.open_study import StudySpec, open_study
from search.study.storage.database import Database, sqlite_url
from search.study.study import SearchStudy
from tests.processes import child, said
from tests.search.conftest import WORK, RunTrial, Watcher, in_optuna, on_every_database

# argv: the database, the folder, what to do, and before which write to be killed (from 1; 0: at the end)
DRIVER = """
import os, signal, sys
from pathlib import Path
import sqlalchemy
from search.study.storage.database import Database
from search.worker.faults import Cause, Fault
from search.study.open_study import open_study
from tests.search.conftest import WORK, Watcher, study_in

spec, last = study_in(Path(sys.argv[2]), Database(sys.argv[1])), int(sys.argv[4])
writes = 0

def count(*statement):
    global writes
    writes += statement[2].split()[0] in ("INSERT", "UPDATE")
    if 0 < last == writes:
        die()

def die():
    print(writes, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", count)
study = open_study(spec, Watcher())
if sys.argv[3] == "work":
    for value in (0.5, 0.6):
        number = study.ask().number
        study.report(number, 1, value)
        study.finish(number, WORK, pruned=False)
    study.fail(study.ask().number, Fault(Cause.NODE_LOST))
    for epochs in (2, 0, 1):
        number = study.ask().number
        for epoch in range(epochs):
            study.report(number, epoch + 1, 0.9)
die()
"""


def kill(spec: StudySpec, what: str, *, before_write: int = 0) -> int:
    """Have a driver killed. Returns how many writes it made."""
    with child(DRIVER, spec.database.url, str(spec.folder), what, str(before_write)) as driver:
        writes = int(said(driver))
        assert driver.wait() == -9
    return writes


@pytest.mark.slow
@on_every_database
def test_the_trials_of_a_killed_driver_are_started_again_and_its_results_stay(spec: StudySpec) -> None:
    kill(spec, "work")
    watcher = Watcher()
    study = open_study(spec, watcher, exists=True)
    results = study.records()
    assert [(record.status, record.value) for record in results] == [("COMPLETE", 0.5), ("COMPLETE", 0.6)]
    assert (study.orphans, study.waiting(), study.counts.running) == (3, 3, 0)
    assert {seen.reason for seen in watcher.again} == {"the driver died"}
    assert [len(seen.measurements) for seen in watcher.again] == [2, 0, 1]
    asked = [study.ask() for _ in range(3)]
    assert asked[0].lineage < watcher.again[0].number  # the trial whose machine was lost before
    assert [a.lineage for a in asked[1:]] == [seen.number for seen in watcher.again[1:]]
    assert [a.config for a in asked] == [seen.config for seen in watcher.again]
    for assignment in asked:
        study.report(assignment.number, 1, 0.7)
        study.finish(assignment.number, WORK, pruned=False)
    assert study.records()[:2] == results
    assert [record.attempts for record in study.records()] == [1, 1, 3, 2, 2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_driver_killed_at_any_write_of_its_opening_changes_nothing_for_the_next(
    spec: StudySpec, tmp_path: Path
) -> None:
    """The study is opened and killed there, again and again; the limit of a cause may be reached, never passed."""
    kill(spec, "work")
    left = tmp_path / "left"
    left.mkdir()
    open_files = [path for path in tmp_path.iterdir() if path.is_file()]
    for path in open_files:
        shutil.copy(path, left)
    writes = kill(spec, "open")
    assert writes >= 6  # three trials were left open: each is ended, and its state told
    moments = random.Random(0).sample(range(1, writes + 1), 6)  # noqa: S311  # no secret
    for moment in sorted({1, writes, *moments}):
        copy = tmp_path / f"killed-{moment}"
        shutil.copytree(left, copy)
        there = replace(spec, folder=copy, database=Database(sqlite_url(copy / "study.db"), patience_seconds=2.0))
        kill(there, "open", before_write=moment)
        _require_whole(open_study(there, Watcher(), exists=True), there)


def _require_whole(study: SearchStudy, spec: StudySpec) -> None:
    assert [record.value for record in study.records()] == [0.5, 0.6]
    assert (study.waiting(), study.counts.running, study.left(5)) == (3, 0, 3)
    lineages = sorted(study.ask().lineage for _ in range(3))
    assert study.left(5) == 0
    assert study.waiting() == 0
    trials = in_optuna(spec).trials
    refused = {trial.number for trial in trials if "refused" in trial.user_attrs}
    firsts = sorted({Attempt.of(trial).lineage for trial in trials} - refused)
    assert lineages == firsts[2:]  # two of the five have their result
    followed = [Attempt.of(trial).retry_of for trial in trials if Attempt.of(trial).retry_of is not None]
    assert len(followed) == len(set(followed))


@pytest.mark.slow
def test_a_driver_killed_again_and_again_reaches_the_limit_of_attempts_and_goes_on(
    spec: StudySpec, run_trial: RunTrial
) -> None:
    study = open_study(spec, Watcher())
    run_trial(study, [0.5])
    study.ask()
    for _ in range(4):
        study = open_study(spec, Watcher())
        if study.waiting():
            study.ask()
    assert [record.reason for record in study.records()] == ["", "the driver died (attempt 4, the last)"]
    assert study.ask().lineage > study.records()[-1].number
