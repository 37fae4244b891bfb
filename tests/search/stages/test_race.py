"""The race of the finalists: whom it keeps, and what it costs and finds in simulated searches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from reports.records import FinalistScore, best_finalist
from search.stages.finalists import contenders, most_trainings

SEARCHES, NOISE = 1500, 0.0025


def scores(values: Sequence[Sequence[float]]) -> tuple[FinalistScore, ...]:
    return tuple(
        FinalistScore(
            trial=trial, search_value=0.9, seeds=tuple(range(len(fresh))), fresh_values=tuple(fresh), seconds=0.0,
            cpu_seconds=0.0,
        )
        for trial, fresh in enumerate(values)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ([[0.90, 0.92], [0.91, 0.92], [0.91, 0.90]], {0, 1}),  # the last of three leaves, however close it is
        ([[0.90, 0.92], [0.91, 0.92]], {0, 1}),
        ([[0.900, 0.902], [0.910, 0.912]], set()),  # clear
        ([[0.90, 0.90], [0.90, 0.90]], set()),  # nothing to tell apart
        ([[0.0, 0.91], [0.910, 0.911]], set()),  # a training that failed says nothing of the noise of the others
        ([[0.90, 0.92], [0.91, 0.92, 0.92], [0.92, 0.91, 0.92]], {1, 2}),  # whoever left stays away
        ([[0.90, 0.92] * 2, [0.91, 0.92] * 2], set()),  # the trainings are used up
        ([[0.90, 0.92]], set()),
    ],
)
def test_those_in_a_close_race_train_on(values: Sequence[Sequence[float]], left: set[int]) -> None:
    assert contenders(scores(values)) == left


def test_of_three_the_race_finds_the_best_as_often_as_nine_trainings_and_takes_less_than_eight() -> None:
    rng = np.random.default_rng(1)
    trainings, found, shared_out = [], [], []
    for _ in range(SEARCHES):
        true = rng.normal(0.92, 0.003, 50)
        finalists = true[np.argsort(-(true + rng.normal(0, NOISE, 50)))[:3]]
        draws = finalists[:, None] + rng.normal(0, NOISE, (3, 9))
        shared_out.append(finalists[draws[:, :3].mean(axis=1).argmax()] == finalists.max())
        values = [list(row[:2]) for row in draws]
        while left := contenders(scores(values)):
            for trial in left:
                values[trial].append(draws[trial, len(values[trial])])
        trainings.append(sum(map(len, values)))
        found.append(finalists[best_finalist(scores(values)).trial] == finalists.max())
    assert np.mean(trainings) < 8
    assert max(trainings) == most_trainings(3) == 12
    assert np.mean(found) > np.mean(shared_out) - 0.02
    assert np.mean(found) > 0.7
