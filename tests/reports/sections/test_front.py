"""The Pareto front in the report: its rows, its chart, and the verdict for its knee."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from reports.numbers.finished import finished
from reports.page import write_report
from reports.records import RecordError, pareto_front, points_of
from reports.sections.search.front import front_of, front_plot
from reports.sections.search.section import search
from tests.reports.conftest import FinishedSearch, Plan, finish
from tests.reports.parsed_page import Page
from tests.reports.test_schema import faults

NARROW, WIDE = replace(REFERENCE, base_filters=16), replace(REFERENCE, base_filters=40)


def with_front(found: FinishedSearch, at_knee: TrainConfig = REFERENCE, value: float = 0.92) -> FinishedSearch:
    """Three trials on a front, the second being the knee, which has the predictions of the best."""
    configs, values = (NARROW, at_knee, WIDE), (0.80, value, 0.93)
    trials = tuple(
        replace(found.outcome.trials[0], number=n, config=config, value=values[n], is_reference=config == REFERENCE)
        for n, config in enumerate(configs)
    )
    outcome = replace(found.outcome, trials=trials, best_trial=2, best_config=WIDE, finalists=())
    outcome = replace(outcome, front=pareto_front(points_of(trials, FASHION_MNIST)))
    if at_knee != REFERENCE:
        outcome = replace(outcome, knee=tuple(replace(run, model="knee") for run in outcome.runs("best")))
        return FinishedSearch(outcome, replace(found.predictions, knee=found.predictions.best))
    return FinishedSearch(outcome, found.predictions)


def test_the_knee_is_judged_on_the_test_images_as_the_best_is(tmp_path: Path) -> None:
    found = with_front(finish(Plan(images=1000)), replace(REFERENCE, base_filters=24))
    seen = found.numbers()
    front = front_of(seen)
    assert front is not None
    assert front.knee is not None
    assert front.knee.verdict == seen.comparison.verdict == "better"
    assert front.knee.to_reference == seen.comparison.difference.estimate
    assert front.knee.to_best.value == 0.0
    assert [(row.trial, row.is_knee, row.is_best, row.is_reference) for row in front.rows] == [
        (0, False, False, False),
        (1, True, False, False),
        (2, False, True, False),
    ]
    costs = [network_of(config, FASHION_MNIST).multiply_adds for config in (NARROW, REFERENCE)]
    assert front.rows[0].times == costs[0] / costs[1]
    assert front.sentence.startswith("The knee, trial 1, is better than the reference: ")
    html = search(seen).html
    assert len(Page(html).tables["front-table"]) == 4
    assert front.sentence in html
    write_report(found.write(tmp_path))
    assert faults(tmp_path) == []


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.92, "The knee, trial 1, is the reference itself"), (0.801, "The front has no knee: no point of it lies above")],
)
def test_a_front_without_a_knee_of_its_own_says_why(value: float, said: str) -> None:
    front = front_of(with_front(finish(Plan()), value=value).numbers())
    assert front is not None
    assert (front.knee, front.sentence[: len(said)]) == (None, said)


def test_a_knee_that_was_not_retrained_and_one_on_other_seeds_are_told() -> None:
    found = with_front(finish(Plan()), replace(REFERENCE, base_filters=24))
    without = front_of(finished(replace(found.outcome, knee=()), found.predictions))
    assert without is not None
    assert without.sentence == "The knee, trial 1, was not retrained: a training failed, or there was no time."
    with pytest.raises(RecordError, match=r"The knee must be retrained on the seeds of the reference. Received"):
        finished(replace(found.outcome, knee=found.outcome.knee[::-1]), found.predictions)


def test_where_the_reference_wins_the_knee_is_compared_with_it_alone() -> None:
    found = with_front(finish(Plan(best_config=REFERENCE)), replace(REFERENCE, base_filters=24))
    seen = finished(replace(found.outcome, best_config=REFERENCE), found.predictions)
    front = front_of(seen)
    assert front is not None
    assert front.sentence.startswith("The knee, trial 1, does not reliably differ from the reference: ")
    assert front.sentence.endswith(" the multiply-adds of the reference.")
    assert "tuned" not in front.sentence


def test_networks_that_cost_nearly_the_same_have_an_axis_with_labels() -> None:
    outcome = with_front(finish(Plan())).outcome
    costs = [network_of(replace(REFERENCE, dense_units=units), FASHION_MNIST).multiply_adds for units in (128, 129)]
    trials = [
        replace(outcome.trials[0], number=n, config=replace(REFERENCE, dense_units=units), value=0.9 + 0.01 * n)
        for n, units in enumerate((128, 129))
    ]
    front = pareto_front(points_of(trials, FASHION_MNIST))
    plot = front_plot(replace(outcome, trials=tuple(trials), front=front))
    assert plot is not None
    low, high = (float(tick.text) for tick in plot.x_ticks)
    assert low < costs[0] / 1e6 < costs[1] / 1e6 < high


def test_the_chart_has_every_complete_trial_its_front_and_its_knee() -> None:
    plot = front_plot(with_front(finish(Plan())).outcome)
    assert plot is not None
    drawn = {layer.label: layer.path.count("M") for layer in plot.layers if layer.label}
    assert drawn == {"complete": 3, "front": 1, "reference": 1, "knee": 1, "chosen": 1}
    assert [tick.text for tick in plot.x_ticks] == ["1", "2"]


def test_a_search_for_accuracy_alone_has_none() -> None:
    seen = finish(Plan()).numbers()
    assert (front_of(seen), front_plot(seen.outcome)) == (None, None)
    assert "front-table" not in search(seen).html
