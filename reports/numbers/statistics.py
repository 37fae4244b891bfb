"""Formulas of the comparison, pure: arrays in, estimates out. Accuracies are fractions throughout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
PERMUTATIONS: Final = 99_999
_Z: Final = 1.96


class Interval(NamedTuple):
    """A 95% interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95% interval. Where nothing can be estimated, `low` and `high` equal `value`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Best minus reference, averaged over k seeds each, with the two parts of its standard error (fractions).

    `detectable` is the least true difference that such a comparison calls reliable in four cases of five.
    """

    estimate: Estimate
    image_error: float
    seed_error: float
    detectable: float


NO_DIFFERENCE: Final = Difference(estimate=Estimate(0.0, 0.0, 0.0), image_error=0.0, seed_error=0.0, detectable=0.0)


def wilson(correct: int, total: int) -> Estimate:
    """Accuracy of one fitted model with Wilson's score interval (Wilson 1927, JASA 22:209).

    Raises:
        ValueError: when `total` is not at least 1, or `correct` not within it (scipy's own message).
    """
    interval = stats.binomtest(correct, total).proportion_ci(confidence_level=0.95, method="wilson")
    return Estimate(correct / total, float(interval.low), float(interval.high))


@dataclass(frozen=True, slots=True)
class Variances:
    """Estimated variances, an element each, and how many degrees of freedom the estimate of each has."""

    value: Floats
    freedom: int


@dataclass(frozen=True, slots=True)
class Errors:
    """Standard errors, an element each; the part that seeds have in the variance, and the degrees of freedom of that
    part and of the images' part."""

    value: Floats
    seed_share: Floats
    seed_freedom: Floats
    image_freedom: int

    def reach(self, tail: float | Floats) -> Floats:
        """How far from a value its error may be, in the direction of this tail probability.

        In standard errors that is Student's quantile for the seeds and for the images, weighed by their variances
        (Cochran 1964, Biometrics 20:191). One Student's t with Satterthwaite's degrees of freedom for the sum trusts a
        seed spread that 2 or 3 runs show by luck as small; this gives at most 6.5% false verdicts, also where the runs
        of one model alone vary (tests/reports/numbers/test_coverage.py).
        """
        seeds, images = (-special.stdtrit(freedom, tail) for freedom in (self.seed_freedom, self.image_freedom))
        reach: Floats = (self.seed_share * seeds + (1.0 - self.seed_share) * images) * self.value
        return reach


def variance_of_mean(values: npt.NDArray[np.floating[Any]]) -> Variances:
    """s²/n down the first axis, of n; 0 for one value, whose spread cannot be seen."""
    count = len(values)
    spread = values.var(axis=0, ddof=1) / count if count > 1 else np.zeros(values.shape[1:])
    return Variances(np.asarray(spread, dtype=np.float64), count - 1)


def standard_errors(image: Variances, *seeds: Variances) -> Errors:
    """The root of the sum of the variances.

    The degrees of freedom of the seeds' part are Satterthwaite's (1946, Biometrics Bulletin 2:110): the square of the
    sum over the sum of each part's square by its own degrees of freedom.
    """
    of_seeds = np.sum([part.value for part in seeds], axis=0)
    squares = np.sum([part.value**2 / max(part.freedom, 1) for part in seeds], axis=0)
    total = image.value + of_seeds
    return Errors(
        value=np.sqrt(total),
        seed_share=np.divide(of_seeds, total, out=np.zeros_like(total), where=total > 0),
        seed_freedom=np.divide(of_seeds**2, squares, out=np.ones_like(total), where=squares > 0),
        image_freedom=max(image.freedom, 1),
    )


def intervals(values: Floats, errors: Errors) -> tuple[Estimate, ...]:
    """Each value with its 95% interval."""
    every = zip(np.atleast_1d(values), np.atleast_1d(errors.reach(0.025)), strict=True)
    return tuple(Estimate(float(value), float(value - reach), float(value + reach)) for value, reach in every)


def two_sided_p(values: Floats, errors: Errors) -> Floats:
    """The p-value of each value; 1 for 0, which differs from nothing.

    By one Student's t, with Satterthwaite's degrees of freedom for the sum of all parts. With 3 seeds or more and
    Holm's adjustment for many values, that finds something among equal models in at most 6.5 of 100 comparisons
    (tests/reports/numbers/test_coverage.py).
    """
    parts = errors.seed_share**2 / errors.seed_freedom + (1.0 - errors.seed_share) ** 2 / errors.image_freedom
    ratio = np.divide(np.abs(values), errors.value, out=np.full_like(values, np.inf), where=errors.value > 0)
    p_values: Floats = np.where(values == 0, 1.0, 2.0 * special.stdtr(1.0 / parts, -ratio))
    return p_values


def _of_images(per_image: Floats) -> Variances:
    """The images' part of the variance. Where every run says the same of every image, their spread is 0 and means
    little: the interval then reaches as far as Wilson's for n of n, about z²/n."""
    alike = per_image.min() == per_image.max() and per_image[0] in (-1.0, 0.0, 1.0)
    count = len(per_image)
    return Variances(np.asarray((_Z / count) ** 2), count - 1) if alike else variance_of_mean(per_image)


def mean_accuracy(correct: Booleans) -> Estimate:
    """Mean accuracy of k runs, with image sampling and run-to-run spread in the interval. `correct` is (k, n)."""
    errors = standard_errors(_of_images(correct.mean(axis=0)), variance_of_mean(correct.mean(axis=1)))
    found = intervals(correct.mean(), errors)[0]
    return Estimate(found.value, max(0.0, found.low), min(1.0, found.high))


def accuracy_difference(reference: Booleans, best: Booleans) -> Difference:
    """The primary quantity: mean accuracy of the best's k runs minus the reference's, over the same n images.

    With d_i the difference of seed-averaged correctness on image i,
    Var = var(d_i)/n + s_reference²/k + s_best²/k, and the interval is that of `Errors`. Images and seeds
    are both sampled, as Bouthillier et al. 2021 ("Accounting for variance in machine learning benchmarks") ask.
    Slightly conservative: var(d_i) holds a part of the seeds' noise too. Both arrays are (k, n).

    What could have been seen is what the error reaches at 2.5% and at 20%, together: the minimum detectable effect of
    Bloom 1995 (Evaluation Review 19:547) for a power of 80%.
    """
    per_image = best.mean(axis=0) - reference.mean(axis=0)
    image = _of_images(per_image)
    seeds = (variance_of_mean(reference.mean(axis=1)), variance_of_mean(best.mean(axis=1)))
    errors = standard_errors(image, *seeds)
    return Difference(
        estimate=intervals(per_image.mean(), errors)[0],
        image_error=math.sqrt(image.value),
        seed_error=math.sqrt(sum(part.value for part in seeds)),
        detectable=float(errors.reach(0.025) + errors.reach(0.2)),
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

    `probabilities` is (n, c), `labels` (n,). NaN where a probability is not finite.
    """
    if not np.isfinite(probabilities).all():
        return math.nan
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = probabilities.argmax(axis=1) == labels
    which = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(which, weights=correct - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(labels))
