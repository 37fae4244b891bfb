"""One trial, an epoch at a time, wherever it runs: on a Ray worker or in this process."""

from __future__ import annotations

import math
import sys
import time
import traceback
from collections.abc import Generator
from datetime import UTC, datetime

from fashion_model.checkpoint import Checkpoints
from fashion_model.config import TrainConfig
from fashion_model.data import TrainingSplits
from fashion_model.result import EpochResult
from search.faults import Cause, TrialFailed, first_line
from search.seeds import Stream, derive
from search.trials.assignment import Assignment, TrialPlan, Work, process_name
from search.trials.background import BackgroundCheckpoints
from search.trials.checkpoints import CheckpointStore


class TrialRun:
    """A trial's training, to be stepped through: `for epoch, accuracy in run.epochs(splits)`.

    An earlier attempt's epochs come first, as its checkpoint has them, so that the study sees all of them.
    """

    def __init__(self, assignment: Assignment, plan: TrialPlan, store: CheckpointStore) -> None:
        self._config, self._epoch_count = assignment.config, plan.epochs
        self._seed = derive(plan.seed, Stream.TRIAL, assignment.lineage)
        self._checkpoints = BackgroundCheckpoints(store.of(checkpoint_key(assignment.lineage)))
        self._started = datetime.now(UTC)
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def epochs(self, splits: TrainingSplits) -> Generator[tuple[int, float]]:
        """Train, yielding (epoch from 1, validation accuracy) after each epoch.

        Raises:
            TrialFailed: when a loss is no longer a finite number, or the training raises.
        """
        try:
            with self._checkpoints:
                yield from self._train(splits, self._checkpoints)
        except (TrialFailed, GeneratorExit):
            raise
        except Exception as error:
            traceback.print_exc(file=sys.stderr)  # which is log.txt: the study keeps one line of it
            raise TrialFailed(_cause_of(error), f"{type(error).__name__}: {first_line(error)}") from error

    def work(self) -> Work:
        """The work done so far."""
        return Work(
            worker=process_name(),
            started=self._started.isoformat(timespec="milliseconds"),
            seconds=self.seconds(),
            cpu_seconds=time.process_time() - self._cpu,
            note=self._checkpoints.note(),
        )

    def seconds(self) -> float:
        """Wall seconds since this attempt began."""
        return time.perf_counter() - self._wall

    def _train(self, splits: TrainingSplits, checkpoints: Checkpoints) -> Generator[tuple[int, float]]:
        # TensorFlow loads here, in the worker: the driver never pays for it
        from fashion_model.checkpoint import resume
        from fashion_model.training import Budget, Training

        training = Training(self._config, splits.train, Budget(self._epoch_count, self._seed))
        resume(training, checkpoints)
        for result in training.results:
            yield result.epoch, _accuracy(result)
        for result in training.run(splits.validation):
            accuracy = _accuracy(result)
            if result.epoch < self._epoch_count:
                checkpoints.save(result.epoch, training.state())
            yield result.epoch, accuracy


def checkpoint_key(lineage: int) -> str:
    """Where the checkpoints of a trial lie, whichever attempt at it this is."""
    return f"trial-{lineage}"


def describe(config: TrainConfig) -> str:
    """A configuration in a few words, for a log line."""
    blocks = "-".join(str(filters) for filters in config.block_filters())
    return f"{blocks} {config.optimizer} {config.learning_rate:.2g} batch {config.batch_size} {config.augmentation}"


def _accuracy(result: EpochResult) -> float:
    """The validation accuracy, once the losses are known to be numbers."""
    if result.validation_loss is None or result.validation_accuracy is None:
        raise TrialFailed(Cause.NO_VALUE, "the trial has no validation images")
    for name, loss in (("training", result.train_loss), ("validation", result.validation_loss)):
        if not math.isfinite(loss):
            raise TrialFailed(Cause.NON_FINITE, f"{name} loss {loss} after epoch {result.epoch}")
    return result.validation_accuracy


def _cause_of(error: Exception) -> Cause:
    if isinstance(error, MemoryError):
        return Cause.HOST_MEMORY
    # TensorFlow's own class, which a driver without TensorFlow could not name: a device has no memory left
    if type(error).__name__ == "ResourceExhaustedError":
        return Cause.DEVICE_MEMORY
    return Cause.RAISED
