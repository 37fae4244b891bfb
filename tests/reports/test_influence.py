"""Influence of the settings: found where it was planted, and not claimed where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from fashion_model.config import REFERENCE
from reports.influence import setting_influence
from search.records import TrialRecord
from tests.reports.conftest import Finish, Plan


def trials(make: Finish, count: int, value: Callable[[float, float], float]) -> list[TrialRecord]:
    """COMPLETE trials whose value follows from the logarithm of the learning rate and the dense width."""
    rng, template = np.random.default_rng(5), make(Plan()).outcome.trials[0]
    rates, widths = 10 ** rng.uniform(-4, -2, count), rng.integers(32, 512, count)
    configs = [
        replace(REFERENCE, learning_rate=float(rate), dense_units=int(width), activation="elu" if width % 2 else "relu")
        for rate, width in zip(rates, widths, strict=True)
    ]
    return [
        replace(
            template, number=number, config=config, value=value(float(np.log10(config.learning_rate)), rng.random())
        )
        for number, config in enumerate(configs)
    ]


def test_a_planted_influence_comes_first(make: Finish) -> None:
    found = setting_influence(trials(make, 40, lambda rate, noise: 0.9 - 0.02 * abs(rate + 3) + 0.002 * noise))
    assert found is not None
    assert found.ranking[0].name == "learning_rate"
    assert found.ranking[0].mean > 5 * found.ranking[1].mean
    assert found.explained > 0.5
    assert found.trials == 40


def test_noise_has_no_ranking(make: Finish) -> None:
    found = setting_influence(trials(make, 40, lambda rate, noise: 0.9 + 0.01 * noise))
    assert found is not None
    assert found.ranking == ()


def test_fewer_than_twenty_complete_trials_have_no_ranking(make: Finish) -> None:
    assert setting_influence(trials(make, 19, lambda rate, noise: rate)) is None


def test_settings_that_never_vary_have_no_ranking(make: Finish) -> None:
    same = [replace(trial, config=REFERENCE) for trial in trials(make, 25, lambda rate, noise: noise)]
    assert setting_influence(same) is None
