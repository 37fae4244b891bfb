"""A full training outside the study, as finalists and finals need it: train, then predict images held out."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion_model.config import TrainConfig
from fashion_model.data import Split
from fashion_model.result import EpochResult, TrainResult
from search.faults import Cause, Fault, TrialFailed, first_line
from search.trials.assignment import Work, process_name
from search.trials.background import BackgroundCheckpoints
from search.trials.checkpoints import CheckpointStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A training to do. `label` names it in the progress; `keep_model` asks for the model itself; `data` says what it
    is trained and scored on."""

    label: str
    config: TrainConfig
    epochs: int
    seed: int
    keep_model: bool
    data: str

    def key(self) -> str:
        """The same for the same training and score, whatever it is called: 16 hexadecimal digits."""
        terms = asdict(self) | {"label": ""}
        return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class JobData:
    """What the jobs of a stage train on, and the images held out that they are scored on."""

    train: Split
    held_out: Split


@dataclass(frozen=True, slots=True, eq=False)
class JobResult:
    """Loss (nats an image), accuracy (fraction) and probabilities (n, 10) float32 on the images held out.

    `model` is the bytes of a `.keras` file, empty unless the job asked to keep it. `work` says who did it, and when.
    """

    train: TrainResult
    loss: float
    accuracy: float
    probabilities: npt.NDArray[np.float32]
    predict_seconds: float
    model: bytes
    work: Work = field(default_factory=Work)


def run_job(job: Job, data: JobData, store: CheckpointStore) -> JobResult | Fault:
    """Do the job in this process, on as many threads as TensorFlow has, from its last checkpoint on if it has one.

    A training that diverges or raises would do so again: it comes back as a fault.
    """
    try:
        return _run(job, data, store)
    except TrialFailed as failure:
        return failure.fault
    except Exception as error:
        traceback.print_exc(file=sys.stderr)  # which is log.txt
        return Fault(Cause.RAISED, f"{type(error).__name__}: {first_line(error)}")


def _run(job: Job, data: JobData, store: CheckpointStore) -> JobResult:
    # TensorFlow loads here, in the worker: the driver never pays for it
    from fashion_model.training import Budget, evaluate, train

    started, wall, cpu = datetime.now(UTC), time.perf_counter(), time.process_time()
    with BackgroundCheckpoints(store.of(job.key())) as checkpoints:
        model, result = train(job.config, data.train, None, Budget(job.epochs, job.seed), _require_finite, checkpoints)
    evaluate(model, data.held_out)  # the first call traces the graph, which is no part of the time to predict
    start = time.perf_counter()
    score = evaluate(model, data.held_out)
    predict_seconds = time.perf_counter() - start
    if not math.isfinite(score.loss):
        raise TrialFailed(Cause.NON_FINITE, f"held-out loss {score.loss}")
    return JobResult(
        train=result,
        loss=score.loss,
        accuracy=score.accuracy,
        probabilities=score.probabilities,
        predict_seconds=predict_seconds,
        model=_saved(model) if job.keep_model else b"",
        work=Work(
            worker=process_name(),
            started=started.isoformat(timespec="milliseconds"),
            seconds=time.perf_counter() - wall,
            cpu_seconds=time.process_time() - cpu,
            note=checkpoints.note(),
        ),
    )


def _require_finite(result: EpochResult) -> None:
    if not math.isfinite(result.train_loss):
        raise TrialFailed(Cause.NON_FINITE, f"training loss {result.train_loss} after epoch {result.epoch}")


def _saved(model: object) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)  # type: ignore[attr-defined]
        return path.read_bytes()
