"""The first screen: the claim in words, what to do next, how small a difference could have been seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from reports.numbers.finished import Finished
from reports.numbers.statistics import Difference, Estimate
from reports.numbers.wording import points
from reports.sections.result.section import claim_in_words, could_have_seen, next_step, result
from tests.reports.conftest import Plan, finish


def with_accuracies(numbers: Finished, reference: Estimate, best: Estimate) -> Finished:
    comparison = replace(
        numbers.comparison,
        reference=replace(numbers.comparison.reference, test_accuracy=reference),
        best=replace(numbers.comparison.best, test_accuracy=best),
    )
    return replace(numbers, comparison=comparison)


def test_the_claim_is_placed_beside_both_intervals() -> None:
    numbers = with_accuracies(
        finish(Plan(epochs=10)).numbers(), Estimate(0.9103, 0.9049, 0.9156), Estimate(0.9236, 0.9188, 0.9284)
    )
    assert claim_in_words(numbers) == (
        "The document claims 92%: the reference’s interval (90.49% to 91.56%) lies below it; the tuned model’s "
        "interval (91.88% to 92.84%) contains it, so this run cannot tell whether the claim is met."
    )
    above = with_accuracies(numbers, Estimate(0.93, 0.921, 0.94), Estimate(0.94, 0.93, 0.95))
    assert claim_in_words(above).count("lies above it") == 2


def test_other_terms_than_the_documents_are_no_test_of_its_claim() -> None:
    said = [claim_in_words(finish(Plan(epochs=epochs)).numbers()) for epochs in (4, 10)]
    assert ["this is no test of its claim" in text for text in said] == [True, False]


@pytest.mark.parametrize(
    ("plan", "advice"),
    [
        (Plan(images=1000), "If the gain is worth its cost, take the configuration of trial "),
        (Plan(reference_error=0.1, best_error=0.1), "Keep the reference, or resume with --retrain-seeds 10"),
        (
            Plan(best_config=REFERENCE),
            "Keep the reference. To look further, search under a new --name for more than 14 trials.",
        ),
        (Plan(seeds=1), "Resume with --retrain-seeds 5: what is trained already is kept."),
    ],
)
def test_what_to_do_next_follows_from_the_verdict(plan: Plan, advice: str) -> None:
    numbers = finish(plan).numbers()
    assert next_step(numbers).startswith(advice)
    assert f"<b>Next:</b> {advice}" in result(numbers).html


def test_a_search_that_ended_before_its_trials_wants_time_and_not_more_trials() -> None:
    search = finish(Plan(best_config=REFERENCE))
    settings = {**search.outcome.settings, "trials": 50, "time_budget": 3600.0}
    advice = next_step(replace(search, outcome=replace(search.outcome, settings=settings)).numbers())
    assert advice.endswith("search under a new --name with more time: 14 of 50 trials ended.")


def test_what_could_have_been_seen_is_said_beside_the_interval() -> None:
    numbers = finish(Plan()).numbers()
    size = points(numbers.comparison.difference.detectable).lstrip("+")
    text = f"This run could have seen a difference of {size} pt (in four cases of five)."
    assert could_have_seen(numbers.comparison) == text
    assert text in result(numbers).html
    assert could_have_seen(finish(Plan(best_config=REFERENCE)).numbers().comparison) == ""


def test_errors_saved_have_the_interval_of_the_difference() -> None:
    numbers = finish(Plan(images=1000)).numbers()
    difference = Difference(
        estimate=Estimate(0.0133, 0.0088, 0.0178), image_error=0.002, seed_error=0.001, detectable=0.006
    )
    page = result(replace(numbers, comparison=replace(numbers.comparison, difference=difference))).html
    assert "<dd>+133</dd>" in page
    assert "+88 to +178; " in page
