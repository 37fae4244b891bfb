"""How often the intervals hold the truth, and how often equal models are told apart, in simulated comparisons.

pytest -m slow tests/reports/numbers/test_coverage.py
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from reports.numbers.changes import changes
from reports.numbers.statistics import accuracy_difference

pytestmark = pytest.mark.slow
NULL, COMPARISONS, IMAGES, HARD, CLASSES = 1000, 2000, 10_000, 2000, 10
GAINED = 200  # images that every run of a better model has right, and half of the reference's runs
NAMES = tuple(f"class {label}" for label in range(CLASSES))
Right = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """How runs of one configuration differ. `spread` is the SD of their accuracy, and `trade` that of what five classes
    lose to the other five, in recall. Unless `is_even`, all runs of the reference are alike."""

    seeds: int
    spread: float
    trade: float
    is_even: bool = True

    def biases(self, is_best: bool, rng: np.random.Generator) -> Floats:
        """By how much each run's recall of each class differs from the configuration's, (k, c)."""
        traded = self.trade * rng.standard_normal((self.seeds, CLASSES // 2))
        common = self.spread * rng.standard_normal((self.seeds, 1))
        biases: Floats = common + np.concatenate([traded, -traded], axis=1)
        return biases * (is_best or self.is_even)


def runs(world: World, is_best: bool, labels: Labels, chance: Floats, rng: np.random.Generator) -> Right:
    """Which images each run has right: all but the hard ones, and of those each with its chance, moved by the bias."""
    right = np.ones((world.seeds, IMAGES), dtype=np.bool_)
    moved = chance + world.biases(is_best, rng)[:, labels] * (IMAGES / HARD)
    right[:, :HARD] = rng.integers(0, 65_536, moved.shape, dtype=np.uint16) < 65_536 * moved
    return right


def share_outside(world: World) -> tuple[float, float]:
    """The shares of comparisons whose interval does not hold the truth: of equal models, which are false verdicts, and
    of a best that is better by GAINED / 2 images. The hard images are new each time."""
    rng, outside = np.random.default_rng(20), np.zeros(2)
    for _ in range(COMPARISONS):
        labels, chance = rng.integers(0, CLASSES, HARD), rng.uniform(0.2, 0.8, HARD)
        reference, best = (runs(world, is_best, labels, chance, rng) for is_best in (False, True))
        for case, gain in enumerate((0.0, GAINED / 2 / IMAGES)):
            reference[:, HARD : HARD + GAINED] = True if case == 0 else rng.random((world.seeds, GAINED)) < 0.5
            estimate = accuracy_difference(reference, best).estimate
            outside[case] += not estimate.low <= gain <= estimate.high
    return tuple(outside / COMPARISONS)


WORLDS = [
    *(World(seeds, *noise) for seeds in (2, 3, 5, 10) for noise in ((0.002, 0.0), (0.005, 0.03), (0.01, 0.0))),
    *(World(seeds, spread, 0.0, is_even=False) for seeds in (2, 3) for spread in (0.005, 0.01)),
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_the_interval_holds_the_truth_and_equal_models_are_rarely_told_apart(world: World) -> None:
    false_verdicts, missed = share_outside(world)
    assert false_verdicts <= 0.065
    assert missed <= 0.065


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("seeds", "is_even"), [(3, True), (3, False), (5, True)])
def test_a_null_comparison_finds_something_in_at_most_6_5_of_100(seeds: int, is_even: bool) -> None:
    """The same configuration, other seeds: what the verdict and the headlines of all classes and cells rest on."""
    rng, found, small = np.random.default_rng(21), 0, 1000
    for _ in range(NULL):
        labels = rng.integers(0, CLASSES, small)
        chance, mistaken = (
            rng.choice([0.02, 0.4], small, p=[0.75, 0.25]),
            (labels + rng.choice([1, 5], small)) % CLASSES,
        )
        world = World(seeds, 0.005, 0.02, is_even)
        said = []
        for is_best in (False, True):
            wrong = rng.random((seeds, small)) < chance - world.biases(is_best, rng)[:, labels] * (chance > 0.1) * 4
            said.append(np.where(wrong, mistaken, labels))
        reference, best = said
        made = changes(labels.astype(np.uint8), (reference, best), NAMES)
        estimate = accuracy_difference(reference == labels, best == labels).estimate
        found += (
            not estimate.low <= 0.0 <= estimate.high
            or any(each.survives() for line in made.classes for each in (line.precision, line.recall, line.f1))
            or any(cell.change.survives() for cell in made.cells)
        )
    assert found / NULL <= 0.065
