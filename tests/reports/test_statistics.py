"""The formulas against scipy, published values and simulation.

pytest tests/reports/test_statistics.py
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from reports.statistics import (
    accuracy_difference,
    calibration_error,
    holm,
    mcnemar,
    mcnemar_mid_p,
    mean_accuracy,
    permutation_p,
    probability_better,
    wilson,
)


def test_mcnemar_mid_p_of_1_and_7_is_0_0391() -> None:
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar_mid_p(7, 1) == mcnemar_mid_p(1, 7)


@pytest.mark.parametrize("both", [0, 1, 12])
def test_mcnemar_mid_p_of_a_tie_is_one_minus_half_the_middle_probability(both: int) -> None:
    assert mcnemar_mid_p(both, both) == pytest.approx(1.0 - 0.5 * stats.binom.pmf(both, 2 * both, 0.5))


def test_mcnemar_counts_the_images_that_one_model_alone_gets_right() -> None:
    reference = np.array([True, True, False, False, True])
    best = np.array([True, False, True, True, True])
    result = mcnemar(reference, best)
    assert (result.only_reference, result.only_best) == (1, 2)
    assert result.difference.value == pytest.approx(0.2)
    assert result.difference.high - result.difference.value == pytest.approx(1.96 * math.sqrt(3 - 1 / 5) / 5, rel=1e-4)


@pytest.mark.parametrize(("correct", "total"), [(930, 1000), (0, 20), (20, 20)])
def test_wilson_is_scipys(correct: int, total: int) -> None:
    expected = stats.binomtest(correct, total).proportion_ci(method="wilson")
    estimate = wilson(correct, total)
    assert (estimate.value, estimate.low, estimate.high) == (correct / total, expected.low, expected.high)


def test_the_difference_adds_image_and_seed_variance() -> None:
    reference = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool)
    best = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], dtype=bool)
    per_image = np.array([0.0, 0.5, 1.0, 0.5])
    difference = accuracy_difference(reference, best)
    assert difference.estimate.value == pytest.approx(0.5)
    assert difference.image_error**2 == pytest.approx(per_image.var(ddof=1) / 4)
    assert difference.seed_error**2 == pytest.approx(np.var([0.5, 0.25], ddof=1) / 2 + np.var([0.75, 1.0], ddof=1) / 2)
    half = difference.estimate.high - difference.estimate.value
    assert half == pytest.approx(1.95996 * math.hypot(difference.image_error, difference.seed_error), rel=1e-5)


def test_one_seed_has_no_seed_variance() -> None:
    correct = np.array([[True, False, True, True]])
    assert accuracy_difference(correct, ~correct).seed_error == 0.0
    assert mean_accuracy(correct).value == 0.75


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_of_the_difference_covers_the_truth_at_least_93_times_in_100(seeds: int) -> None:
    rng, images, repetitions = np.random.default_rng(3), 1500, 250
    covered = 0
    for _ in range(repetitions):
        # Each image has a chance to be right under each configuration; each run adds a quality of its own.
        chance = np.clip(rng.beta(4, 0.35, images), 0.01, 0.99)
        truth = {"reference": 4 / 4.35 - 0.02, "best": 4 / 4.35}
        runs = {
            name: rng.random((seeds, images)) < np.clip(chance - shift + 0.002 * rng.standard_normal((seeds, 1)), 0, 1)
            for name, shift in (("reference", 0.02), ("best", 0.0))
        }
        estimate = accuracy_difference(runs["reference"], runs["best"]).estimate
        covered += estimate.low <= truth["best"] - truth["reference"] <= estimate.high
    assert covered / repetitions >= 0.93


def test_five_runs_that_are_all_better_have_the_least_p_of_0_008() -> None:
    assert permutation_p([890, 891, 892, 893, 894], [930, 931, 932, 933, 934]) == pytest.approx(2 / math.comb(10, 5))


def test_a_permutation_test_needs_two_runs() -> None:
    assert permutation_p([890], [930]) is None


def test_the_probability_of_better_counts_pairs_and_half_the_ties() -> None:
    assert probability_better([1, 2], [2, 3]) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert probability_better([5], [5]) == 0.5


def test_holm_multiplies_the_least_by_all_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03, 0.9]) == pytest.approx((0.04, 0.09, 0.09, 0.9))


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    scores = np.zeros((4, 10), dtype=np.float32)
    scores[:, 0], scores[:, 1] = 0.75, 0.25
    assert calibration_error(scores, np.array([0, 0, 0, 1], dtype=np.uint8)) == pytest.approx(0.0, abs=1e-6)
    assert calibration_error(scores, np.array([1, 1, 1, 1], dtype=np.uint8)) == pytest.approx(0.75, abs=1e-6)
