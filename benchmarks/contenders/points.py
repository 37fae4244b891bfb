"""The study of (e): one that asks for the points of a job, in their order, and prunes none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna

from benchmarks.jobs import Job
from search.records import TrialRecord
from search.sampling.drawing import Drawing, Strategy
from search.space import parameters_of
from search.storage.database import Database, sqlite_url
from search.storage.durable import Durable
from search.storage.lock import StudyLock
from search.storage.rows import Rows
from search.study import Counts, SearchStudy


class Silent:
    """Shows no progress."""

    def changed(self, counts: Counts) -> None:
        """See search.study.Observer."""

    def ended(self, record: TrialRecord) -> None:
        """See search.study.Observer."""

    def starts_again(self, record: TrialRecord) -> None:
        """See search.study.Observer."""


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


def study_of(job: Job, folder: Path) -> SearchStudy:
    """A study that asks for the reference, and then for the other points of the job."""
    database = Database(sqlite_url(folder / "study.db"))
    storage = database.storage()
    study_id = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "points")
    durable = Durable(database, storage, folder, StudyLock(database, "points"))
    drawing = Drawing("points", Strategy(Points(job), optuna.pruners.NopPruner(), None), [])
    return SearchStudy(drawing, Rows(storage, study_id, []), durable, Silent(), most_failures=1)
