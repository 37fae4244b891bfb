"""One driver a study: a second is refused at once, and a dead one holds nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from search.study.storage.database import Database, sqlite_url
from search.study.storage.lock import StudyLock
from search.worker.faults import StorageError, StudyBusy
from tests.processes import child, said
from tests.search.conftest import on_every_database

HOLD_THE_STUDY = """
import sys
from search.study.storage.database import Database
from search.study.storage.lock import StudyLock
with StudyLock(Database(sys.argv[1]), sys.argv[2]).held():
    print("holds", flush=True)
    sys.stdin.readline()
"""


def take(lock: StudyLock) -> None:
    with lock.held():
        pass


def take_soon(lock: StudyLock) -> None:
    """A server frees a dead client's lock as soon as it sees that the connection is gone."""
    deadline = time.monotonic() + 5
    while True:
        try:
            return take(lock)
        except StudyBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_a_server_that_refuses_the_lock_does_not_hold_it(tmp_path: Path) -> None:
    lock = StudyLock(Database(f"sqlite:///{tmp_path}/study.db"), "s")  # which has no such function
    with pytest.raises(StorageError, match=r"must be reachable\. Received: .*pg_try_advisory_lock"):
        lock._take()
    assert not lock._answers()


@on_every_database
def test_a_study_has_one_driver_in_whichever_process_and_none_when_that_was_killed(database: Database) -> None:
    with child(HOLD_THE_STUDY, database.url, "s") as other:
        assert said(other) == "holds"
        start = time.monotonic()
        with pytest.raises(StudyBusy) as error:
            take(StudyLock(database, "s"))
        assert time.monotonic() - start < 2
        other.kill()
        other.wait()
        take_soon(StudyLock(database, "s"))
    file = database.file()
    what = f"s in {database.shown()}" if file is None else file.parent
    expected = f"A study has one driver at a time. Received: {what}, on which another process is working."
    assert str(error.value) == f"{expected} Wait until it ends, or stop it."
    assert file is not None or ":***@" in database.shown()


@on_every_database
def test_the_study_is_free_for_another_driver_after_the_body_even_one_that_raised(database: Database) -> None:
    lock = StudyLock(database, "s")

    def fail() -> None:
        with lock.held():
            lock.require()  # held: nothing to take
            with pytest.raises(StudyBusy):
                take(StudyLock(database, "s"))
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
    take(StudyLock(database, "s"))


@on_every_database
def test_a_lock_that_is_not_held_is_not_taken_by_asking_for_it(database: Database) -> None:
    lock = StudyLock(database, "s")
    lock.require()
    take(StudyLock(database, "s"))


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_studies_of_other_names_in_one_server_have_drivers_of_their_own(database: Database) -> None:
    with ExitStack() as stack:
        for name in ("a", "b", "c"):
            stack.enter_context(StudyLock(database, name).held())


def test_a_server_that_does_not_answer_is_a_storage_error_without_the_password() -> None:
    nobody = Database("postgresql+psycopg://me:s3cret@127.0.0.1:9/db")
    with pytest.raises(
        StorageError, match=r"must be reachable\. Received: postgresql\+psycopg://me:\*\*\*@127"
    ) as error:
        take(StudyLock(nobody, "s"))
    assert "s3cret" not in str(error.value)


def test_the_lock_lies_beside_the_database_file_and_is_its_owners(tmp_path: Path) -> None:
    with StudyLock(Database(sqlite_url(tmp_path / "study.db")), "s").held():
        assert (tmp_path / "study.db.lock").stat().st_mode & 0o077 == 0
        with pytest.raises(StudyBusy):
            take(StudyLock(Database(sqlite_url(tmp_path / "study.db")), "another name, the same file"))
