"""The portfolio is what the recorded curves say."""

from __future__ import annotations

from benchmarks.curves import Curve, curves_file, read_curves
from benchmarks.portfolio import choose
from fashion_model.config import REFERENCE, TrainConfig
from search.study.portfolio import PORTFOLIO


def test_the_portfolio_is_chosen_from_the_recorded_curves() -> None:
    assert [TrainConfig(**good) for good in choose(read_curves(curves_file()))] == [TrainConfig(**g) for g in PORTFOLIO]


def test_the_best_comes_first_two_of_a_shape_are_enough_and_what_the_reference_beats_is_left_out() -> None:
    rates = (0.002, 0.003, 0.004, 0.005)
    same = [Curve(n, "child", TrainConfig(learning_rate=rate), (0.8, 0.9 + rate), 1.0) for n, rate in enumerate(rates)]
    other = Curve(4, "child", TrainConfig(conv_blocks=3), (0.95, 0.9005), 1.0)
    weak = Curve(5, "random", TrainConfig(optimizer="sgd", momentum=0.9, learning_rate=0.1), (0.1, 0.2), 1.0)
    reference = Curve(6, "known", REFERENCE, (0.9, 0.8), 1.0)
    chosen = list(choose([weak, *same, other, reference]))
    assert chosen == [{"learning_rate": 0.005}, {"learning_rate": 0.004}, {"conv_blocks": 3}]
