"""One training wherever it runs, a trial, a finalist or a final: an Assignment in, Reports out.

run = TrainingRun(assignment, store)
for report in run.reports(images): ...
finished = run.score(images)            # for a finalist or a final
"""

from __future__ import annotations

import math
import os
import socket
import sys
import time
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fashion_model.data.splits import Split
from fashion_model.training.checkpoint import CheckpointError
from fashion_model.training.result import EpochResult, TrainResult
from reports.records import Work
from search.worker.assignment import Assignment, Report
from search.worker.background import BackgroundCheckpoints
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import Cause, Fault, TrialFailed, fault_of

if TYPE_CHECKING:
    from fashion_model.training.training import Training


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """What a training trains on, and the images held out that it is validated or scored on."""

    train: Split
    held_out: Split


@dataclass(frozen=True, slots=True, eq=False)
class FinishedTraining:
    """Loss (nats an image), accuracy (fraction) and probabilities (n, classes) float32 on the images held out.

    `model` is the bytes of a `.keras` file, empty unless the assignment asked to keep it. `work` says who did it, when.
    """

    train: TrainResult
    loss: float
    accuracy: float
    probabilities: npt.NDArray[np.float32]
    predict_seconds: float
    model: bytes
    work: Work = field(default_factory=Work)


class TrainingRun:
    """An attempt at one training, in this process, from its last checkpoint on if it has one."""

    _training: Training  # from the first report on

    def __init__(self, assignment: Assignment, store: CheckpointStore) -> None:
        self.assignment = assignment
        self._stored = store.of(assignment.key)
        self._checkpoints = BackgroundCheckpoints(self._stored)
        self._epochs: list[EpochResult] = []  # of this attempt
        self._started = datetime.now(UTC)
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def reports(self, images: Images) -> Generator[Report]:
        """Train, reporting each epoch. Those of an earlier attempt come first, as its checkpoint has them.

        Raises:
            TrialFailed: when a loss is no longer a finite number, or the training raises.
        """
        with _failing_as_a_trial():
            with self._checkpoints:
                for report in self._train(images):
                    if report.is_last:
                        break
                    yield report
            yield replace(report, work=self.work())  # with what the last write noted

    def score(self, images: Images) -> FinishedTraining:
        """The trained model on the images held out. To be called once, after the last report.

        Raises:
            TrialFailed: when the loss on them is no finite number, or predicting raises.
        """
        with _failing_as_a_trial():
            return self._score(images.held_out)

    def work(self) -> Work:
        """The work done so far."""
        return Work(
            worker=f"{socket.gethostname()}:{os.getpid()}",
            started=self._started.isoformat(timespec="milliseconds"),
            seconds=self.seconds(),
            cpu_seconds=time.process_time() - self._cpu,
            note=self._stored.note(),
            trained_epochs=len(self._epochs),
            train_seconds=sum(each.train_seconds for each in self._epochs),
            compile_seconds=sum(each.compile_seconds for each in self._epochs),
        )

    def seconds(self) -> float:
        """Wall seconds since this attempt began."""
        return time.perf_counter() - self._wall

    def overtime(self) -> str:
        """What is wrong when this attempt has used up its time; else empty."""
        return self.assignment.overtime(self.seconds())

    def _train(self, images: Images) -> Iterator[Report]:
        # TensorFlow loads here, in the process that trains: a driver with workers never pays for it
        from fashion_model.training.training import Budget, Training

        terms = self.assignment
        training = self._training = Training(terms.config, images.train, Budget(terms.epochs, terms.seed))
        while (state := self._stored.load()) is not None:  # the newest that can be used
            try:
                training.restore(state)
                break
            except CheckpointError as error:
                self._stored.discard(str(error))
        for result in training.result.epochs:
            yield self._report(result)
        for result in training.run(images.held_out if terms.validates else None):
            self._epochs.append(result)
            report = self._report(result)
            if not report.is_last:
                self._checkpoints.save(result.epoch, training.state())
            yield report

    def _report(self, result: EpochResult) -> Report:
        """The report of an epoch, once its losses are known to be finite numbers."""
        terms = self.assignment
        losses = {"training": result.train_loss}
        if terms.validates:
            if result.validation_loss is None:
                raise TrialFailed(Cause.NO_VALUE, "the trial has no validation images")
            losses["validation"] = result.validation_loss
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise TrialFailed(Cause.NON_FINITE, f"{name} loss {loss} after epoch {result.epoch}")
        is_last = result.epoch == terms.epochs
        value = math.nan if result.validation_accuracy is None else result.validation_accuracy
        return Report(epoch=result.epoch, value=value, work=self.work(), is_last=is_last)

    def _score(self, held_out: Split) -> FinishedTraining:
        from fashion_model.model import model_file

        training = self._training
        result = training.result
        training.evaluate(held_out)  # the first call traces the graph, which is no part of the time to predict
        start = time.perf_counter()
        score = training.evaluate(held_out)
        predict_seconds = time.perf_counter() - start
        if not math.isfinite(score.loss):
            raise TrialFailed(Cause.NON_FINITE, f"held-out loss {score.loss}")
        return FinishedTraining(
            train=result,
            loss=score.loss,
            accuracy=score.accuracy,
            probabilities=score.probabilities,
            predict_seconds=predict_seconds,
            model=model_file(training.model) if self.assignment.keep_model else b"",
            work=self.work(),
        )


def train_to_the_end(assignment: Assignment, images: Images, store: CheckpointStore) -> FinishedTraining | Fault:
    """A finalist or a final, in this process. A training that diverges or raises would do so again: it is a fault."""
    run = TrainingRun(assignment, store)
    try:
        for _ in run.reports(images):
            pass
        return run.score(images)
    except TrialFailed as failure:
        return failure.fault


@contextmanager
def _failing_as_a_trial() -> Iterator[None]:
    """Turn any error of the body into TrialFailed; its trace goes to log.txt, the study keeps one line of it."""
    try:
        yield
    except TrialFailed:
        raise
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        fault = fault_of(error)
        raise TrialFailed(fault.cause, fault.detail) from error
