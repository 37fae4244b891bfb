"""A place that does not train, for what is done with its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fashion_model.data.splits import TrainingSplits
from fashion_model.training.result import EpochResult, TrainResult
from reports.records import Work
from search.places.place import OnDone
from search.study.study import SearchStudy
from search.worker.assignment import Assignment, TrialPlan
from search.worker.faults import Fault
from search.worker.training_run import FinishedTraining, Images

STARTED = "2026-01-01T00:00:00.250+00:00"
EPOCH = EpochResult(
    epoch=1,
    train_loss=0.5,
    train_accuracy=0.8,
    validation_loss=None,
    validation_accuracy=None,
    train_seconds=2.0,
    validation_seconds=0.0,
)


def result(training: Assignment) -> FinishedTraining:
    """What a training might give, another one for each seed."""
    return FinishedTraining(
        train=TrainResult(seed=training.seed, epochs=(EPOCH,), parameters=225_034, seconds=3.0, cpu_seconds=2.5),
        loss=0.3 + training.seed,
        accuracy=0.9,
        probabilities=np.full((6, 10), training.seed / 10, np.float32),
        predict_seconds=0.5,
        model=b"PK\x03\x04 model %d\x00" % training.seed,
        work=Work(worker=f"host:{training.seed}", started=STARTED, seconds=90.5, node="ab", gpus=("0", "1")),
    )


@dataclass
class Somewhere:
    """A place that does not train: what it is asked for is remembered, and answered from `faults` or made up."""

    faults: dict[Assignment, Fault] = field(default_factory=dict)
    asked: list[Assignment] = field(default_factory=list)
    dies_after: int | None = None
    images: Images | None = None

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        raise NotImplementedError

    def run_trainings(self, assignments: Sequence[Assignment], images: Images, on_done: OnDone) -> None:
        self.images = images
        for index, assignment in enumerate(reversed(assignments)):  # in any order
            if index == self.dies_after:
                raise KeyboardInterrupt
            self.asked.append(assignment)
            on_done(assignment, self.outcome(assignment) or result(assignment))

    def outcome(self, assignment: Assignment) -> FinishedTraining | Fault | None:
        """How a training ends; None for `result`."""
        return self.faults.get(assignment)
