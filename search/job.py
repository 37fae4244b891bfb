"""A full training outside the study, as finalists and finals need it: train, then predict images held out."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion_model.config import TrainConfig
from fashion_model.data import Split
from fashion_model.result import TrainResult


@dataclass(frozen=True, slots=True)
class Job:
    """A training to do. `label` names it in the progress; `keep_model` asks for the model itself."""

    label: str
    config: TrainConfig
    epochs: int
    seed: int
    keep_model: bool


@dataclass(frozen=True, slots=True, eq=False)
class JobData:
    """What the jobs of a stage train on, and the images held out that they are scored on."""

    train: Split
    held_out: Split


@dataclass(frozen=True, slots=True, eq=False)
class JobResult:
    """Loss (nats an image), accuracy (fraction) and probabilities (n, 10) float32 on the images held out.

    `model` is the bytes of a `.keras` file, empty unless the job asked to keep it.
    """

    train: TrainResult
    loss: float
    accuracy: float
    probabilities: npt.NDArray[np.float32]
    predict_seconds: float
    model: bytes


def run_job(job: Job, data: JobData) -> JobResult:
    """Do the job in this process, on as many threads as TensorFlow has."""
    # TensorFlow loads here, in the worker: the driver never pays for it
    from fashion_model.training import Budget, evaluate, train

    model, result = train(job.config, data.train, None, Budget(job.epochs, job.seed))
    evaluate(model, data.held_out)  # the first call traces the graph, which is no part of the time to predict
    start = time.perf_counter()
    score = evaluate(model, data.held_out)
    predict_seconds = time.perf_counter() - start
    return JobResult(
        train=result,
        loss=score.loss,
        accuracy=score.accuracy,
        probabilities=score.probabilities,
        predict_seconds=predict_seconds,
        model=_saved(model) if job.keep_model else b"",
    )


def _saved(model: object) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)  # type: ignore[attr-defined]
        return path.read_bytes()
