"""Synthetic searches, the same on every call: a SearchOutcome with its Predictions, small or real in size; and the
state of one that stopped on the way."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.task import FASHION_MNIST, Task
from fashion_model.training.result import EpochResult, TrainResult
from reports.numbers.finished import Finished, finished
from reports.page import write_report
from reports.records import (
    DataRecord,
    Environment,
    FinalistScore,
    FinalRun,
    Measurement,
    ModelName,
    Predictions,
    SearchOutcome,
    SearchState,
    StageTimes,
    TrialRecord,
    Work,
    save_predictions,
    save_record,
)

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TUNED = TrainConfig(
    conv_blocks=3, padding="same", batch_norm=True, conv_dropout=0.1, optimizer="adamw", learning_rate=0.00213,
    schedule="cosine", warmup_fraction=0.05, weight_decay=0.0004, augmentation="flip", batch_size=64,
)  # fmt: skip
# T-shirt, pullover, coat and shirt are taken for one another, and the shoes for one another.
RIVALS = (6, 3, 4, 6, 2, 7, 0, 5, 6, 7)
DIFFICULTY = (1.4, 0.3, 1.6, 0.9, 1.6, 0.4, 2.9, 0.5, 0.3, 0.5)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What kind of search to make up."""

    images: int = 200
    seeds: int = 5
    trials: int = 14
    reference_error: float = 0.16
    best_error: float = 0.08
    best_config: TrainConfig = TUNED
    epochs: int = 4
    study: str = "synthetic"
    command: str = "python -m search.run --trials 14"
    reason: str = "ValueError: the loss became NaN"
    all_failed: bool = False
    task: Task = FASHION_MNIST
    grid: int = 25


@dataclass(frozen=True)
class FinishedSearch:
    """The two records of a run folder."""

    outcome: SearchOutcome
    predictions: Predictions

    def write(self, folder: Path) -> Path:
        """Put both into `folder` as a search does, and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        save_record(self.outcome, folder / "outcome.json")
        save_predictions(self.predictions, folder / "predictions.npz")
        return folder

    def numbers(self) -> Finished:
        """The figures of its page."""
        return finished(self.outcome, self.predictions)


def finish(plan: Plan) -> FinishedSearch:
    """A finished search of that kind; equal plans give equal records."""
    rng = np.random.default_rng(7)
    classes, shape = plan.task.classes, plan.task.image_shape
    size = shape[:2] if shape[2] == 1 else shape
    labels = rng.permutation(np.arange(plan.images) % classes).astype(np.uint8)
    hardness = rng.random(plan.images) * np.asarray(DIFFICULTY)[labels]
    reference = _probabilities(labels, hardness * plan.reference_error * 2, (plan.seeds, classes), rng)
    same = plan.best_config == REFERENCE
    best = reference if same else _probabilities(labels, hardness * plan.best_error * 2, (plan.seeds, classes), rng)
    pictures = rng.integers(0, 256, (plan.images, *size), dtype=np.uint8)
    grid = rng.integers(0, 256, (plan.grid, *size), dtype=np.uint8)
    predictions = Predictions(
        labels=labels,
        images=pictures,
        reference=reference,
        best=best,
        grid_images=grid,
        grid_labels=labels[: plan.grid],
    )
    return FinishedSearch(_outcome(plan, predictions), predictions)


def _probabilities(
    labels: npt.NDArray[np.uint8], error: npt.NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    seeds, classes = shape
    wrong = rng.random((seeds, len(labels))) < error
    rival = np.where(
        rng.random(wrong.shape) < 0.8,
        np.asarray(RIVALS)[labels] % classes,
        (labels + rng.integers(1, classes, wrong.shape)) % classes,
    )
    said = np.where(wrong, rival, labels)
    sure = rng.uniform(0.55, 0.99, wrong.shape)
    scores = np.repeat(((1 - sure) / (classes - 1))[..., None], classes, axis=2)
    np.put_along_axis(scores, said[..., None], sure[..., None], axis=2)
    return scores.astype(np.float32)


def _outcome(plan: Plan, predictions: Predictions) -> SearchOutcome:
    rng = np.random.default_rng(11)
    trials = tuple(_trial(plan, number, rng) for number in range(plan.trials))
    is_same = plan.best_config == REFERENCE
    complete = [trial for trial in trials if trial.status == "COMPLETE" and not trial.is_reference]
    best_trial = 0 if is_same or not complete else max(complete, key=lambda trial: trial.value or 0.0).number
    trials = tuple(replace(trial, config=plan.best_config) if trial.number == best_trial else trial for trial in trials)
    finalists = sorted((trial for trial in trials if trial.value is not None), key=lambda trial: -(trial.value or 0.0))[
        :3
    ]
    return SearchOutcome(
        study=plan.study,
        command=plan.command,
        settings={"trials": plan.trials, "epochs": plan.epochs, "seed": 0, "sampler": "tpe", "storage": None},
        started=START.isoformat(),
        ended=(START + timedelta(hours=1, minutes=52)).isoformat(),
        data=_data(plan, predictions),
        environment=_environment(),
        times=StageTimes(data_seconds=2.1, search_seconds=4800.0, finalists_seconds=700.0, retrain_seconds=1220.0),
        trials=trials,
        finalists=tuple(_finalist(trial, rng) for trial in finalists),
        best_trial=best_trial,
        best_config=plan.best_config,
        reference_config=REFERENCE,
        finals=(*_finals(plan, "reference", predictions), *_finals(plan, "best", predictions)),
    )


def _trial(plan: Plan, number: int, rng: np.random.Generator) -> TrialRecord:
    failed = number and (plan.all_failed or number % 13 == 5)
    complete = number == 0 or (not failed and number % 3 != 1)
    epochs = plan.epochs if complete else int(rng.integers(1, max(2, plan.epochs // 2 + 1)))
    top = 0.905 if number == 0 else 0.88 + 0.055 * float(rng.random()) ** 0.5
    curve = tuple(
        Measurement(epoch, top - 0.06 * 0.6**epoch * (1 + float(rng.random()))) for epoch in range(1, epochs + 1)
    )
    seconds = 9.0 * epochs * (0.6 + float(rng.random()))
    ended = START + timedelta(seconds=90 * (number // 2 + 1))
    return TrialRecord(
        number=number,
        status="FAIL" if failed else "COMPLETE" if complete else "PRUNED",
        reason=plan.reason if failed else "" if complete else f"below the rung at epoch {epochs}",
        config=REFERENCE if number == 0 else replace(TUNED, batch_size=16 + number, dense_units=64 + 8 * number),
        value=curve[-1][1] if complete else None,
        measurements=() if failed else curve,
        is_reference=number == 0,
        ended=ended.isoformat(),
        work=Work(
            worker=f"node-{number % 2}.example.internal:{4000 + number % 2}",
            started=(ended - timedelta(seconds=seconds)).isoformat(),
            seconds=seconds,
            cpu_seconds=0.95 * seconds,
        ),
    )


def _finalist(trial: TrialRecord, rng: np.random.Generator) -> FinalistScore:
    value = trial.value or 0.0
    fresh = tuple(float(value - 0.003 + 0.002 * rng.standard_normal()) for _ in range(3))
    return FinalistScore(
        trial=trial.number,
        search_value=value,
        seeds=(100, 101, 102),
        fresh_values=fresh,
        seconds=230.0,
        cpu_seconds=225.0,
    )


def _finals(plan: Plan, model: ModelName, predictions: Predictions) -> tuple[FinalRun, ...]:
    scores = predictions.reference if model == "reference" else predictions.best
    tuned = model == "best" and plan.best_config != REFERENCE
    return tuple(_final(plan, model, seed, float((run.argmax(axis=1) == predictions.labels).mean()), tuned)
                 for seed, run in enumerate(scores))  # fmt: skip


def _final(plan: Plan, model: ModelName, seed: int, accuracy: float, tuned: bool) -> FinalRun:
    epochs = tuple(_epoch(epoch, seed, tuned) for epoch in range(1, plan.epochs + 1))
    pace = 3.1 if tuned else 1.0
    return FinalRun(
        model=model,
        train=TrainResult(
            seed=seed, epochs=epochs, parameters=422_186 if tuned else 225_034, seconds=pace * (61 + seed),
            cpu_seconds=pace * (60 + seed),
        ),
        test_loss=0.31 - 0.1 * tuned,
        test_accuracy=accuracy,
        predict_seconds=pace * 0.42,
        model_file=f"models/{model}-seed{seed}.keras",
        model_sha256=hashlib.sha256(f"{model}{seed}".encode()).hexdigest(),
        work=Work(started=(START + timedelta(minutes=90 + seed)).isoformat(), seconds=pace * (61 + seed)),
    )  # fmt: skip


def _epoch(epoch: int, seed: int, tuned: bool) -> EpochResult:
    final, start = (0.948, 0.16) if tuned else (0.972, 0.19)
    return EpochResult(
        epoch=epoch,
        train_loss=0.5 * 0.8**epoch,
        train_accuracy=final - start * 0.72**epoch + 0.0008 * ((seed * 7 + epoch * 3) % 5 - 2),
        validation_loss=None,
        validation_accuracy=None,
        train_seconds=6.0,
        validation_seconds=0.0,
    )


def _data(plan: Plan, predictions: Predictions) -> DataRecord:
    files = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    return DataRecord(
        source="/home/someone/data/fashion-mnist",
        file_sha256={name: hashlib.sha256(name.encode()).hexdigest() for name in files},
        split_sha256=hashlib.sha256(b"split").hexdigest(),
        test_sha256=hashlib.sha256(predictions.labels.tobytes()).hexdigest(),
        train_count=50_000,
        validation_count=10_000,
        test_count=len(predictions.labels),
        task=plan.task,
        repeated_validation=0,
        repeated_test=0,
    )


def _environment() -> Environment:
    return Environment(
        versions={"keras": "3.15.1", "optuna": "5.0.0", "ray": "2.60.0", "tensorflow": "2.21.0"},
        python="3.11.9",
        system="Linux 6.1 x86_64",
        processor="a synthetic processor",
        cpus=2.0,
        gpus=0.0,
        gpu_model="",
        nodes=1,
    )


def stopped(plan: Plan, ended: int) -> SearchState:
    """That search as it was when its first `ended` trials had ended and Ctrl-C was pressed."""
    outcome = finish(plan).outcome
    return SearchState(
        study=outcome.study,
        command=outcome.command,
        settings=outcome.settings,
        started=outcome.started,
        saved=(START + timedelta(minutes=17)).isoformat(),
        ending="interrupted by Ctrl-C",
        resume=f"python -m search.run --resume runs/{plan.study}",
        trials_planned=plan.trials,
        stage="search",
        trials=outcome.trials[:ended],
        waiting=2,
        task=plan.task,
    )


@pytest.fixture(scope="module")
def folder(search: FinishedSearch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the module's search, with its report."""
    run_dir = search.write(tmp_path_factory.mktemp("run"))
    write_report(run_dir)
    return run_dir


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    """The page in it."""
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def numbers(folder: Path) -> dict[str, Any]:
    """The report.json beside it."""
    loaded: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return loaded
