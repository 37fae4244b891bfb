"""The Pareto front of a search for accuracy and low cost: the trials that no other one beats in both, and its knee."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fashion_model.network import network_of
from fashion_model.task import Task
from reports.records.trial import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """A complete trial by its two objectives: validation accuracy (fraction), and multiply-adds an image."""

    trial: int
    value: float
    multiply_adds: int


def points_of(trials: Sequence[TrialRecord], task: Task) -> tuple[FrontPoint, ...]:
    """Every complete trial."""
    return tuple(
        FrontPoint(trial=each.number, value=each.value, multiply_adds=network_of(each.config, task).multiply_adds)
        for each in trials
        if each.value is not None and each.config is not None
    )


def pareto_front(points: Sequence[FrontPoint]) -> tuple[FrontPoint, ...]:
    """The points that no other one equals or beats in both objectives, the cheapest first; of equal ones the first."""
    front: list[FrontPoint] = []
    for point in sorted(points, key=lambda each: (each.multiply_adds, -each.value, each.trial)):
        if not front or point.value > front[-1].value:
            front.append(point)
    return tuple(front)


def knee(front: Sequence[FrontPoint]) -> FrontPoint | None:
    """The point of the front that is farthest above the straight line between its ends, where both axes go from one end
    to the other and that of the cost is logarithmic; None where no point is above it.

    Source: Das, On characterizing the "knee" of the Pareto curve based on normal-boundary intersection, Structural
    Optimization 18 (1999), 107-115.
    """
    if len(front) < 3:
        return None
    (first, *_, last) = front

    def above(point: FrontPoint) -> float:
        gained = (point.value - first.value) / (last.value - first.value)
        spent = math.log(point.multiply_adds / first.multiply_adds) / math.log(last.multiply_adds / first.multiply_adds)
        return gained - spent

    farthest = max(front[1:-1], key=above)
    return farthest if above(farthest) > 0 else None
