"""The Pareto front and its knee, beside what a computation by brute force finds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports.records import FrontPoint, knee, pareto_front


def points(*pairs: tuple[float, int]) -> list[FrontPoint]:
    return [FrontPoint(trial=n, value=value, multiply_adds=cost) for n, (value, cost) in enumerate(pairs)]


def is_beaten(point: FrontPoint, by: FrontPoint) -> bool:
    as_good = by.value >= point.value and by.multiply_adds <= point.multiply_adds
    is_equal = (by.value, by.multiply_adds) == (point.value, point.multiply_adds)
    return as_good and (not is_equal or by.trial < point.trial)


@pytest.mark.parametrize("seed", range(20))
def test_the_front_equals_what_brute_force_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)  # few values, so that many points are equal in one or both
    every = points(*((int(v) / 10, int(c)) for v, c in rng.integers(1, 11, size=(rng.integers(1, 60), 2))))
    expected = [point for point in every if not any(is_beaten(point, other) for other in every)]
    assert set(pareto_front(every)) == set(expected)
    costs = [point.multiply_adds for point in pareto_front(every)]
    assert costs == sorted(costs)


@pytest.mark.parametrize("seed", range(20))
def test_the_knee_is_the_point_farthest_from_the_line_between_the_ends(seed: int) -> None:
    rng = np.random.default_rng(seed)
    front = pareto_front(points(*zip(rng.random(40).tolist(), rng.integers(10**6, 10**7, 40).tolist(), strict=True)))
    xs = np.array([math.log(point.multiply_adds) for point in front])
    ys = np.array([point.value for point in front])
    if len(front) < 3:
        assert knee(front) is None
        return
    xs, ys = (xs - xs[0]) / (xs[-1] - xs[0]), (ys - ys[0]) / (ys[-1] - ys[0])
    distances = (ys - xs) / math.sqrt(2)  # of (x, y) from the line through (0, 0) and (1, 1)
    at = int(np.argmax(distances))
    assert knee(front) == (front[at] if distances[at] > 0 else None)


def test_a_front_below_or_on_the_line_and_one_of_two_points_have_no_knee() -> None:
    assert knee(points((0.8, 10**6), (0.9, 10**7))) is None
    assert knee(points((0.8, 10**6), (0.81, 4 * 10**6), (0.9, 10**7))) is None
    assert knee(points((0.8, 10**6), (0.88, 2 * 10**6), (0.9, 10**7))) == points((0, 0), (0.88, 2 * 10**6))[1]
    assert knee(()) is None
