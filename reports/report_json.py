"""Every number of the finished page as JSON: the one place where its records become dictionaries."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from reports.checks import Check
from reports.comparison import Comparison
from reports.cost import Cost
from reports.history import SearchNumbers
from reports.json_text import json_text
from reports.model_summary import ClassificationReport, ClassScore, ModelSummary, RunNumbers
from reports.provenance import Provenance
from reports.statistics import Estimate

_KEPT_APART: Final = ("reference", "best", "verdict", "sentence")


def report_json(
    comparison: Comparison, search: SearchNumbers, spent: Cost, checks: tuple[Check, ...], source: Provenance
) -> bytes:
    """The report as JSON text: accuracies and differences are fractions.

    `models.<reference|best>.runs[s]` holds each run's `confusion_matrix` (rows true, columns predicted) and
    `classification_report` (as scikit-learn's output_dict), `shown_run` the index of the one the page shows.
    """
    numbers = {
        "verdict": comparison.verdict,
        "sentence": comparison.sentence,
        "comparison": {name: value for name, value in asdict(comparison).items() if name not in _KEPT_APART},
        "models": {model.name: _model(model) for model in (comparison.reference, comparison.best)},
        "search": asdict(search),
        "cost": asdict(spent),
        "checks": [asdict(check) for check in checks],
        "reproduce": asdict(source),
    }
    return json_text(numbers, finished=True)


def _model(model: ModelSummary) -> dict[str, Any]:
    kept = {name: value for name, value in asdict(model).items() if name not in ("name", "runs", "accuracy")}
    return {**kept, "test_accuracy": asdict(model.accuracy), "runs": [_run(run) for run in model.runs]}


def _run(run: RunNumbers) -> dict[str, Any]:
    apart = ("accuracy", "confusion", "classification", "recorded_accuracy")
    kept = {name: value for name, value in asdict(run).items() if name not in apart}
    return {
        **kept,
        "test_accuracy": run.accuracy.value,
        "test_accuracy_interval": _bounds(run.accuracy),
        "recorded_test_accuracy": run.recorded_accuracy,
        "confusion_matrix": [list(row) for row in run.confusion],
        "classification_report": _classification(run.classification),
    }


def _bounds(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]


def _classification(report: ClassificationReport) -> dict[str, Any]:
    return {
        **{score.name: _score(score) for score in report.classes},
        "accuracy": report.accuracy,
        "macro avg": _score(report.macro),
        "weighted avg": _score(report.weighted),
    }


def _score(score: ClassScore) -> dict[str, float]:
    return {"precision": score.precision, "recall": score.recall, "f1-score": score.f1, "support": score.support}
