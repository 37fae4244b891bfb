"""A study in a real PostgreSQL whose server goes away: what ended is there afterwards, and one driver goes on.

What a study does on any database is tested on PostgreSQL too where it is tested on SQLite: `on_every_database`.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy

from fashion_model.config import TrainConfig
from fashion_model.data.splits import TrainingSplits
from search.command.process import interrupt
from search.places.in_process import InProcess
from search.study.open_study import StudySpec, open_study
from search.study.storage.database import Database
from search.study.storage.lock import StudyLock
from search.worker.assignment import TrialPlan
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import Cause, Fault, StorageError, StudyBusy
from tests.search.conftest import NARROW, WORK, RunTrial, Watcher, fixed_settings
from tests.search.postgres import Server, fresh_database, stoppable_server
from tests.search.study.test_lock import take

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def stoppable() -> Iterator[Server]:
    with stoppable_server() as running:
        yield running


@pytest.fixture
def postgres(stoppable: Server) -> Iterator[Server]:
    """A server that runs before and after the test."""
    yield stoppable
    if stoppable._process is None:
        stoppable.start()


@pytest.fixture
def spec_there(spec: StudySpec, postgres: Server) -> StudySpec:
    database = Database(fresh_database(postgres.url), patience_seconds=10.0)
    return replace(spec, database=database, lock=StudyLock(database, "s"))


def test_a_server_that_is_back_within_the_patience_costs_nothing(
    spec_there: StudySpec, postgres: Server, tmp_path: Path
) -> None:
    study = open_study(spec_there, Watcher())
    number = study.ask().number
    study.report(number, 1, 0.5)
    postgres.stop()
    start, ended = time.monotonic(), threading.Event()

    def finish() -> None:
        study.finish(number, WORK, pruned=False)
        ended.set()

    waiting = threading.Thread(target=finish)
    waiting.start()
    time.sleep(1.0)
    assert not ended.is_set()
    postgres.start()  # in this thread: the server ends with the one that began it
    waiting.join()
    assert 1.0 < time.monotonic() - start < 9
    assert [record.value for record in study.records()] == [0.5]
    assert open_study(spec_there, Watcher()).records() == study.records()
    assert not (tmp_path / "spool.jsonl").exists()


def test_what_a_stopped_server_does_not_take_is_kept_and_told_when_it_is_back(
    spec_there: StudySpec, postgres: Server, run_trial: RunTrial, tmp_path: Path
) -> None:
    impatient = replace(spec_there, database=replace(spec_there.database, patience_seconds=0.5))
    study = open_study(impatient, Watcher())
    run_trial(study, [0.5])
    number, other = study.ask().number, study.ask().number
    study.report(number, 1, 0.6)
    postgres.stop()
    with pytest.raises(StorageError, match=r"must be writable\. Received: postgresql.*:\*{3}@.*refused") as error:
        study.finish(number, WORK, pruned=False)
    assert str(sqlalchemy.make_url(spec_there.database.url).password) not in str(error.value)
    assert study.fail_unfinished(Fault(Cause.INTERRUPTED)) == 0
    study.close()
    with pytest.raises(StorageError, match=r"must be readable and writable"):
        open_study(impatient, Watcher(), exists=True)
    assert (tmp_path / "spool.jsonl").exists()
    postgres.start()
    again = open_study(impatient, Watcher(), exists=True)
    assert [(record.value, record.attempts) for record in again.records()] == [(0.5, 1), (0.6, 1)]
    assert (again.orphans, again.ask().lineage) == (1, other)
    assert not (tmp_path / "spool.jsonl").exists()


def test_a_signal_ends_the_wait_for_a_server(
    spec_there: StudySpec, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(spec_there, Watcher())
    number = study.ask().number
    postgres.stop()
    monkeypatch.setattr(interrupt, "_signals", interrupt._Signals())
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    interrupt.catch_signals()
    start = time.monotonic()
    try:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(interrupt.Interrupted) as raised:
            study.report(number, 1, 0.5)
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
    assert isinstance(raised.value.__context__, StorageError)
    assert study.broken is raised.value.__context__
    assert time.monotonic() - start < 4  # of the ten that it would have waited


def test_a_lock_that_the_restarted_server_has_forgotten_is_taken_again_before_anything_is_written(
    spec_there: StudySpec, postgres: Server, run_trial: RunTrial
) -> None:
    lock = spec_there.lock
    with lock.held():
        study = open_study(spec_there, Watcher())
        run_trial(study, [0.5])
        postgres.stop()
        with pytest.raises(StorageError, match="must be reachable"):
            lock.require()  # in vain, while it is away
        postgres.start()
        take(StudyLock(spec_there.database, "s"))  # forgotten
        run_trial(study, [0.6])
        with pytest.raises(StudyBusy):
            take(StudyLock(spec_there.database, "s"))
    take(StudyLock(spec_there.database, "s"))
    assert [record.value for record in study.records()] == [0.5, 0.6]


def test_a_driver_whose_study_another_took_over_writes_no_more(
    spec_there: StudySpec, postgres: Server, run_trial: RunTrial, tmp_path: Path
) -> None:
    other_lock = StudyLock(spec_there.database, "s")
    with spec_there.lock.held():
        slow = open_study(spec_there, Watcher())
        number = slow.ask().number
        slow.report(number, 1, 0.5)
        postgres.stop()
        postgres.start()
        with other_lock.held():
            quick = open_study(replace(spec_there, lock=other_lock), Watcher())
            with pytest.raises(StudyBusy) as error:
                slow.finish(number, WORK, pruned=False)
            assert slow.broken is error.value
            assert slow.fail_unfinished(Fault(Cause.INTERRUPTED)) == 0
            run_trial(quick, [0.7])
            assert [(record.value, record.attempts) for record in quick.records()] == [(0.7, 2)]
    assert not (tmp_path / "spool.jsonl").exists()


def test_a_refused_password_is_a_clear_error_that_does_not_show_it(spec_there: StudySpec) -> None:
    url = sqlalchemy.make_url(spec_there.database.url).set(password="not-the-one")
    refused = Database(url.render_as_string(hide_password=False))
    with pytest.raises(StorageError, match="password authentication failed") as opening:
        open_study(replace(spec_there, database=refused), Watcher())
    with pytest.raises(StorageError, match="password authentication failed") as locking:
        take(StudyLock(refused, "s"))
    assert "not-the-one" not in f"{opening.value} {locking.value}"


def test_a_search_has_the_same_trials_on_postgresql_as_on_sqlite(
    spec: StudySpec, spec_there: StudySpec, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    def search(there: StudySpec, folder: str) -> list[tuple[object, ...]]:
        store = CheckpointStore(str(tmp_path / folder))
        narrow = replace(there, fixed=fixed_settings(epochs=3), space=NARROW, sampler="tpe")
        study = open_study(narrow, Watcher())
        InProcess(store).run_trials(study, tiny_splits, TrialPlan(trials=5, epochs=3, seed=0))
        study.close()
        return [(r.number, r.status, r.reason, r.config, r.value, r.measurements) for r in study.records()]

    here, there = search(spec, "a"), search(spec_there, "b")
    assert here == there
    assert len(here) == 5
    assert all(isinstance(trial[3], TrainConfig) for trial in here)
