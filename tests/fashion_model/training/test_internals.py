"""Undocumented names of TensorFlow: what they buy, and that a training runs without them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from tensorflow.python import framework
from tensorflow.python.framework import ops

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training import internals
from fashion_model.training.training import Budget

from ...trainings import train

SILU = {"activation": "silu", "conv_blocks": 1, "base_filters": 2, "dense_units": 4}


def registered() -> int:
    return sum(name.startswith("CustomGradient-") for name in ops.gradient_registry._registry)


def test_gradients_of_earlier_trainings_are_forgotten(tiny_split: Split) -> None:
    """Of those of three shapes, that is: one of the same shape traces nothing."""
    held = []
    for units in (4, 5, 6):
        train(TrainConfig(**SILU | {"dense_units": units}), tiny_split, None, Budget(epochs=1, seed=0))  # type: ignore[arg-type]
        held.append(registered())
    assert held[0] > 0
    assert held[1:] == held[:1] * 2
    internals.forget_gradients()
    assert registered() == 0


class Renamed:
    """TensorFlow's registry, whose table has another name."""

    def __init__(self, registry: Any) -> None:
        self.registry = registry

    def __getattr__(self, name: str) -> Any:
        if name == "_registry":
            raise AttributeError("no such name")
        return getattr(self.registry, name)


def hide_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(framework, "ops")
    monkeypatch.setitem(sys.modules, "tensorflow.python.framework.ops", None)


def rename_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "gradient_registry", Renamed(ops.gradient_registry))


@pytest.mark.parametrize("take_away", [hide_the_module, rename_the_table])
def test_a_training_is_the_same_without_the_registry_and_says_so(
    take_away: Callable[[pytest.MonkeyPatch], None],
    tiny_split: Split,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = TrainConfig(conv_blocks=1, base_filters=2, dense_units=4)
    _, expected = train(config, tiny_split, None, Budget(epochs=1, seed=0))
    capsys.readouterr()
    take_away(monkeypatch)
    internals._say_once.cache_clear()
    for _ in range(2):
        _, result = train(config, tiny_split, None, Budget(epochs=1, seed=0))
    assert [epoch.train_loss for epoch in result.epochs] == [epoch.train_loss for epoch in expected.epochs]
    assert capsys.readouterr().err.count("Memory of earlier trainings cannot be freed") == 1
