"""The verdict, its sentence, and the numbers behind them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from reports.numbers.comparison import Comparison, RunnerUp, compare
from reports.numbers.statistics import Estimate
from reports.numbers.wording import points
from reports.records import ModelName, RecordError
from tests.reports.conftest import FinishedSearch, Plan, finish


def compared(search: FinishedSearch) -> Comparison:
    return compare(search.outcome, search.predictions)


def swapped(search: FinishedSearch) -> FinishedSearch:
    other: dict[ModelName, ModelName] = {"reference": "best", "best": "reference"}
    finals = tuple(replace(run, model=other[run.model]) for run in search.outcome.finals)
    predictions = replace(search.predictions, reference=search.predictions.best, best=search.predictions.reference)
    return FinishedSearch(replace(search.outcome, finals=finals), predictions)


def test_a_clear_gain_is_better() -> None:
    comparison = compared(finish(Plan(images=1000)))
    assert comparison.verdict == "better"
    assert comparison.difference.estimate.low > 0
    assert comparison.sentence.startswith("The tuned model beats the reference by ")
    assert "5 seeds each, 1,000 test images" in comparison.sentence
    assert f"{points(comparison.difference.estimate.low)} to " in comparison.sentence


def test_a_clear_loss_is_worse() -> None:
    comparison = compared(swapped(finish(Plan(images=1000))))
    assert comparison.verdict == "worse"
    assert comparison.difference.estimate.high < 0
    assert comparison.sentence.startswith("The tuned model is worse than the reference by ")


def test_an_interval_around_zero_is_no_reliable_difference() -> None:
    comparison = compared(finish(Plan(reference_error=0.10, best_error=0.10)))
    assert comparison.verdict == "no reliable difference"
    assert comparison.sentence.startswith("No reliable difference: ")
    assert not comparison.practically_equivalent


@pytest.mark.parametrize(("images", "equal"), [(20, False), (10_000, True)])
def test_two_perfect_models_are_called_equal_only_if_there_are_images_enough_to_tell(images: int, equal: bool) -> None:
    comparison = compared(finish(Plan(images=images, reference_error=0.0, best_error=0.0)))
    assert (comparison.verdict, comparison.practically_equivalent) == ("no reliable difference", equal)
    assert ("Practically equivalent" in comparison.sentence) == equal


def test_the_reference_as_winner_is_said_to_be_unbeaten() -> None:
    comparison = compared(finish(Plan(best_config=REFERENCE)))
    assert comparison.verdict == "no reliable difference"
    assert comparison.same_configuration
    assert comparison.sentence.startswith("Nothing better than the reference was found: ")
    assert comparison.difference.estimate == Estimate(0.0, 0.0, 0.0)


def test_the_runner_up_is_the_best_other_finalist_and_its_distance_is_said() -> None:
    search = finish(Plan(best_config=REFERENCE))
    scores = [replace(search.outcome.finalists[0], trial=number) for number in (0, 2, 3)]
    fresh = [(0.91, 0.92, 0.99), (0.90, 0.92), (0.90, 0.91)]
    finalists = tuple(replace(s, fresh_values=f, seeds=(1, 2, 3)[: len(f)]) for s, f in zip(scores, fresh, strict=True))
    comparison = compare(replace(search.outcome, finalists=finalists), search.predictions)
    assert comparison.runner_up == RunnerUp(trial=2, value=0.91, reference=0.915, fresh_seeds=2)
    assert comparison.sentence.endswith(
        "the runner-up, trial 2, reached 91.00% on the validation images on 2 fresh seeds, the reference 91.50% "
        "(\u22120.50 pt)."
    )


def test_without_another_complete_trial_there_is_no_runner_up() -> None:
    comparison = compared(finish(Plan(trials=1, best_config=REFERENCE)))
    assert comparison.runner_up is None
    assert comparison.sentence == "Nothing better than the reference was found: no other trial ran to its end."


def test_one_seed_has_no_seed_error() -> None:
    comparison = compared(finish(Plan(seeds=1)))
    assert comparison.difference.seed_error == 0.0
    assert comparison.reference.seed_deviation is None


def test_the_difference_is_that_of_the_mean_accuracies() -> None:
    comparison = compared(finish(Plan()))
    gain = comparison.best.test_accuracy.value - comparison.reference.test_accuracy.value
    assert comparison.difference.estimate.value == pytest.approx(gain)
    assert comparison.best.errors_per_10000 == pytest.approx(10_000 * (1 - comparison.best.test_accuracy.value))


def test_arrays_of_another_run_are_refused() -> None:
    search, other = finish(Plan()), finish(Plan(seeds=3))
    with pytest.raises(RecordError, match=r"probabilities for 5 reference runs\. Received: \(3, 200, 10\)"):
        compare(search.outcome, other.predictions)


def test_unequal_numbers_of_runs_are_refused() -> None:
    search = finish(Plan())
    outcome = replace(search.outcome, finals=search.outcome.finals[:-1])
    predictions = replace(search.predictions, best=search.predictions.best[:-1])
    with pytest.raises(RecordError, match=r"retrained equally often\. Received: 5 and 4 runs"):
        compare(outcome, predictions)


@pytest.mark.parametrize(("value", "text"), [(0.0123, "+1.23"), (-0.0041, "\u22120.41"), (0.00001, "0.00")])
def test_points_are_signed_with_a_true_minus(value: float, text: str) -> None:
    assert points(value) == text
