"""One model's retrainings in numbers: accuracy, confusion matrix and classification report of every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from fashion_model.config import CLASS_NAMES
from fashion_model.result import EpochResult
from reports.statistics import Estimate, calibration_error, mean_accuracy, wilson
from search.records import FinalRun, ModelName

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]
Counts = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One line of a classification report: fractions, and the number of images."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationReport:
    """Scores class by class in label order, and their unweighted and support-weighted means."""

    classes: tuple[ClassScore, ...]
    macro: ClassScore
    weighted: ClassScore
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNumbers:
    """One retraining on the n test images. `confusion` counts images: rows are true, columns predicted labels.

    `correct` and `accuracy` are computed from the stored probabilities; `recorded_accuracy` and `test_loss`
    (nats an image) are what the retraining itself wrote down.
    """

    seed: int
    correct: int
    accuracy: Estimate
    recorded_accuracy: float
    test_loss: float
    calibration_error: float
    confusion: Counts
    classification: ClassificationReport
    epochs: tuple[EpochResult, ...]
    parameters: int
    train_seconds: float
    cpu_seconds: float
    predict_seconds: float
    model_file: str
    model_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """All retrainings of one model. `accuracy` is their mean with image and seed sampling in its interval.

    `shown_run` is the index of the run of median accuracy (the lower one of two), whose matrices the page shows.
    `seed_deviation` is None for one run. Seconds are means over the runs; `predict_seconds` for all test images.
    """

    name: ModelName
    accuracy: Estimate
    seed_deviation: float | None
    errors_per_10000: float
    shown_run: int
    runs: tuple[RunNumbers, ...]
    parameters: int
    train_seconds: float
    cpu_seconds: float
    predict_seconds: float

    def shown(self) -> RunNumbers:
        """The run that the page shows."""
        return self.runs[self.shown_run]


def summarise(name: ModelName, runs: Sequence[FinalRun], probabilities: Probabilities, labels: Labels) -> ModelSummary:
    """Every number of one model. `probabilities` is (k, n, 10), run s its s-th; `labels` is (n,)."""
    correct = probabilities.argmax(axis=2) == labels
    numbers = tuple(_run_numbers(run, scores, labels) for run, scores in zip(runs, probabilities, strict=True))
    accuracy = mean_accuracy(correct)
    by_run = correct.mean(axis=1)
    return ModelSummary(
        name=name,
        accuracy=accuracy,
        seed_deviation=float(by_run.std(ddof=1)) if len(by_run) > 1 else None,
        errors_per_10000=10_000 * (1.0 - accuracy.value),
        shown_run=median_run([run.correct for run in numbers]),
        runs=numbers,
        parameters=numbers[0].parameters,
        train_seconds=_mean([run.train_seconds for run in numbers]),
        cpu_seconds=_mean([run.cpu_seconds for run in numbers]),
        predict_seconds=_mean([run.predict_seconds for run in numbers]),
    )


def median_run(correct: Sequence[int]) -> int:
    """Index of the run of median accuracy; the lower of the middle two, the earlier of equals."""
    return sorted(range(len(correct)), key=lambda index: (correct[index], index))[(len(correct) - 1) // 2]


def _run_numbers(run: FinalRun, probabilities: Probabilities, labels: Labels) -> RunNumbers:
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    return RunNumbers(
        seed=run.train.seed,
        correct=correct,
        accuracy=wilson(correct, len(labels)),
        recorded_accuracy=run.test_accuracy,
        test_loss=run.test_loss,
        calibration_error=calibration_error(probabilities, labels),
        confusion=confusion(labels, predicted),
        classification=classification(labels, predicted),
        epochs=run.train.epochs,
        parameters=run.train.parameters,
        train_seconds=run.train.seconds,
        cpu_seconds=run.train.cpu_seconds,
        predict_seconds=run.predict_seconds,
        model_file=run.model_file,
        model_sha256=run.model_sha256,
    )


def confusion(labels: Labels, predicted: npt.NDArray[np.int64]) -> Counts:
    """scikit-learn's confusion matrix over all ten classes, present or not."""
    matrix = confusion_matrix(labels, predicted, labels=range(len(CLASS_NAMES)))
    return tuple(tuple(int(cell) for cell in row) for row in matrix)


def classification(labels: Labels, predicted: npt.NDArray[np.int64]) -> ClassificationReport:
    """scikit-learn's precision, recall, F1 and support; a score without a denominator is 0."""
    every = range(len(CLASS_NAMES))
    scores = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0.0)
    classes = tuple(
        ClassScore(name=name, precision=float(p), recall=float(r), f1=float(f), support=int(n))
        for name, p, r, f, n in zip(CLASS_NAMES, *scores, strict=True)
    )
    return ClassificationReport(
        classes=classes,
        macro=_mean_score("macro avg", classes, [1] * len(classes)),
        weighted=_mean_score("weighted avg", classes, [score.support for score in classes]),
        accuracy=float((predicted == labels).mean()),
    )


def _mean_score(name: str, classes: Sequence[ClassScore], weights: Sequence[int]) -> ClassScore:
    return ClassScore(
        name=name,
        precision=float(np.average([score.precision for score in classes], weights=weights)),
        recall=float(np.average([score.recall for score in classes], weights=weights)),
        f1=float(np.average([score.f1 for score in classes], weights=weights)),
        support=sum(score.support for score in classes),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
