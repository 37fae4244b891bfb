"""The database that holds the study: what is damaged is left as it is, and the copy beside it opens again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reports.records import TrialRecord
from search.study.open_study import StudySpec, open_study
from search.study.storage.database import Database, backup_file, sqlite_url
from search.study.study import SearchStudy
from search.worker.faults import StorageError
from tests.search.conftest import RunTrial, Watcher
from tests.search.disk import fill, make_read_only


def overwrite(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"these are the first bytes of somebody else's file" * 20)


def truncate(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(30_000)


def empty(file: Path) -> None:
    """Its header stays, the first page of data is gone."""
    with file.open("r+b") as opened:
        opened.seek(100)
        opened.write(bytes(4096))


@pytest.fixture
def closed(spec: StudySpec, run_trial: RunTrial) -> tuple[TrialRecord, ...]:
    """The results of a study that was closed."""
    study = open_study(spec, Watcher())
    for value in (0.5, 0.6):
        run_trial(study, [value])
    study.close()
    return study.records()


def test_the_file_is_known_and_a_password_is_never_shown() -> None:
    server = Database("postgresql+psycopg://me:s3cret@host/db")
    assert (server.file(), server.shown()) == (None, "postgresql+psycopg://me:***@host/db")
    assert Database(sqlite_url(Path("/a/study.db"))).file() == Path("/a/study.db")
    assert backup_file(Path("/a/study.db")) == Path("/a/study.db.backup")


@pytest.mark.parametrize("damage", [overwrite, truncate, empty])
def test_a_damaged_file_is_refused_and_left_as_it_is_and_its_copy_opens(
    damage: Callable[[Path], None], spec: StudySpec, closed: tuple[TrialRecord, ...], tmp_path: Path
) -> None:
    file, copy = tmp_path / "study.db", tmp_path / "study.db.backup"
    damage(file)
    before = file.read_bytes()
    with pytest.raises(StorageError) as error:
        open_study(spec, Watcher(), exists=True)
    start = f"The study's database must be sound. Received: {file}: "
    assert str(error.value).startswith(start)
    assert str(error.value).endswith(f". Its last copy is {copy}: move it there and resume.")
    assert file.read_bytes() == before
    copy.replace(file)
    assert open_study(spec, Watcher(), exists=True).records() == closed


def test_a_damaged_file_beside_the_log_of_a_killed_driver_is_left_as_it_is_and_so_is_the_log(
    spec: StudySpec, study: SearchStudy, run_trial: RunTrial, tmp_path: Path
) -> None:
    run_trial(study, [0.5])
    study.close()
    run_trial(open_study(spec, Watcher()), [0.6])
    left = tmp_path / "left"  # what there is when it is killed now
    left.mkdir()
    for name in ("study.db", "study.db-wal", "study.db.backup"):
        shutil.copy(tmp_path / name, left)
    truncate(left / "study.db")
    before = {name: (left / name).read_bytes() for name in ("study.db", "study.db-wal")}
    there = replace(spec, database=Database(sqlite_url(left / "study.db")))
    with pytest.raises(StorageError, match=r"move it there, delete study\.db-wal and resume\.$"):
        open_study(there, Watcher(), exists=True)
    assert {name: (left / name).read_bytes() for name in before} == before
    (left / "study.db.backup").replace(left / "study.db")
    (left / "study.db-wal").unlink()
    assert [record.value for record in open_study(there, Watcher(), exists=True).records()] == [0.5]


def test_a_damaged_file_without_a_copy_says_that_there_is_none(
    spec: StudySpec, closed: tuple[TrialRecord, ...], tmp_path: Path
) -> None:
    (tmp_path / "study.db.backup").unlink()
    overwrite(tmp_path / "study.db")
    with pytest.raises(StorageError, match=r"There is no copy of it: start anew under another --name\.$"):
        open_study(spec, Watcher(), exists=True)


@pytest.mark.parametrize("log", [True, False])
def test_a_missing_file_is_not_begun_anew_and_the_log_of_a_killed_driver_is_told(
    log: bool, spec: StudySpec, closed: tuple[TrialRecord, ...], tmp_path: Path
) -> None:
    file, copy = tmp_path / "study.db", tmp_path / "study.db.backup"
    file.unlink()
    if log:
        (tmp_path / "study.db-wal").write_bytes(b"what was not in the database yet")
    with pytest.raises(StorageError) as error:
        open_study(spec, Watcher(), exists=True)
    remedy = f"Its last copy is {copy}: move it there{', delete study.db-wal' if log else ''} and resume."
    assert str(error.value) == f"A search goes on from its study. Received: no file {file}. {remedy}"
    assert not file.exists()


def test_closing_a_study_leaves_a_copy_with_every_result(
    spec: StudySpec, closed: tuple[TrialRecord, ...], tmp_path: Path
) -> None:
    copied = Database(sqlite_url(tmp_path / "study.db.backup"))
    assert open_study(replace(spec, database=copied), Watcher(), exists=True).records() == closed


def test_opening_a_study_again_makes_a_copy_first(spec: StudySpec, study: SearchStudy, run_trial: RunTrial) -> None:
    run_trial(study, [0.5])
    copy = backup_file(Path(str(spec.database.file())))
    assert not copy.exists()
    open_study(spec, Watcher())
    assert copy.is_file()


def test_the_database_is_in_write_ahead_mode(study: SearchStudy, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_database_that_cannot_be_opened_is_named_with_the_remedy(spec: StudySpec, tmp_path: Path) -> None:
    missing = Database(f"sqlite:///{tmp_path}/missing/study.db")
    with pytest.raises(StorageError, match=r"must be readable and writable. Received: sqlite:///.*missing.*--storage"):
        open_study(replace(spec, database=missing), Watcher())


def test_a_study_on_a_disk_that_became_read_only_is_a_storage_error(
    spec: StudySpec, run_trial: RunTrial, small_disk: Path
) -> None:
    there = replace(spec, database=Database(sqlite_url(small_disk / "study.db"), patience_seconds=0.2))
    study = open_study(there, Watcher())
    run_trial(study, [0.5])
    study.close()
    before = (small_disk / "study.db").read_bytes()
    make_read_only(small_disk)
    with pytest.raises(StorageError, match=r"must be readable and writable\. Received: sqlite:///.*unable to open"):
        open_study(there, Watcher(), exists=True)
    assert (small_disk / "study.db").read_bytes() == before


def test_a_copy_that_does_not_fit_on_the_disk_is_a_storage_error_and_the_one_before_stays(
    spec: StudySpec, run_trial: RunTrial, small_disk: Path
) -> None:
    there = replace(spec, database=Database(sqlite_url(small_disk / "study.db"), patience_seconds=0.2))
    study = open_study(there, Watcher())
    run_trial(study, [0.5])
    study._durable.back_up()
    copy = small_disk / "study.db.backup"
    before = copy.read_bytes()
    filler = fill(small_disk, leave=64 * 1024)
    study.close()  # the study is whole, so this is no error
    assert copy.read_bytes() == before
    filler.unlink()
    filler = fill(small_disk, leave=64 * 1024)  # closing it has made room
    with pytest.raises(StorageError, match=r"must have a copy beside it\. Received: .*full\. Free space there"):
        open_study(there, Watcher(), exists=True)
    assert copy.read_bytes() == before
    assert not list(small_disk.glob(".study*"))
    filler.unlink()
    assert open_study(there, Watcher(), exists=True).records() == study.records()
