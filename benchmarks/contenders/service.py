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
from typing import Any

import optuna

from benchmarks.contenders.told import tell
from benchmarks.jobs import JOBS, Job
from search.places.site import sites
from search.records import TrialRecord
from search.sampling.drawing import Drawing, Strategy
from search.settings import Settings
from search.space import parameters_of
from search.storage.database import Database, sqlite_url
from search.storage.durable import Durable
from search.storage.lock import StudyLock
from search.storage.rows import Rows
from search.study import Counts, SearchStudy
from search.trials.assignment import TrialPlan
from search.trials.checkpoints import CheckpointStore


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
        study = _study(job, Path(folder))
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


class Points(optuna.samplers.BaseSampler):
    """Draws the points of a job, by the trial's number."""

    def __init__(self, job: Job) -> None:
        self._points = [parameters_of(config) for config in job.points()]

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, optuna.distributions.BaseDistribution]:
        """Nothing is drawn together."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: Any
    ) -> dict[str, Any]:
        """Nothing is drawn together."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """The parameter of the trial's point."""
        return self._points[trial.number][param_name]


def _study(job: Job, folder: Path) -> SearchStudy:
    """A study that asks for the reference, and then for the other points of the job; it prunes none."""
    database = Database(sqlite_url(folder / "study.db"))
    storage = database.storage()
    study_id = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "points")
    durable = Durable(database, storage, folder, StudyLock(database, "points"))
    drawing = Drawing("points", Strategy(Points(job), optuna.pruners.NopPruner(), None), [])
    return SearchStudy(drawing, Rows(storage, study_id, []), durable, Silent(), most_failures=1)


if __name__ == "__main__":
    main(JOBS[sys.argv[1]])
