"""One model's retrainings in numbers: accuracy, confusion matrix and classification report of every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from fashion_model.training.result import EpochResult
from reports.numbers.statistics import Estimate, Interval, calibration_error, mean_accuracy, wilson
from reports.records import FinalRun

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]
ConfusionMatrix = tuple[tuple[int, ...], ...]


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

    def output_dict(self) -> dict[str, Any]:
        """The form of scikit-learn's classification_report(…, output_dict=True)."""
        scores = {
            score.name: {
                "precision": score.precision,
                "recall": score.recall,
                "f1-score": score.f1,
                "support": score.support,
            }
            for score in (*self.classes, self.macro, self.weighted)
        }
        return {**scores, "accuracy": self.accuracy}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNumbers:
    """One retraining on the n test images. `confusion_matrix` counts images: rows are true, columns predicted labels.

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
    confusion_matrix: ConfusionMatrix
    classification_report: ClassificationReport
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

    def train_accuracy(self) -> float | None:
        """Mean training accuracy after the last epoch; None where a run has no epochs."""
        if not all(run.epochs for run in self.runs):
            return None
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
    return RunNumbers(
        seed=run.train.seed,
        correct=correct,
        test_accuracy=accuracy.value,
        test_accuracy_interval=Interval(accuracy.low, accuracy.high),
        recorded_test_accuracy=run.test_accuracy,
        test_loss=run.test_loss,
        calibration_error=calibration_error(probabilities, labels),
        confusion_matrix=confusion(labels, predicted, len(names)),
        classification_report=classification(labels, predicted, names),
        epochs=run.train.epochs,
        parameters=run.train.parameters,
        train_seconds=run.train.seconds,
        cpu_seconds=run.train.cpu_seconds,
        predict_seconds=run.predict_seconds,
        model_file=run.model_file,
        model_sha256=run.model_sha256,
    )


def confusion(labels: Labels, predicted: npt.NDArray[np.int64], classes: int) -> ConfusionMatrix:
    """scikit-learn's confusion matrix over all classes, whether an image has them or not."""
    matrix = confusion_matrix(labels, predicted, labels=range(classes))
    return tuple(tuple(int(cell) for cell in row) for row in matrix)


def classification(labels: Labels, predicted: npt.NDArray[np.int64], names: Sequence[str]) -> ClassificationReport:
    """scikit-learn's precision, recall, F1 and support; a score without a denominator is 0."""
    every = range(len(names))
    scores = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0.0)
    classes = tuple(
        ClassScore(name=name, precision=float(p), recall=float(r), f1=float(f), support=int(n))
        for name, p, r, f, n in zip(names, *scores, strict=True)
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
