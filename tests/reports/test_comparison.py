"""The verdict, its sentence, and the numbers behind them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fashion_model.config import REFERENCE
from reports.comparison import Comparison, compare
from reports.statistics import Estimate
from reports.wording import points
from search.records import ModelName, RecordError
from tests.reports.conftest import Finish, FinishedSearch, Plan


def compared(search: FinishedSearch) -> Comparison:
    return compare(search.outcome, search.predictions)


@pytest.fixture(scope="module")
def comparison(make: Finish) -> Comparison:
    return compared(make(Plan()))


def swapped(search: FinishedSearch) -> FinishedSearch:
    other: dict[ModelName, ModelName] = {"reference": "best", "best": "reference"}
    finals = tuple(replace(run, model=other[run.model]) for run in search.outcome.finals)
    predictions = replace(search.predictions, reference=search.predictions.best, best=search.predictions.reference)
    return FinishedSearch(replace(search.outcome, finals=finals), predictions)


def test_a_clear_gain_is_better(make: Finish) -> None:
    comparison = compared(make(Plan(images=1000)))
    assert comparison.verdict == "better"
    assert comparison.difference.estimate.low > 0
    assert comparison.sentence.startswith("The tuned model beats the reference by ")
    assert "5 seeds each, 1,000 test images" in comparison.sentence
    assert f"{points(comparison.difference.estimate.low)} to " in comparison.sentence


def test_a_clear_loss_is_worse(make: Finish) -> None:
    comparison = compared(swapped(make(Plan(images=1000))))
    assert comparison.verdict == "worse"
    assert comparison.difference.estimate.high < 0
    assert comparison.sentence.startswith("The tuned model is worse than the reference by ")


def test_an_interval_around_zero_is_no_reliable_difference(make: Finish) -> None:
    comparison = compared(make(Plan(reference_error=0.10, best_error=0.10)))
    assert comparison.verdict == "no reliable difference"
    assert comparison.sentence.startswith("No reliable difference: ")
    assert not comparison.practically_equivalent


def test_the_reference_as_winner_is_said_to_be_unbeaten(make: Finish) -> None:
    comparison = compared(make(Plan(best_config=REFERENCE)))
    assert comparison.verdict == "no reliable difference"
    assert comparison.same_configuration
    assert "found nothing better than the reference" in comparison.sentence
    assert comparison.difference.estimate == Estimate(0.0, 0.0, 0.0)


def test_one_seed_says_that_its_interval_covers_images_only(make: Finish) -> None:
    comparison = compared(make(Plan(seeds=1)))
    assert "1 seed each, so the interval covers image sampling only" in comparison.sentence
    assert comparison.difference.seed_error == 0.0
    assert comparison.permutation_p is None
    assert comparison.reference.seed_deviation is None


def test_the_difference_is_that_of_the_mean_accuracies(comparison: Comparison) -> None:
    gain = comparison.best.accuracy.value - comparison.reference.accuracy.value
    assert comparison.difference.estimate.value == pytest.approx(gain)
    assert comparison.best.errors_per_10000 == pytest.approx(10_000 * (1 - comparison.best.accuracy.value))


def test_the_shown_run_is_the_one_of_median_accuracy(comparison: Comparison) -> None:
    model = comparison.best
    accuracies = [run.accuracy.value for run in model.runs]
    assert model.shown().accuracy.value == np.median(accuracies)


def test_the_confusion_difference_is_that_of_the_shown_runs(comparison: Comparison) -> None:
    change = np.subtract(comparison.best.shown().confusion, comparison.reference.shown().confusion)
    assert np.array_equal(comparison.confusion_difference, change)
    assert comparison.mcnemar.only_best - comparison.mcnemar.only_reference == np.trace(change)


def test_changed_images_are_right_in_one_shown_model_only(comparison: Comparison) -> None:
    changed = comparison.changed
    assert changed.fixed_total == comparison.mcnemar.only_best
    assert changed.broken_total == comparison.mcnemar.only_reference
    assert all(item.best_says == item.true != item.reference_says for item in changed.fixed)
    assert all(item.reference_says == item.true != item.best_says for item in changed.broken)


def test_changed_pairs_are_cells_of_the_matrices_largest_first(comparison: Comparison) -> None:
    off_diagonal = np.abs(np.asarray(comparison.confusion_difference) * (1 - np.eye(10, dtype=int)))
    changes = [abs(pair.after - pair.before) for pair in comparison.changed.pairs]
    assert changes == sorted(off_diagonal.ravel(), reverse=True)[: len(changes)]
    assert all(pair.mid_p <= pair.holm_p <= 1.0 for pair in comparison.changed.pairs)


def test_arrays_of_another_run_are_refused(make: Finish) -> None:
    search, other = make(Plan()), make(Plan(seeds=3))
    with pytest.raises(RecordError, match=r"probabilities for 5 reference runs\. Received: \(3, 200, 10\)"):
        compare(search.outcome, other.predictions)


def test_unequal_numbers_of_runs_are_refused(make: Finish) -> None:
    search = make(Plan())
    outcome = replace(search.outcome, finals=search.outcome.finals[:-1])
    predictions = replace(search.predictions, best=search.predictions.best[:-1])
    with pytest.raises(RecordError, match=r"retrained equally often\. Received: 5 and 4 runs"):
        compare(outcome, predictions)


@pytest.mark.parametrize(("value", "text"), [(0.0123, "+1.23"), (-0.0041, "\u22120.41"), (0.00001, "0.00")])
def test_points_are_signed_with_a_true_minus(value: float, text: str) -> None:
    assert points(value) == text
