"""Where trainings run: one small interface, one file for each place (in_process.py, on_ray.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from fashion_model.data import TrainingSplits
from search.faults import Fault
from search.trials.assignment import TrialPlan
from search.trials.job import Job, JobData, JobResult

if TYPE_CHECKING:
    from search.study import SearchStudy  # with Optuna, which loads while Ray starts


class Place(Protocol):
    """Somewhere that can train."""

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """Run trials of the study until `plan.trials` have ended.

        Raises:
            SearchBroken: when no trial can be brought to an end.
            StorageError: when the study cannot be written.
        """

    def run_jobs(self, jobs: Sequence[Job], data: JobData, on_done: Callable[[Job, JobResult | Fault], None]) -> None:
        """Do every job, in any order, calling `on_done` as each one ends, be it with a fault."""
