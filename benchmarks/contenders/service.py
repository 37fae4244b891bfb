"""(e) This service: Ray Tune over the study, a process a core that serves one trial after another."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import optuna

from benchmarks.contenders.told import tell
from benchmarks.jobs import JOBS, Job
from search.assignment import TrialPlan
from search.checkpoints import CheckpointStore
from search.database import Database, sqlite_url
from search.lock import StudyLock
from search.records import TrialRecord
from search.settings import Settings
from search.site import sites
from search.space import parameters_of
from search.storage import StudySpec, open_study
from search.study import Counts, SearchStudy
from search.terms import Terms


class Silent:
    """Shows no progress."""

    def changed(self, counts: Counts) -> None:
        """See search.study.Observer."""

    def ended(self, record: TrialRecord) -> None:
        """See search.study.Observer."""

    def starts_again(self, record: TrialRecord) -> None:
        """See search.study.Observer."""


def main(job: Job) -> None:
    """Every configuration once, as search/pipeline.py runs its trials."""
    settings = Settings(name="points", epochs=job.epochs, address="local")
    with tempfile.TemporaryDirectory() as folder, sites(settings, CheckpointStore(folder)) as site:
        with ThreadPoolExecutor(1) as beside:
            loading = beside.submit(job.splits)
            site()
            splits = loading.result()
        study = _study(job, Path(folder), Terms.of(settings, splits.sha256))
        site().place.run_trials(study, splits, TrialPlan(job.configs, job.epochs, seed=0))
        records = study.records()
        study.close()
    if sorted(map(str, job.points())) != sorted(str(record.config) for record in records):
        raise SystemExit(f"Every point must be trained once. Received: {records}.")
    first = min(map(_started, records)).timestamp()
    tell([record.seconds for record in records], gap_seconds=_gaps(records), first_training=first)


def _gaps(records: Sequence[TrialRecord]) -> tuple[float, ...]:
    """Seconds from the end of each training to the start of the next one on the same worker."""
    by_worker = defaultdict(list)
    for record in sorted(records, key=_started):
        by_worker[record.worker].append(record)
    return tuple(
        (_started(after) - _started(before)).total_seconds() - before.seconds
        for served in by_worker.values()
        for before, after in pairwise(served)
    )


def _started(record: TrialRecord) -> datetime:
    return datetime.fromisoformat(record.started)


def _study(job: Job, folder: Path, terms: Terms) -> SearchStudy:
    """A study that asks for the reference, and then for the other points of the job."""
    database = Database(sqlite_url(folder / "study.db"))
    lock = StudyLock(database, "points")
    spec = StudySpec(name="points", database=database, folder=folder, lock=lock, terms=terms, pruner="none")
    study = open_study(spec, Silent())
    queue = optuna.load_study(study_name="points", storage=database.url)
    for point in job.points()[1:]:
        queue.enqueue_trial(parameters_of(point))
    return study


if __name__ == "__main__":
    main(JOBS[sys.argv[1]])
