"""One trial, an epoch at a time, wherever it runs: on a Ray worker or in this process."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime

from fashion_model.config import TrainConfig
from fashion_model.data import TrainingSplits
from search.study import Assignment, Work


class TrialFailed(Exception):
    """This trial failed, and the search goes on. The message is the reason that is recorded."""


@dataclass(frozen=True, slots=True)
class TrialRun:
    """A trial's training, to be stepped through: `for epoch, accuracy in run.epochs(splits)`."""

    assignment: Assignment
    epoch_count: int
    seed: int

    def epochs(self, splits: TrainingSplits) -> Generator[tuple[int, float]]:
        """Train, yielding (epoch from 1, validation accuracy) after each epoch.

        Raises:
            TrialFailed: when a loss is no longer a finite number, or the training raises.
        """
        # TensorFlow loads here, in the worker: the driver never pays for it
        from fashion_model.training import Budget, Training

        try:
            training = Training(self.assignment.config, splits.train, Budget(self.epoch_count, self.seed))
            for result in training.run(splits.validation):
                if result.validation_loss is None or result.validation_accuracy is None:
                    raise TrialFailed("no value: the trial has no validation images")
                for name, loss in (("training", result.train_loss), ("validation", result.validation_loss)):
                    if not math.isfinite(loss):
                        raise TrialFailed(f"non-finite {name} loss ({loss}) after epoch {result.epoch}")
                yield result.epoch, result.validation_accuracy
        except (TrialFailed, GeneratorExit):
            raise
        except Exception as error:
            raise TrialFailed(f"{type(error).__name__}: {_first_line(error)}") from error


class Stopwatch:
    """Measures a trial's work in this process."""

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def work(self) -> Work:
        """The work done since the stopwatch was made."""
        return Work(
            worker=f"{socket.gethostname()}:{os.getpid()}",
            started=self._started.isoformat(timespec="seconds"),
            seconds=time.perf_counter() - self._wall,
            cpu_seconds=time.process_time() - self._cpu,
        )


def describe(config: TrainConfig) -> str:
    """A configuration in a few words, for a log line."""
    blocks = "-".join(str(filters) for filters in config.block_filters())
    return f"{blocks} {config.optimizer} {config.learning_rate:.2g} batch {config.batch_size} {config.augmentation}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:300]
