"""What runs on a Ray worker: a process that loads TensorFlow and maps the images once, and serves many trials."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from typing import Any

from ray import tune

from fashion_model.config import TrainConfig
from fashion_model.data import TrainingSplits
from search.job import Job, JobData, JobResult, run_job
from search.place import TrialPlan
from search.seeds import Stream, derive
from search.study import Assignment, Work
from search.trial import Stopwatch, TrialFailed, TrialRun


class TrialWorker(tune.Trainable):
    """Trains one trial at a time, an epoch a step.

    A failure is a result like another (`failure`), not an exception: the process lives on, and the reason reaches
    the study.
    """

    def setup(  # type: ignore[override]  # Tune passes what with_parameters holds, one copy of it a node
        self, config: dict[str, Any], splits: TrainingSplits, plan: TrialPlan, threads: int
    ) -> None:
        """Once a process: pin the threads, keep the images."""
        use_threads(threads)
        self._splits, self._plan = splits, plan
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take on another trial in the same process."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train an epoch."""
        try:
            epoch, accuracy = next(self._epochs)
        except TrialFailed as failure:
            return {"failure": str(failure), "done": True} | _flat(self._stopwatch.work())
        last = epoch == self._plan.epochs
        result = {"epoch": epoch, "validation_accuracy": accuracy, "done_training": last, "done": last}
        return result | _flat(self._stopwatch.work())

    def cleanup(self) -> None:
        """Drop the model."""
        self._epochs.close()

    def _begin(self, config: dict[str, Any]) -> None:
        assignment = Assignment(config["number"], TrainConfig.from_dict(config["config"]))
        seed = derive(self._plan.seed, Stream.TRIAL, assignment.number)
        self._stopwatch = Stopwatch()
        self._epochs: Generator[tuple[int, float]] = TrialRun(assignment, self._plan.epochs, seed).epochs(self._splits)


def work_on_job(job: Job, data: JobData, threads: int) -> JobResult:
    """A Ray task: do the job on the threads that it was given."""
    use_threads(threads)
    return run_job(job, data)


def use_threads(count: int) -> None:
    """Pin this process to its share of the cores, before TensorFlow starts."""
    os.environ["OMP_NUM_THREADS"] = str(count)
    from fashion_model import pipeline

    pipeline.use_threads(count)


def work_of(result: Mapping[str, Any]) -> Work:
    """The work that a worker's result tells of."""
    return Work(
        worker=result.get("worker", ""),
        started=result.get("started", ""),
        seconds=result.get("work_seconds", 0.0),
        cpu_seconds=result.get("work_cpu_seconds", 0.0),
    )


def _flat(work: Work) -> dict[str, Any]:
    return {
        "worker": work.worker,
        "started": work.started,
        "work_seconds": work.seconds,
        "work_cpu_seconds": work.cpu_seconds,
    }
