"""The study in memory: a sampler sees enough of it, and what samplers and pruners remember outlasts the driver."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.samplers._tpe.sampler import _split_trials
from optuna.trial import FrozenTrial, TrialState

from search.opening import StudySpec, open_study
from search.sampling.drawing import Drawing, Strategy
from search.sampling.halving import HalvingPruner
from search.sampling.strategy import LATEST
from search.sampling.tpe import FastTPESampler
from search.settings import PrunerName
from search.space import RefusedPoint
from search.study import SearchStudy

from .conftest import WORK, Watcher, on_every_database

RunTrial = Callable[[SearchStudy, list[float]], int]


def begin(drawing: Drawing) -> FrozenTrial:
    """A point that the space admits."""
    while True:
        try:
            return drawing.begin({})[0]
        except RefusedPoint:
            pass


def drawing(sampler: optuna.samplers.BaseSampler, latest: int | None, trials: list[FrozenTrial]) -> Drawing:
    return Drawing("s", Strategy(sampler, optuna.pruners.NopPruner(), latest), trials)


@pytest.fixture(scope="module")
def many() -> list[FrozenTrial]:
    """400 trials that ended, in an order of their own, and 5 under way; values repeat, and a third are pruned."""
    chance = random.Random(0)  # noqa: S311  # no secret
    made = drawing(RandomSampler(seed=0), None, [])
    numbers = [begin(made).number for _ in range(405)]
    for number in chance.sample(numbers, 400):
        value = round(chance.random(), 2)
        made.report(number, chance.choice([1, 3]), value)
        is_pruned = chance.random() < 1 / 3
        state = TrialState.PRUNED if is_pruned else chance.choice([TrialState.COMPLETE] * 9 + [TrialState.FAIL])
        made.end(number, state, value if state is TrialState.COMPLETE else None, {})
    return made.trials()


@pytest.mark.parametrize("complete", [True, False])
def test_tpe_has_the_same_good_trials_in_what_it_sees_as_in_all_and_sees_those_under_way(
    complete: bool, many: list[FrozenTrial]
) -> None:
    trials = [t for t in many if complete or t.state is not TrialState.COMPLETE or t.number % 20 == 0]
    made = drawing(RandomSampler(seed=0), 100, trials)
    study, states = made._study, (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    with made._trials.some():
        seen = study.get_trials(deepcopy=False, states=states)
    everything = study.get_trials(deepcopy=False, states=states)
    assert len(seen) < len(everything) / 2 if complete else len(seen) < len(everything)
    good, _ = _split_trials(study, everything, 25)
    good_of_seen, _ = _split_trials(study, seen, 25)
    assert [t.number for t in good_of_seen] == [t.number for t in good]
    assert len(good) == 25
    finished = [t.number for t in everything if t.state.is_finished()]
    assert {t.number for t in seen} >= {*finished[-100:], *(t.number for t in everything if not t.state.is_finished())}


def test_what_tpe_sees_is_the_same_when_the_study_is_opened_again(many: list[FrozenTrial]) -> None:
    live = drawing(RandomSampler(seed=0), 50, [])
    for _ in many:
        begin(live)
    for trial in sorted((t for t in many if t.state is TrialState.COMPLETE), key=lambda t: (t.value, t.number)):
        live.end(trial.number, TrialState.COMPLETE, trial.value, {})
    again = drawing(RandomSampler(seed=0), 50, live.trials())

    def seen(made: Drawing) -> list[int]:
        with made._trials.some():
            return [trial.number for trial in made.trials()]

    assert seen(live) == seen(again)
    assert len(seen(live)) < len(many)


def test_of_250_trials_tpe_takes_as_many_for_good_as_of_all() -> None:
    assert optuna.samplers._tpe.sampler.default_gamma(LATEST["tpe"]) == 25
    assert optuna.samplers._tpe.sampler.default_gamma(10**6) == 25


def test_tpe_draws_what_optunas_draws(many: list[FrozenTrial]) -> None:
    stock = optuna.samplers.TPESampler(seed=3, multivariate=True, constant_liar=True)
    ours, theirs = (drawing(sampler, None, many) for sampler in (FastTPESampler(3), stock))
    for _ in range(5):
        here, there = begin(ours), begin(theirs)
        assert same(here.params, there.params)


def test_tpe_draws_a_parameter_that_none_of_the_good_trials_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.sampling.tpe._COLUMNS", 1)
    study = optuna.create_study(sampler=FastTPESampler(0), direction="maximize")
    unit = optuna.distributions.FloatDistribution(0, 1)
    wide: dict[str, optuna.distributions.BaseDistribution] = {"x": unit, "y": unit}
    for number in range(12):
        names = ["x"] if number < 3 else ["x", "y"]
        study.add_trial(
            optuna.trial.create_trial(
                params=dict.fromkeys(names, 0.5),
                distributions={name: wide[name] for name in names},
                value=-float(number),
            )
        )
    assert 0 <= study.ask(wide).params["y"] <= 1


def same(here: dict[str, object], there: dict[str, object]) -> bool:
    """Whether two points are equal, but for the last bits of their numbers."""
    numbers = {name for name, value in here.items() if isinstance(value, float)}
    assert {name: here[name] for name in numbers} == pytest.approx({name: there[name] for name in numbers}, rel=1e-9)
    return {k: v for k, v in here.items() if k not in numbers} == {k: v for k, v in there.items() if k not in numbers}


def test_a_refused_point_leaves_nothing_and_its_number_is_the_next_ones() -> None:
    made, refused = drawing(RandomSampler(seed=0), 50, []), 0
    for number in range(30):
        try:
            assert made.begin({})[0].number == len(made.trials()) - 1
        except RefusedPoint:
            refused += 1
        assert len(made.trials()) == number + 1 - refused
    assert refused > 3


@pytest.mark.parametrize("epochs", [3, 10, 30])
def test_halving_decides_as_optunas_and_goes_on_from_its_attributes(epochs: int) -> None:
    chance = random.Random(epochs)  # noqa: S311  # no secret
    optunas = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    ours, theirs = (
        Drawing("s", Strategy(RandomSampler(seed=0), pruner, None), []) for pruner in (HalvingPruner(epochs), optunas)
    )
    under_way = {begin(made).number: 0 for made in (ours, theirs) for _ in range(6)}
    stopped = 0
    for step in range(1_500):
        if step % 400 == 399:
            ours = Drawing("s", Strategy(RandomSampler(seed=0), HalvingPruner(epochs), None), ours.trials())
        number = chance.choice(list(under_way))
        under_way[number] += 1
        value = chance.choice([round(chance.random(), 1), chance.random(), math.nan if step % 50 == 0 else 0.5])
        answers = []
        for made in (ours, theirs):
            made.report(number, under_way[number], value)
            is_early = under_way[number] <= epochs // 3
            answers.append(made.prune(number) if is_early or made is ours else (False, {}))
        assert answers[0] == answers[1]
        stopped += answers[0][0]
        if answers[0][0] or under_way[number] == epochs:
            del under_way[number]
            for made in (ours, theirs):
                made.end(number, TrialState.FAIL, None, {})
                under_way[begin(made).number] = 0
    assert 50 < stopped < 1_000


@on_every_database
@pytest.mark.parametrize("pruner", ["halving", "hyperband"])
def test_the_rungs_are_there_when_the_study_is_opened_again_also_those_of_trials_under_way(
    pruner: PrunerName, spec: StudySpec, run_trial: RunTrial
) -> None:
    spec = replace(spec, pruner=pruner)
    study = open_study(spec, Watcher())
    for index in range(12):
        run_trial(study, [0.9 - index / 50] * 9)
    for _ in range(2):
        study.report(study.ask().number, 1, 0.95)
    rungs = [_rungs(trial) for trial in study._drawing.trials()]
    assert sum(map(bool, rungs)) >= 8
    again = open_study(spec, Watcher())
    assert [_rungs(trial) for trial in again._drawing.trials()] == rungs


def _rungs(trial: FrozenTrial) -> dict[str, object]:
    return {key: value for key, value in trial.system_attrs.items() if key.startswith("completed_rung_")}


@pytest.mark.slow
def test_cma_es_goes_on_from_its_generation_when_the_study_is_opened_again(
    spec: StudySpec, run_trial: RunTrial
) -> None:
    spec = replace(spec, sampler="cmaes", pruner="none")
    study = open_study(spec, Watcher())
    for index in range(40):
        run_trial(study, [(index * 7 % 40) / 40])
    before = [_cma(trial) for trial in study._drawing.trials()]
    assert max(state.get("cma:generation", 0) for state in before) >= 1
    assert any(key.startswith("cma:optimizer") for state in before for key in state)
    again = open_study(spec, Watcher())
    assert [_cma(trial) for trial in again._drawing.trials()] == before
    number = again.ask().number
    assert _cma(again._drawing.trial(number))["cma:generation"] >= max(s.get("cma:generation", 0) for s in before)


def _cma(trial: FrozenTrial) -> dict[str, Any]:
    return {key: value for key, value in trial.system_attrs.items() if key.startswith("cma:")}


@on_every_database
def test_the_study_in_memory_is_the_study_in_the_database(spec: StudySpec, run_trial: RunTrial) -> None:
    study = open_study(replace(spec, sampler="tpe"), Watcher())
    for index in range(15):
        run_trial(study, [0.9 - index / 50] * 9)
    study.report(study.ask().number, 1, 0.5)
    rows = optuna.load_study(study_name=spec.name, storage=spec.database.url).trials
    for here, there in zip(study._drawing.trials(), rows, strict=True):
        there._trial_id = here._trial_id
        if here.state is TrialState.RUNNING:
            assert here.datetime_complete is None
        assert here == there
    study.finish(15, WORK, pruned=False)
