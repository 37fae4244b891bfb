"""A place that does not train, for what is done with its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from fashion_model.data import TrainingSplits
from fashion_model.result import EpochResult, TrainResult
from search.faults import Fault
from search.study import SearchStudy
from search.trials.assignment import TrialPlan, Work
from search.trials.job import Job, JobData, JobResult

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


def result(job: Job) -> JobResult:
    """What the training of a job might give, another one for each seed."""
    return JobResult(
        train=TrainResult(seed=job.seed, epochs=(EPOCH,), parameters=225_034, seconds=3.0, cpu_seconds=2.5),
        loss=0.3 + job.seed,
        accuracy=0.9,
        probabilities=np.full((6, 10), job.seed / 10, np.float32),
        predict_seconds=0.5,
        model=b"PK\x03\x04 model %d\x00" % job.seed,
        work=Work(worker=f"host:{job.seed}", started=STARTED, seconds=90.5, node="ab", gpus=("0", "1")),
    )


@dataclass
class Somewhere:
    """A place that does not train: what it is asked for is remembered, and answered from `faults` or made up."""

    faults: dict[Job, Fault] = field(default_factory=dict)
    asked: list[Job] = field(default_factory=list)
    dies_after: int | None = None

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        raise NotImplementedError

    def run_jobs(self, jobs: Sequence[Job], data: JobData, on_done: Callable[[Job, JobResult | Fault], None]) -> None:
        for index, job in enumerate(reversed(jobs)):  # in any order
            if index == self.dies_after:
                raise KeyboardInterrupt
            self.asked.append(job)
            on_done(job, self.outcome(job) or result(job))

    def outcome(self, job: Job) -> Fault | None:
        """How a training fails; None if it does not."""
        return self.faults.get(job)
