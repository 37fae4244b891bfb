"""One model's retrainings in numbers: accuracy, confusion matrix and classification report of every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import classification_report, confusion_matrix

from fashion_model.training.result import EpochResult
from reports.numbers.statistics import Estimate, Interval, calibration_error, mean_accuracy, wilson
from reports.records import FinalRun

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]
_AVERAGES: Final = frozenset({"accuracy", "macro avg", "weighted avg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNumbers:
    """One retraining on the n test images. `confusion_matrix` counts images: rows are true, columns predicted labels.
    `classification_report` is scikit-learn's, with its classes first, in the order of their labels.

    `correct` and `test_accuracy` are computed from the stored probabilities; `recorded_test_accuracy` and `test_loss`
    (nats an image) are what the retraining itself wrote down.
    """

    seed: int
    correct: int
    test_accuracy: float
    test_accuracy_interval: Interval
    recorded_test_accuracy: float
    test_loss: float
    calibration_error: float
    confusion_matrix: list[list[int]]
    classification_report: dict[str, Any]
    epochs: tuple[EpochResult, ...]
    parameters: int
    train_seconds: float
    cpu_seconds: float
    predict_seconds: float
    model_file: str
    model_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """All retrainings of one model. `test_accuracy` is their mean with image and seed sampling in its interval.

    `seed_deviation` is None for one run. Seconds are means over the runs; `predict_seconds` for all test images.
    """

    test_accuracy: Estimate
    seed_deviation: float | None
    errors_per_10000: float
    runs: tuple[RunNumbers, ...]
    parameters: int
    train_seconds: float
    cpu_seconds: float
    predict_seconds: float

    def train_accuracy(self) -> float:
        """Mean training accuracy after the last epoch."""
        return _mean([run.epochs[-1].train_accuracy for run in self.runs])


def summarise(
    runs: Sequence[FinalRun], probabilities: Probabilities, labels: Labels, names: Sequence[str]
) -> ModelSummary:
    """Every number of one model. `probabilities` is (k, n, c), run s its s-th; `labels` is (n,); `names` are c."""
    correct = probabilities.argmax(axis=2) == labels
    numbers = tuple(_run_numbers(run, scores, labels, names) for run, scores in zip(runs, probabilities, strict=True))
    accuracy = mean_accuracy(correct)
    by_run = correct.mean(axis=1)
    return ModelSummary(
        test_accuracy=accuracy,
        seed_deviation=float(by_run.std(ddof=1)) if len(by_run) > 1 else None,
        errors_per_10000=10_000 * (1.0 - accuracy.value),
        runs=numbers,
        parameters=numbers[0].parameters,
        train_seconds=_mean([run.train_seconds for run in numbers]),
        cpu_seconds=_mean([run.cpu_seconds for run in numbers]),
        predict_seconds=_mean([run.predict_seconds for run in numbers]),
    )


def _run_numbers(run: FinalRun, probabilities: Probabilities, labels: Labels, names: Sequence[str]) -> RunNumbers:
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    accuracy = wilson(correct, len(labels))
    every = range(len(names))
    # a class of one's own may be called as an average is, which would take its place
    keys = names if _AVERAGES.isdisjoint(names) else [f"{label}: {name}" for label, name in enumerate(names)]
    return RunNumbers(
        seed=run.train.seed,
        correct=correct,
        test_accuracy=accuracy.value,
        test_accuracy_interval=Interval(accuracy.low, accuracy.high),
        recorded_test_accuracy=run.test_accuracy,
        test_loss=run.test_loss,
        calibration_error=calibration_error(probabilities, labels),
        confusion_matrix=confusion_matrix(labels, predicted, labels=every).tolist(),
        classification_report=classification_report(
            labels, predicted, labels=every, target_names=keys, output_dict=True, zero_division=0.0
        ),
        epochs=run.train.epochs,
        parameters=run.train.parameters,
        train_seconds=run.train.seconds,
        cpu_seconds=run.train.cpu_seconds,
        predict_seconds=run.predict_seconds,
        model_file=run.model_file,
        model_sha256=run.model_sha256,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
