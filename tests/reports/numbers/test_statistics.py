"""The formulas against scipy, published values and simulation.

pytest tests/reports/numbers/test_statistics.py
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from reports.numbers.statistics import (
    Variances,
    accuracy_difference,
    calibration_error,
    holm,
    mean_accuracy,
    permutation_p,
    probability_better,
    standard_errors,
    two_sided_p,
    wilson,
)


@pytest.mark.parametrize(("correct", "total"), [(930, 1000), (0, 20), (20, 20)])
def test_wilsons_ends_are_the_chances_that_are_just_not_rejected(correct: int, total: int) -> None:
    """Where (p - chance) is the normal quantile times the standard error at that chance (Wilson 1927)."""
    estimate = wilson(correct, total)
    for chance in {estimate.low, estimate.high} - {0.0, 1.0}:
        distance = abs(correct / total - chance) / math.sqrt(chance * (1 - chance) / total)
        assert distance == pytest.approx(stats.norm.ppf(0.975))
    assert estimate.low <= estimate.value == correct / total <= estimate.high


def test_the_difference_adds_image_and_seed_variance() -> None:
    reference = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool)
    best = np.array([[1, 1, 1, 0], [1, 1, 1, 1]], dtype=bool)
    per_image = np.array([0.0, 0.5, 1.0, 0.5])
    difference = accuracy_difference(reference, best)
    assert difference.estimate.value == pytest.approx(0.5)
    image, seeds = per_image.var(ddof=1) / 4, np.array([np.var([0.5, 0.25], ddof=1), np.var([0.75, 1.0], ddof=1)]) / 2
    assert difference.image_error**2 == pytest.approx(image)
    assert difference.seed_error**2 == pytest.approx(seeds.sum())
    freedom = seeds.sum() ** 2 / (seeds**2 / 1).sum()
    weighed = image * stats.t.ppf(0.975, 3) + seeds.sum() * stats.t.ppf(0.975, freedom)
    half = difference.estimate.high - difference.estimate.value
    assert half == pytest.approx(weighed / math.sqrt(image + seeds.sum()))


def test_standard_errors_are_those_of_a_bootstrap_over_images_and_over_seeds() -> None:
    """Seeds are drawn k - 1 of k, which leaves the variance of their mean unshrunk (Rao & Wu 1988, JASA 83:231)."""
    rng, k, images = np.random.default_rng(3), 5, 500
    hard = rng.random(images) < 0.4
    runs = [rng.random((k, images)) < 1 - hard * (wrong + 0.1 * rng.random((k, 1))) for wrong in (0.3, 0.2)]
    drawn = [rng.integers(0, images, images) for _ in range(3000)]
    picked = [(rng.integers(0, k, k - 1), rng.integers(0, k, k - 1)) for _ in range(3000)]
    difference, accuracy = accuracy_difference(*runs), mean_accuracy(runs[1])
    by_image = np.array([[run[:, which].mean() for run in runs] for which in drawn])
    by_seed = np.array([[run[which].mean() for run, which in zip(runs, pair, strict=True)] for pair in picked])
    assert difference.image_error == pytest.approx(np.diff(by_image).std(), rel=0.05)
    assert difference.seed_error == pytest.approx(np.diff(by_seed).std(), rel=0.05)
    both = math.hypot(by_image[:, 1].std(), by_seed[:, 1].std())
    half = accuracy.high - accuracy.value  # between the quantiles of many and of four degrees of freedom
    assert 0.97 * stats.norm.ppf(0.975) * both < half < 1.03 * stats.t.ppf(0.975, k - 1) * both


def test_without_image_noise_the_interval_is_that_of_welchs_t_test() -> None:
    """Each image is right in one run of the reference and in two of the best, so that images differ in nothing."""
    reference = np.repeat(np.eye(3, dtype=bool), [2, 4, 6], axis=1)
    best = ~np.repeat(np.eye(3, dtype=bool), [1, 5, 6], axis=1)
    difference = accuracy_difference(reference, best)
    assert difference.image_error == 0.0
    welch = stats.ttest_ind(best.mean(axis=1), reference.mean(axis=1), equal_var=False).confidence_interval(0.95)
    assert (difference.estimate.low, difference.estimate.high) == pytest.approx((welch.low, welch.high))


def test_p_values_are_those_of_a_students_t_for_the_sum_of_the_parts() -> None:
    rng = np.random.default_rng(6)
    values, freedoms = rng.normal(0, 2, 50), (900, 2, 2)
    parts = [Variances(rng.random(50), freedom) for freedom in freedoms]
    total = sum(part.value for part in parts)
    freedom = total**2 / sum(part.value**2 / own for part, own in zip(parts, freedoms, strict=True))
    assert two_sided_p(values, standard_errors(*parts)) == pytest.approx(
        2 * stats.t.sf(np.abs(values) / np.sqrt(total), freedom)
    )


def test_what_could_have_been_seen_is_the_formula_of_bloom() -> None:
    """Of two equal models whose runs differ in nothing, one Student's t is left."""
    rng = np.random.default_rng(4)
    reference, best = (np.repeat(rng.random((1, 400)) < chance, 5, axis=0) for chance in (0.9, 0.92))
    difference = accuracy_difference(reference, best)
    assert difference.seed_error == 0.0
    expected = stats.t.ppf([0.975, 0.8], 399).sum() * difference.image_error
    assert difference.detectable == pytest.approx(expected)


def test_a_difference_of_what_could_have_been_seen_is_seen_in_four_cases_of_five() -> None:
    rng, seen = np.random.default_rng(9), 0
    reach = accuracy_difference(*(rng.random((5, 4000)) < 0.9 for _ in range(2))).detectable
    for _ in range(400):
        reference, best = rng.random((5, 4000)) < 0.9, rng.random((5, 4000)) < 0.9 + reach
        seen += accuracy_difference(reference, best).estimate.low > 0
    assert seen / 400 >= 0.8


@pytest.mark.parametrize("images", [20, 10_000])
def test_of_perfect_models_the_interval_reaches_as_far_as_wilsons_and_ends_at_1(images: int) -> None:
    right = np.ones((3, images), dtype=bool)
    accuracy, difference = mean_accuracy(right), accuracy_difference(right, right).estimate
    assert accuracy.high == 1.0
    assert 1.0 - accuracy.low == pytest.approx(1.0 - wilson(images, images).low, rel=0.3)
    assert (difference.low, difference.value, difference.high) == pytest.approx((accuracy.low - 1, 0, 1 - accuracy.low))


def test_five_runs_that_are_all_better_have_the_least_p_of_0_008() -> None:
    assert permutation_p([890, 891, 892, 893, 894], [930, 931, 932, 933, 934]) == pytest.approx(2 / math.comb(10, 5))


@pytest.mark.parametrize(("reference", "best"), [([3, 4, 9], [6, 7, 8]), ([10, 11, 30, 12], [13, 14, 15, 29])])
def test_the_permutation_test_compares_means_over_every_partition(reference: list[int], best: list[int]) -> None:
    """In both, the largest run of all is the reference's: a difference of maxima would give another p."""
    every, k = [*reference, *best], len(best)
    gap = abs(sum(best) / k - sum(reference) / k)
    chosen = [set(picked) for picked in combinations(range(2 * k), k)]
    gaps = [
        abs(sum(every[i] for i in picked) / k - sum(every[i] for i in range(2 * k) if i not in picked) / k)
        for picked in chosen
    ]
    assert permutation_p(reference, best) == pytest.approx(sum(other >= gap - 1e-9 for other in gaps) / len(chosen))


def test_the_probability_of_better_counts_pairs_and_half_the_ties() -> None:
    assert probability_better([1, 2], [2, 3]) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert probability_better([5], [5]) == 0.5


def test_holm_multiplies_the_least_by_all_never_falls_and_ends_at_1() -> None:
    assert holm([0.01, 0.04, 0.03, 0.9, 0.6]) == pytest.approx((0.05, 0.12, 0.12, 1.0, 1.0))


def test_calibration_error_is_the_sum_over_bins_counted_one_image_after_another() -> None:
    rng = np.random.default_rng(2)
    scores = rng.dirichlet(np.full(10, 0.3), 400).astype(np.float32)
    labels = np.where(rng.random(400) < 0.6, scores.argmax(axis=1), 3).astype(np.uint8)
    bins: dict[int, list[float]] = {}
    for row, label in zip(scores, labels, strict=True):
        top = int(row.argmax())
        bins.setdefault(min(14, int(15 * float(row[top]))), []).append((top == label) - float(row[top]))
    assert len(bins) > 8
    assert calibration_error(scores, labels) == pytest.approx(sum(abs(sum(gaps)) for gaps in bins.values()) / 400)
    assert math.isnan(calibration_error(np.full((4, 10), np.nan, np.float32), labels[:4]))
