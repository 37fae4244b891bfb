"""Searches replayed over made-up curves whose best point is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.curves import EPOCHS, Curve
from benchmarks.replay import Forest, Search, Setting, halves
from fashion_model.config import REFERENCE, TrainConfig


def made_up() -> list[Curve]:
    """Accuracy rises with the logarithm of the learning rate, and faster with normalization; no chance in it."""
    rates = np.geomspace(0.0003, 0.01, 40)
    configs = [
        REFERENCE,
        *(TrainConfig(learning_rate=float(rate), batch_norm=bool(n % 2)) for n, rate in enumerate(rates)),
    ]
    return [Curve(number, "random", config, _values(config), 1.0) for number, config in enumerate(configs)]


def _values(config: TrainConfig) -> tuple[float, ...]:
    last = 0.9 + 0.02 * np.log10(config.learning_rate / 0.001) + 0.02 * config.batch_norm
    return tuple(float(last - 0.2 / epoch + 0.2 / EPOCHS) for epoch in range(1, EPOCHS + 1))


@pytest.fixture(scope="module")
def forest() -> Forest:
    return Forest(made_up())


def test_the_forest_knows_curves_that_it_has_not_seen(forest: Forest) -> None:
    truth = np.array([curve.values[-1] for curve in made_up()])
    assert np.corrcoef(forest.unseen[:, -1], truth)[0, 1] > 0.9
    good = forest.curve(replace(REFERENCE, learning_rate=0.009, batch_norm=True))
    assert good[-1] == pytest.approx(0.939, abs=0.005)


def test_a_search_finds_more_with_more_epochs_and_the_same_again_with_its_seed(forest: Forest) -> None:
    def chosen(seed: int) -> tuple[float, ...]:
        return Search(forest, Setting("tpe", "none"), [], seed).chosen((10, 100, 300))

    found = [chosen(seed) for seed in range(5)]
    first, second, third = np.mean(found, axis=0)
    assert first < second < third
    assert chosen(3) == found[3]


def test_a_known_point_is_first_and_is_never_stopped(forest: Forest) -> None:
    good = TrainConfig(learning_rate=0.01, batch_norm=True)
    search = Search(forest, Setting("random", "halving", has_portfolio=True), [good.differences()], 0)
    assert search.chosen((20,)) == pytest.approx((_values(good)[-1],), abs=0.01)


def test_each_half_has_the_documented_network_and_no_other_curve_is_in_both() -> None:
    one, other = ({curve.number for curve in half} for half in halves(made_up()))
    assert one & other == {0}
    assert one | other == set(range(41))
