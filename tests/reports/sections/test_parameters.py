"""Influence of the settings: found where it was planted, and not claimed where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from fashion_model.config import REFERENCE
from reports.records import Measurement, TrialRecord
from reports.sections.parameters.section import influence_heading, setting_influence
from tests.reports.conftest import Plan, finish


def trials(count: int, value: Callable[[float, float], float]) -> list[TrialRecord]:
    """COMPLETE trials whose value follows from the logarithm of the learning rate and the dense width."""
    rng, template = np.random.default_rng(5), finish(Plan()).outcome.trials[0]
    rates, widths = 10 ** rng.uniform(-4, -2, count), rng.integers(32, 512, count)
    configs = [
        replace(REFERENCE, learning_rate=float(rate), dense_units=int(width), activation="elu" if width % 2 else "relu")
        for rate, width in zip(rates, widths, strict=True)
    ]
    return [
        replace(
            template, number=number, config=config, value=reached,
            measurements=tuple(Measurement(epoch, reached - 0.01 * (4 - epoch)) for epoch in range(1, 5)),
        )
        for number, config in enumerate(configs)
        for reached in [value(float(np.log10(config.learning_rate)), rng.random())]
    ]  # fmt: skip


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """For who does not look at the intervals: each sample of the bootstrap is a forest."""
    monkeypatch.setattr("reports.sections.parameters.section._RESAMPLES", 2)


def test_a_planted_influence_comes_first() -> None:
    found = setting_influence(trials(40, lambda rate, noise: 0.9 - 0.02 * abs(rate + 3) + 0.002 * noise))
    assert found is not None
    assert found.ranking[0].name == "learning_rate"
    assert found.ranking[0].mean > 5 * found.ranking[1].mean
    assert found.explained > 0.5
    assert (found.trials, found.epoch) == (40, 4)
    assert all(item.low <= item.mean <= item.high for item in found.ranking[:1])
    assert found.ranking[0].low > 0
    assert influence_heading(found) == "Among the trials, learning rate predicts the accuracy best"
    for unsure in (replace(found, explained=0.04), replace(found, ranking=(replace(found.ranking[0], low=-0.1),))):
        assert influence_heading(unsure).startswith(
            "Among the trials, no setting clearly predicts the accuracy better than"
        )


@pytest.mark.usefixtures("few_resamples")
def test_the_influence_is_scikit_learns_permutation_importance() -> None:
    every = trials(60, lambda rate, noise: 0.9 - 0.02 * abs(rate + 3) + 0.002 * noise)
    found = setting_influence(every)
    assert found is not None
    settings = np.array([trial.config.as_numbers() for trial in every if trial.config])
    values = np.array([trial.value for trial in every])
    forest = RandomForestRegressor(n_estimators=30, min_samples_leaf=2, oob_score=True, random_state=0, n_jobs=1)
    forest.fit(settings[:, settings.std(axis=0) > 0], values)
    expected = permutation_importance(
        forest, settings[:, settings.std(axis=0) > 0], values, n_repeats=20, random_state=0
    )
    assert found.explained == pytest.approx(forest.oob_score_)
    assert found.ranking[0].mean == pytest.approx(expected.importances_mean.max(), rel=0.2)
    assert found.ranking[-1].mean < 0.1


@pytest.mark.usefixtures("few_resamples")
def test_stopped_trials_count_at_the_latest_epoch_that_twenty_share() -> None:
    every = trials(40, lambda rate, noise: 0.9 - 0.02 * abs(rate + 3) + 0.002 * noise)
    mixed = [
        replace(trial, status="PRUNED", value=None, measurements=trial.measurements[: 1 + trial.number % 3])
        if trial.number % 4
        else trial
        for trial in every
    ]
    found = setting_influence(mixed)
    assert found is not None
    # 10 complete ones, and of the 30 stopped 10 each after epochs 1, 2 and 3
    assert (found.epoch, found.trials) == (3, 20)
    assert found.ranking[0].name == "learning_rate"


def test_noise_has_no_ranking() -> None:
    found = setting_influence(trials(40, lambda rate, noise: 0.9 + 0.01 * noise))
    assert found is not None
    assert found.ranking == ()


def test_fewer_than_twenty_trials_have_no_ranking() -> None:
    assert setting_influence(trials(19, lambda rate, noise: rate)) is None


def test_settings_that_never_vary_have_no_ranking() -> None:
    same = [replace(trial, config=REFERENCE) for trial in trials(25, lambda rate, noise: noise)]
    assert setting_influence(same) is None
