"""Where trainings run: one small interface, one file for each place (search/in_process.py, search/on_ray.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from fashion_model.data import TrainingSplits
from search.job import Job, JobData, JobResult
from search.study import SearchStudy


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """How many trials the study is to hold in the end, how long a full one is, and the seed they derive from."""

    trials: int
    epochs: int
    seed: int


class SearchBroken(Exception):
    """The search itself cannot go on, whichever trial is next."""


class Place(Protocol):
    """Somewhere that can train."""

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """Run trials of the study until `plan.trials` have ended.

        Raises:
            SearchBroken: when no trial can be brought to an end.
        """

    def run_jobs(self, jobs: Sequence[Job], data: JobData, on_done: Callable[[Job], None]) -> list[JobResult]:
        """Do every job; results in the order of the jobs. `on_done` is called as each one ends, in any order."""
