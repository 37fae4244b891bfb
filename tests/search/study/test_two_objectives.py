"""A study for accuracy and low cost: Optuna sees both values of each trial, also after a resume."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from reports.records import pareto_front, points_of
from search.command.settings import SamplerName, Settings, SettingsError
from search.study.open_study import FixedSettings, StudySpec, open_study
from search.study.warm_start import EarlierTrial
from search.worker.faults import Cause, Fault
from tests.search.conftest import WORK, Watcher, in_optuna, on_every_database


@pytest.fixture
def two(spec: StudySpec) -> StudySpec:
    """A study for both."""
    settings = Settings(name="s", epochs=9, objective="accuracy,cost", pruner="none")
    fixed = FixedSettings.of(settings, "ab")
    return replace(spec, fixed=fixed, has_cost=True, pruner="none")


def run(spec: StudySpec, values: list[float], *, exists: bool = False) -> None:
    study = open_study(spec, Watcher(), exists=exists)
    for value in values:
        number = study.ask().number
        assert not study.report(number, 1, value - 0.2)
        study.report(number, 2, value)
        study.finish(number, WORK, pruned=False)
    study.close()


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_the_front_is_that_of_optuna_also_after_a_resume(two: StudySpec, sampler: SamplerName) -> None:
    two = replace(two, sampler=sampler)
    run(two, [0.5 + 0.37 * number % 0.4 for number in range(12)])
    run(two, [0.5 + 0.31 * number % 0.4 for number in range(8)], exists=True)
    study = in_optuna(two)
    records = open_study(two, Watcher(), exists=True).records()
    points = points_of(records, FASHION_MNIST)
    assert len(points) == 20
    assert [trial.values for trial in study.trials] == [[each.value, each.multiply_adds] for each in points]
    assert {trial.number for trial in study.best_trials} == {each.trial for each in pareto_front(points)}


@on_every_database
def test_trials_that_failed_or_are_of_earlier_runs_hold_both_values(two: StudySpec) -> None:
    cost = network_of(REFERENCE, FASHION_MNIST).multiply_adds
    ended = "2026-01-01T00:00:00+00:00"
    earlier = EarlierTrial(source="trial 0 of r", config=REFERENCE, values=(0.1,) * 9, ended=ended)
    study = open_study(replace(two, earlier=(earlier,)), Watcher())
    for _ in range(2):
        study.report(study.ask().number, 1, 0.6)
    study.finish(1, WORK, pruned=False)
    study.fail(2, Fault(Cause.NON_FINITE))
    study.close()
    assert [trial.values for trial in in_optuna(two).trials] == [[0.1, cost], [0.6, cost], None]
    again = open_study(two, Watcher(), exists=True)
    assert (again.counts.best_value, again.counts.ended()) == (0.6, 2)


@pytest.mark.parametrize("first", ["accuracy", "accuracy,cost"])
def test_a_resumed_study_keeps_its_objective(spec: StudySpec, two: StudySpec, first: str) -> None:
    begun, other = (spec, two) if first == "accuracy" else (two, spec)
    run(begun, [0.5])
    with pytest.raises(SettingsError, match=r"objective: maximize .* in the study, maximize .* now"):
        open_study(other, Watcher(), exists=True)
