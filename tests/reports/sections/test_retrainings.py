"""The retrainings, run by run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reports.numbers.finished import finished
from reports.sections.retrainings.section import curves, equal_compute, runs
from tests.reports.conftest import Plan, finish
from tests.reports.parsed_page import Page


def test_one_seed_has_no_permutation_test() -> None:
    section = runs(finish(Plan(seeds=1)).numbers())
    assert section.numbers["comparison.permutation_p"] is None
    assert "needs two seeds or more" in section.html


def test_a_heading_says_that_runs_beat_runs_only_where_the_verdict_does() -> None:
    same, better = finish(Plan(reference_error=0.1, best_error=0.1)), finish(Plan(images=1000))
    headings = [runs(search.numbers()).heading for search in (same, better)]
    assert headings[0].startswith("From seed to seed the accuracy varies by ")
    assert headings[1] == "Every tuned run beats every reference run"


def test_rows_are_named_by_number_however_long_the_seeds_are() -> None:
    search = finish(Plan(seeds=3))
    finals = tuple(
        replace(run, train=replace(run.train, seed=2_613_022_947 + run.train.seed)) for run in search.outcome.finals
    )
    section = runs(finished(replace(search.outcome, finals=finals), search.predictions))
    assert [row[0] for row in Page(section.html).tables["runs-table"]] == ["Run", "1", "2", "3", "Mean", "Spread (SD)"]
    assert "2613022947" not in section.html


def test_training_accuracies_are_not_offered_for_comparison() -> None:
    html = curves(finish(Plan()).numbers()).html
    assert "with dropout, augmentation and label smoothing on, so that two models cannot be compared by it" in html


def test_equal_compute_is_a_row_of_its_own_with_the_interval_of_the_difference() -> None:
    search = finish(Plan())
    outcome = replace(search.outcome, equal_compute=search.outcome.finals[:2])
    predictions = replace(search.predictions, equal_compute=search.predictions.reference[:2])
    found = equal_compute(finished(outcome, predictions))
    assert found is not None
    assert (found.epochs, found.seeds) == (4, 2)
    right = [scores.argmax(axis=2) == predictions.labels for scores in (predictions.equal_compute, predictions.best)]
    assert found.accuracy.value == pytest.approx(right[0].mean())
    assert found.difference.value == pytest.approx(right[1].mean() - right[0].mean())
    assert found.difference.low < found.difference.value < found.difference.high
    assert found.cpu_share == pytest.approx(np.mean([60, 61]) / (3.1 * 62))
    assert 'id="equal-compute"' in runs(finished(outcome, predictions)).html
    assert 'id="equal-compute"' not in runs(search.numbers()).html
