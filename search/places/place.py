"""Where trainings run: one small interface, one implementation for each place (in_process.py, ray/)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cluster.resources import ClusterSize, TrialResources
from fashion_model.data.splits import TrainingSplits
from search.worker.assignment import Assignment, TrialPlan
from search.worker.faults import Fault
from search.worker.training_run import FinishedTraining, Images

if TYPE_CHECKING:
    from search.study.study import SearchStudy  # with Optuna, which loads while Ray starts

OnDone = Callable[[Assignment, FinishedTraining | Fault], None]


class Place(Protocol):
    """Somewhere that can train."""

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """Run trials of the study until `plan.trials` have ended.

        Raises:
            SearchBroken: when no trial can be brought to an end.
            StorageError: when the study cannot be written.
        """

    def run_trainings(self, assignments: Sequence[Assignment], images: Images, on_done: OnDone) -> None:
        """Run every training to its end, in any order, calling `on_done` as each one ends, be it with a fault."""


@dataclass(frozen=True, slots=True)
class Site:
    """A place to train, what each training takes of it, and how many run at a time now.

    `grows` says that the machines for trials are yet to come. `size` gives what it is made of: the most that was there
    at one time. `measured` says what the share of a GPU rests on, where it was measured.
    """

    place: Place
    size: Callable[[], ClusterSize]
    each: TrialResources
    concurrent: int
    grows: bool = False
    measured: str = ""
