"""Results that the database does not take: waited for, or kept beside it and told to it the next time."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from search.study.open_study import StudySpec, open_study
from search.study.storage.database import Database, backup_file, sqlite_url
from search.study.study import SearchStudy
from search.worker.faults import Cause, Fault, StorageError
from tests.search.conftest import WORK, RunTrial, Watcher
from tests.search.disk import fill


@pytest.fixture
def impatient(spec: StudySpec) -> StudySpec:
    """The study's database, waited for only a moment."""
    return replace(spec, database=replace(spec.database, patience_seconds=0.3))


@contextmanager
def locked(spec: StudySpec, *, seconds: float | None = None) -> Iterator[None]:
    """Somebody else's exclusive transaction on the database during the body; with `seconds`, so long at the most."""
    connection = sqlite3.connect(str(spec.database.file()), isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(seconds, connection.rollback) if seconds is not None else None
    try:
        if release:
            release.start()
        yield
    finally:
        if release:
            release.join()
        elif connection.in_transaction:
            connection.rollback()
        connection.close()


def spooled(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "spool.jsonl").read_text().splitlines() if line]


def finish_while_locked(spec: StudySpec, values: list[float]) -> int:
    """A trial that ends while somebody else has the database and does not let go. Returns its number."""
    study = open_study(spec, Watcher())
    number = study.ask().number
    for epoch, value in enumerate(values, start=1):
        study.report(number, epoch, value)
    with locked(spec), pytest.raises(StorageError) as error:
        study.finish(number, WORK, pruned=False)
    expected = f"The study must be writable. Received: {spec.database.shown()}: (sqlite3.OperationalError) database is "
    assert str(error.value).startswith(expected + "locked")
    assert str(error.value).endswith("Mend that, then resume: nothing that ended is lost.")
    assert study.broken is error.value
    assert study.fail_unfinished(Fault(Cause.INTERRUPTED)) == 0
    study.close()
    return number


def test_a_lock_that_is_released_within_the_patience_costs_nothing(spec: StudySpec, tmp_path: Path) -> None:
    study = open_study(spec, Watcher())
    number = study.ask().number
    study.report(number, 1, 0.5)
    with locked(spec, seconds=0.4):
        study.finish(number, WORK, pruned=False)
    assert [(record.number, record.value) for record in study.records()] == [(number, 0.5)]
    assert open_study(spec, Watcher()).records() == study.records()
    assert not (tmp_path / "spool.jsonl").exists()


def test_a_result_that_a_locked_database_does_not_take_is_kept_and_told_when_it_is_opened(
    impatient: StudySpec, tmp_path: Path
) -> None:
    number = finish_while_locked(impatient, [0.4, 0.5])
    (entry,) = spooled(tmp_path)
    assert (entry["number"], entry["state"], entry["values"]) == (number, "COMPLETE", [[1, 0.4], [2, 0.5]])
    study = open_study(impatient, Watcher(), exists=True)
    assert (study.orphans, study.counts.ended()) == (0, 1)
    (record,) = study.records()
    assert (record.number, record.status, record.value, record.is_reference) == (number, "COMPLETE", 0.5, True)
    assert (record.measurements, record.work.worker, record.work.seconds) == (((1, 0.4), (2, 0.5)), "host:1", 2.0)
    assert not (tmp_path / "spool.jsonl").exists()
    assert open_study(impatient, Watcher()).records() == (record,)


def test_a_fault_that_a_locked_database_does_not_take_is_started_again_when_it_is_opened(impatient: StudySpec) -> None:
    study = open_study(impatient, Watcher())
    number = study.ask().number
    with locked(impatient), pytest.raises(StorageError):
        study.fail(number, Fault(Cause.WORKER_DIED), WORK)
    study.close()
    study = open_study(impatient, Watcher())
    assert (study.orphans, study.waiting(), study.records()) == (0, 1, ())
    study.fail(study.ask().number, Fault(Cause.WORKER_DIED), WORK)
    (record,) = study.records()
    assert (record.attempts, record.lineage, record.reason) == (2, 0, "its worker died (attempt 2, the last)")


def test_a_value_that_a_locked_database_does_not_take_is_reported_again_by_the_next_attempt(
    impatient: StudySpec,
) -> None:
    study = open_study(impatient, Watcher())
    number = study.ask().number
    study.report(number, 1, 0.4)
    with locked(impatient), pytest.raises(StorageError):
        study.report(number, 2, 0.5)
    study.close()
    study = open_study(impatient, Watcher())
    assert (study.orphans, study.waiting(), study.ask().lineage) == (1, 1, number)


@pytest.mark.parametrize(
    ("torn", "before"), [('{"number": 0, "sta', True), ('{"number": 0, "sta', False), ("[1, 2]\n\n\x00\x00\n", True)]
)
def test_a_torn_line_of_the_spool_costs_no_other_result(
    torn: str, before: bool, impatient: StudySpec, tmp_path: Path
) -> None:
    spool = tmp_path / "spool.jsonl"
    if before:
        spool.write_text(torn)
    finish_while_locked(impatient, [0.5])
    if not before:
        with spool.open("a") as file:
            file.write(torn)
    assert [record.value for record in open_study(impatient, Watcher()).records()] == [0.5]
    assert not spool.exists()


def test_a_spooled_result_that_the_study_has_already_is_told_once(impatient: StudySpec, tmp_path: Path) -> None:
    finish_while_locked(impatient, [0.5])
    entry = (tmp_path / "spool.jsonl").read_bytes()
    records = open_study(impatient, Watcher()).records()
    (tmp_path / "spool.jsonl").write_bytes(entry * 2)
    assert open_study(impatient, Watcher()).records() == records


def test_a_result_of_a_trial_that_the_study_does_not_know_is_refused_and_stays(
    impatient: StudySpec, tmp_path: Path
) -> None:
    finish_while_locked(impatient, [0.5])
    spool = tmp_path / "spool.jsonl"
    before = spool.read_text().replace('"number": 0', '"number": 7')
    spool.write_text(before)
    expected = rf"Results kept in {spool} must belong to the study\. Received: one of trial 7, where the study has 1\."
    with pytest.raises(StorageError, match=expected):
        open_study(impatient, Watcher())
    assert spool.read_text() == before


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_database_that_is_lost_while_it_is_open_is_copied_with_the_last_result(
    how: str, spec: StudySpec, run_trial: RunTrial, tmp_path: Path
) -> None:
    file, copy = tmp_path / "study.db", tmp_path / "study.db.backup"
    study = open_study(spec, Watcher())
    run_trial(study, [0.5])
    number = study.ask().number
    study.report(number, 1, 0.6)
    under_way = study.ask().number
    file.unlink()
    if how == "replaced":
        file.write_bytes(b"somebody else's")
    with pytest.raises(StorageError, match=rf"{file} was deleted or replaced\. All that it held is in {copy}: move it"):
        study.finish(number, WORK, pruned=False)
    assert study.fail_unfinished(Fault(Cause.INTERRUPTED)) == 0
    study.close()
    copy.replace(file)
    again = open_study(spec, Watcher(), exists=True)
    assert again.records() == study.records()
    assert [record.value for record in again.records()] == [0.5, 0.6]
    assert (again.orphans, again.ask().lineage) == (1, under_way)


def test_the_copy_is_renewed_now_and_then(
    spec: StudySpec, run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    study = open_study(spec, Watcher())
    run_trial(study, [0.5])
    copied = backup_file(tmp_path / "study.db")
    assert not copied.exists()
    monkeypatch.setattr("search.study.storage.durable._BACKUP_SECONDS", 0.0)
    run_trial(study, [0.6])
    found = open_study(replace(spec, database=Database(sqlite_url(copied))), Watcher(), exists=True).records()
    assert [record.value for record in found] == [0.5, 0.6]


@pytest.fixture
def on_small_disk(spec: StudySpec, small_disk: Path) -> StudySpec:
    """A study with two results whose database and spool lie on a disk of a megabyte."""
    database = Database(sqlite_url(small_disk / "study.db"), patience_seconds=0.3)
    return replace(spec, database=database, folder=small_disk)


def finish_on_a_full_disk(spec: StudySpec, run_trial: RunTrial, disk: Path) -> tuple[SearchStudy, Path]:
    study = open_study(spec, Watcher())
    run_trial(study, [0.5])
    number = study.ask().number
    study.report(number, 1, 0.6)
    filler = fill(disk)
    with pytest.raises(StorageError, match=r"database or disk is full\. Free space there, then resume\.$"):
        study.finish(number, WORK, pruned=False)
    study.close()
    return study, filler


def test_on_a_full_disk_what_ended_before_is_there_and_the_trial_under_way_is_started_again(
    on_small_disk: StudySpec, run_trial: RunTrial, small_disk: Path
) -> None:
    study, filler = finish_on_a_full_disk(on_small_disk, run_trial, small_disk)
    filler.unlink()
    again = open_study(on_small_disk, Watcher(), exists=True)
    assert again.records() == study.records()
    assert (len(again.records()), again.waiting()) == (1, 1)
    run_trial(again, [0.6])
    assert [(record.value, record.attempts) for record in again.records()] == [(0.5, 1), (0.6, 2)]


def test_a_result_that_a_full_disk_does_not_take_is_kept_in_the_run_folder_on_another(
    on_small_disk: StudySpec, run_trial: RunTrial, small_disk: Path, tmp_path: Path
) -> None:
    elsewhere = replace(on_small_disk, folder=tmp_path)
    _, filler = finish_on_a_full_disk(elsewhere, run_trial, small_disk)
    filler.unlink()
    again = open_study(elsewhere, Watcher(), exists=True)
    assert [(record.value, record.attempts) for record in again.records()] == [(0.5, 1), (0.6, 1)]


def test_where_the_run_folder_is_full_too_a_locked_databases_trial_is_started_again(
    impatient: StudySpec, small_disk: Path
) -> None:
    full = replace(impatient, folder=small_disk)
    filler = fill(small_disk)
    number = finish_while_locked(full, [0.5])
    filler.unlink()
    study = open_study(full, Watcher())
    assert (study.records(), study.waiting(), study.ask().lineage) == ((), 1, number)
