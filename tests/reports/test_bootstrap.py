"""Per-class changes equal scikit-learn's, and their intervals behave."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from reports.bootstrap import score_changes
from tests.reports.conftest import Finish, Plan


def test_the_changes_are_the_seed_means_of_scikit_learns_scores(make: Finish) -> None:
    predictions = make(Plan()).predictions
    changes = score_changes(predictions.labels, predictions.reference.argmax(2), predictions.best.argmax(2))
    means = [
        np.mean([precision_recall_fscore_support(predictions.labels, run, zero_division=0)[:3] for run in runs], axis=0)
        for runs in (predictions.reference.argmax(2), predictions.best.argmax(2))
    ]
    found = np.array([[c.precision.value, c.recall.value, c.f1.value] for c in changes.classes]).T
    assert found == pytest.approx(means[1] - means[0], abs=1e-6)
    assert changes.macro_f1.value == pytest.approx((means[1] - means[0])[2].mean(), abs=1e-6)


def test_the_intervals_hold_their_values_and_repeat_exactly(make: Finish) -> None:
    predictions = make(Plan()).predictions
    reference, best = predictions.reference.argmax(2), predictions.best.argmax(2)
    first, second = (score_changes(predictions.labels, reference, best) for _ in range(2))
    assert first == second
    assert all(c.f1.low <= c.f1.value <= c.f1.high for c in first.classes)
    assert first.macro_f1.low > 0.0


def test_equal_single_runs_change_nothing(make: Finish) -> None:
    predictions = make(Plan(seeds=1)).predictions
    run = predictions.reference.argmax(2)
    changes = score_changes(predictions.labels, run, run)
    assert {(c.f1.low, c.f1.value, c.f1.high) for c in changes.classes} == {(0.0, 0.0, 0.0)}


def test_a_class_that_is_absent_scores_nothing() -> None:
    labels = np.zeros(30, dtype=np.uint8)
    said = np.zeros((1, 30), dtype=np.int64)
    changes = score_changes(labels, said, said)
    assert changes.classes[9].f1.value == 0.0
