"""The study of (e): one that asks for the points of a job, in their order, and prunes none."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import optuna

from benchmarks.jobs import Job
from reports.records import Counts, TrialRecord
from search.study.in_memory import InMemoryStudy
from search.study.samplers import Strategy
from search.study.space import Space
from search.study.storage.database import Database, sqlite_url
from search.study.storage.durable import Durable
from search.study.storage.lock import StudyLock
from search.study.study import KnownPoint, SearchStudy

_NAME: Final = "points"


class Silent:
    """Shows no progress."""

    def changed(self, counts: Counts) -> None:
        """Nothing."""

    def ended(self, record: TrialRecord) -> None:
        """Nothing."""

    def reported(self, number: int, epoch: int) -> None:
        """Nothing."""

    def starts_again(self, record: TrialRecord) -> None:
        """Nothing."""


def study_of(job: Job, folder: Path) -> SearchStudy:
    """A study that asks for the reference, and then for the other points of the job."""
    database = Database(sqlite_url(folder / "study.db"))
    storage = database.connect()
    storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], _NAME)
    durable = Durable(database, storage, folder, StudyLock(database, _NAME))
    durable.use(_NAME)
    memory = InMemoryStudy(_NAME, Strategy.of("random", "none", job.epochs, 0), [], Space())
    known = [KnownPoint("added", config) for config in job.points()[1:]]
    return SearchStudy(memory, durable, Silent(), most_failures=1, known=known)
