"""Formulas of the comparison, pure: arrays in, estimates out. Accuracies are fractions throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import stats

Booleans = npt.NDArray[np.bool_]
Z95: Final = 1.959963984540054
PERMUTATIONS: Final = 99_999


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95% interval. Where nothing can be estimated, `low` and `high` equal `value`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Best minus reference, averaged over k seeds each, with the two parts of its standard error (fractions)."""

    estimate: Estimate
    image_error: float
    seed_error: float


NO_DIFFERENCE: Final = Difference(estimate=Estimate(0.0, 0.0, 0.0), image_error=0.0, seed_error=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Two fitted models on the same images.

    `only_reference` and `only_best` count the images that one alone gets right.
    """

    only_reference: int
    only_best: int
    mid_p: float
    difference: Estimate


def wilson(correct: int, total: int) -> Estimate:
    """Accuracy of one fitted model with Wilson's score interval (Wilson 1927, JASA 22:209).

    Raises:
        ValueError: when `total` is not at least 1, or `correct` not within it (scipy's own message).
    """
    interval = stats.binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
    return Estimate(correct / total, float(interval.low), float(interval.high))


def seed_variance(accuracies: npt.NDArray[np.float64]) -> float:
    """Variance of the mean of k runs, s²/k; 0 for one run, whose spread cannot be seen."""
    count = len(accuracies)
    return float(accuracies.var(ddof=1)) / count if count > 1 else 0.0


def _image_variance(per_image: npt.NDArray[np.float64]) -> float:
    return float(per_image.var(ddof=1)) / len(per_image) if len(per_image) > 1 else 0.0


def mean_accuracy(correct: Booleans) -> Estimate:
    """Mean accuracy of k runs, with image sampling and run-to-run spread in the interval. `correct` is (k, n)."""
    variance = _image_variance(correct.mean(axis=0)) + seed_variance(correct.mean(axis=1))
    return _normal(float(correct.mean()), math.sqrt(variance))


def accuracy_difference(reference: Booleans, best: Booleans) -> Difference:
    """The primary quantity: mean accuracy of the best's k runs minus the reference's, over the same n images.

    With d_i the difference of seed-averaged correctness on image i,
    Var = var(d_i)/n + s_reference²/k + s_best²/k, and the interval is the estimate ± 1.96 √Var. Images and seeds
    are both sampled, as Bouthillier et al. 2021 ("Accounting for variance in machine learning benchmarks") ask.
    Slightly conservative: var(d_i) holds a part of the seeds' noise too. Both arrays are (k, n).
    """
    per_image = best.mean(axis=0) - reference.mean(axis=0)
    image = _image_variance(per_image)
    seeds = seed_variance(reference.mean(axis=1)) + seed_variance(best.mean(axis=1))
    return Difference(
        estimate=_normal(float(per_image.mean()), math.sqrt(image + seeds)),
        image_error=math.sqrt(image),
        seed_error=math.sqrt(seeds),
    )


def _normal(value: float, error: float) -> Estimate:
    return Estimate(value, value - Z95 * error, value + Z95 * error)


def mcnemar_mid_p(only_reference: int, only_best: int) -> float:
    """Two-sided McNemar mid-p for the two discordant counts.

    Fagerland, Lydersen & Laake 2013, BMC Medical Research Methodology 13:91.
    """
    smaller, total = min(only_reference, only_best), only_reference + only_best
    if only_reference == only_best:
        return float(1.0 - 0.5 * stats.binom.pmf(smaller, total, 0.5))
    return float(2.0 * stats.binom.cdf(smaller, total, 0.5) - stats.binom.pmf(smaller, total, 0.5))


def mcnemar(reference: Booleans, best: Booleans) -> McNemar:
    """Compare two fitted models on the same n images; says nothing of other seeds. Both arrays are (n,).

    The interval of the paired difference is (c − b)/n ± 1.96 √(b + c − (c − b)²/n) / n.
    """
    only_reference, only_best, count = int((reference & ~best).sum()), int((best & ~reference).sum()), len(reference)
    gain = only_best - only_reference
    error = math.sqrt(max(0.0, only_best + only_reference - gain**2 / count)) / count
    return McNemar(
        only_reference=only_reference,
        only_best=only_best,
        mid_p=mcnemar_mid_p(only_reference, only_best),
        difference=_normal(gain / count, error),
    )


def permutation_p(reference_correct: Sequence[int], best_correct: Sequence[int]) -> float | None:
    """Two-sided permutation p of the difference of mean correct counts over k runs each; None for one run each.

    Exact up to 99,999 partitions (k ≤ 9), else that many random ones. Its least value is 0.10 for k = 3 and 0.008
    for k = 5.
    """
    if min(len(reference_correct), len(best_correct)) < 2:
        return None
    result = stats.permutation_test(
        (np.asarray(best_correct, dtype=float), np.asarray(reference_correct, dtype=float)),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        vectorized=True,
        n_resamples=PERMUTATIONS,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def probability_better(reference_correct: Sequence[int], best_correct: Sequence[int]) -> float:
    """P(B > A): share of the k² pairs of runs in which the best is right more often; a tie counts half."""
    gain = np.subtract.outer(np.asarray(best_correct), np.asarray(reference_correct))
    return float(((gain > 0) + 0.5 * (gain == 0)).mean())


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979, Scand J Stat 6:65)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return tuple(adjusted)


def calibration_error(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8], bins: int = 15) -> float:
    """Expected calibration error over equal-width bins of the top probability (Guo et al. 2017).

    `probabilities` is (n, 10), `labels` (n,). NaN where a probability is not finite.
    """
    if not np.isfinite(probabilities).all():
        return math.nan
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(which, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))
