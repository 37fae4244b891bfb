"""Each self-check that can fail here does, with its code, when its rule is broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports.checks import self_checks
from reports.comparison import compare
from reports.history import search_numbers
from tests.reports.conftest import Finish, FinishedSearch, Plan

# What any small synthetic search breaks: 4 epochs, 200 test images; and few complete trials.
SMALL = {"C2", "C3", "D3", "D4"}


def warned(search: FinishedSearch) -> set[str]:
    comparison = compare(search.outcome, search.predictions)
    numbers = search_numbers(search.outcome, comparison.best.accuracy.value)
    checks = self_checks(search.outcome, search.predictions, comparison, numbers)
    return {check.code for check in checks if check.level == "warning"} - SMALL


def test_a_fair_search_passes(make: Finish) -> None:
    assert warned(make(Plan())) <= {"E2"}


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_are_warned_of(make: Finish, seeds: int) -> None:
    assert "B3" in warned(make(Plan(seeds=seeds)))


def test_accuracies_that_do_not_follow_from_the_predictions_are_warned_of(make: Finish) -> None:
    search = make(Plan())
    finals = (replace(search.outcome.finals[0], test_accuracy=0.99), *search.outcome.finals[1:])
    assert "A1" in warned(replace(search, outcome=replace(search.outcome, finals=finals)))


def test_predictions_that_are_no_probabilities_are_warned_of(make: Finish) -> None:
    search = make(Plan())
    broken = search.predictions.best.copy()
    broken[0, 0] = np.nan
    assert "A2" in warned(replace(search, predictions=replace(search.predictions, best=broken)))


def test_other_test_labels_are_warned_of(make: Finish) -> None:
    search = make(Plan())
    data = replace(search.outcome.data, test_sha256="0" * 64)
    assert "A3" in warned(replace(search, outcome=replace(search.outcome, data=data)))


def test_unequal_epochs_are_warned_of(make: Finish) -> None:
    search = make(Plan())
    last = search.outcome.finals[-1]
    shorter = replace(last, train=replace(last.train, epochs=last.train.epochs[:2]))
    outcome = replace(search.outcome, finals=(*search.outcome.finals[:-1], shorter))
    assert "B2" in warned(replace(search, outcome=outcome))


def test_fewer_training_images_are_warned_of(make: Finish) -> None:
    search = make(Plan())
    data = replace(search.outcome.data, train_count=1600, validation_count=400)
    assert "C1" in warned(replace(search, outcome=replace(search.outcome, data=data)))


def test_a_study_without_its_reference_is_warned_of(make: Finish) -> None:
    search = make(Plan())
    trials = tuple(replace(trial, is_reference=False) for trial in search.outcome.trials)
    assert "D1" in warned(replace(search, outcome=replace(search.outcome, trials=trials)))


def test_fewer_trials_than_asked_for_are_warned_of(make: Finish) -> None:
    search = make(Plan())
    outcome = replace(search.outcome, settings={**search.outcome.settings, "trials": 99})
    assert "D2" in warned(replace(search, outcome=outcome))


def test_an_accuracy_too_good_to_be_true_is_warned_of(make: Finish) -> None:
    assert "E1" in warned(make(Plan(best_error=0.005)))
