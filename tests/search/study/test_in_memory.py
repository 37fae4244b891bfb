"""The study in memory: a sampler sees enough of it, and what samplers and pruners remember outlasts the driver."""

from __future__ import annotations

import random
from copy import copy
from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import REFERENCE, TrainConfig
from search.command.settings import PrunerName
from search.study.in_memory import InMemoryStudy
from search.study.open_study import StudySpec, open_study
from search.study.samplers import WINDOWS, Strategy
from search.study.space import RefusedPoint, Space
from tests.search.conftest import WORK, RunTrial, Watcher, in_optuna, on_every_database

# Wide networks cost more than a trial may
REFUSES = Space(lines=["base_filters = 16 to 128, step 16"])


def begin(memory: InMemoryStudy) -> FrozenTrial:
    """A point that the space admits."""
    while True:
        try:
            return memory.draw()[0]
        except RefusedPoint:
            pass


def in_memory(window: int | None, trials: list[FrozenTrial]) -> InMemoryStudy:
    return InMemoryStudy("s", Strategy(RandomSampler(seed=0), optuna.pruners.NopPruner(), window), trials, REFUSES)


def seen(memory: InMemoryStudy) -> list[FrozenTrial]:
    """The trials that a sampler sees of those that have a value or are running."""
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    with memory._storage.window(memory._study_id):
        return memory._study.get_trials(deepcopy=False, states=states)


@pytest.fixture(scope="module")
def many() -> list[FrozenTrial]:
    """400 trials that ended, in an order of their own, and 5 under way; values repeat, and a third are pruned."""
    chance = random.Random(0)  # noqa: S311  # no secret
    made = in_memory(None, [])
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
    trials = [copy(t) for t in many if t.state is not TrialState.RUNNING]
    trials = [t for t in trials if complete or t.state is not TrialState.COMPLETE or t.number % 20 == 0]
    for number, trial in enumerate(trials):
        trial.number = number
    windowed, full = in_memory(100, trials), in_memory(None, trials)
    for memory in (windowed, full):
        for _ in range(5):
            begin(memory)
    few, everything = seen(windowed), seen(full)
    assert len(few) < len(everything) / 2 if complete else len(few) < len(everything)
    good, _ = _split_trials(full._study, everything, 25)
    good_of_few, _ = _split_trials(windowed._study, few, 25)
    assert [t.number for t in good_of_few] == [t.number for t in good]
    assert len(good) == 25
    finished = [t.number for t in everything if t.state.is_finished()]
    under_way = {t.number for t in everything if not t.state.is_finished()}
    assert len(under_way) == 5
    assert {t.number for t in few} >= {*finished[-100:], *under_way}


def test_what_tpe_sees_is_the_same_when_the_study_is_opened_again(many: list[FrozenTrial]) -> None:
    live = in_memory(50, [])
    for _ in many:
        begin(live)
    for trial in sorted((t for t in many if t.state is TrialState.COMPLETE), key=lambda t: (t.value, t.number)):
        live.end(trial.number, TrialState.COMPLETE, trial.value, {})
    again = in_memory(50, live.trials())
    ended = [trial.number for trial in seen(live) if trial.state.is_finished()]
    assert ended == [trial.number for trial in seen(again)]
    assert 50 <= len(ended) <= 75


def test_of_250_trials_tpe_takes_as_many_for_good_as_of_all() -> None:
    assert default_gamma(WINDOWS["tpe"]) == 25
    assert default_gamma(10**6) == 25


def test_a_study_that_is_opened_again_has_every_trial_at_its_draw_and_goes_on_after_them() -> None:
    live = in_memory(None, [])
    for _ in range(10):
        begin(live)
    again = in_memory(None, live.trials())
    assert again._draws == live._draws
    assert begin(again).number == begin(live).number == 10
    assert max(live._draws.values()) > 10
    assert again._draws[10] > again._draws[9]


@pytest.mark.parametrize("epochs", [3, 10, 30])
def test_halving_decides_as_optunas_up_to_a_third_of_the_epochs_and_then_lets_trials_go_on(epochs: int) -> None:
    chance = random.Random(epochs)  # noqa: S311  # no secret
    optunas = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    spec = Strategy.of("random", "halving", epochs, 0)
    ours, theirs = (
        InMemoryStudy("s", Strategy(RandomSampler(seed=0), p, None), [], REFUSES) for p in (spec.pruner, optunas)
    )
    under_way = {begin(made).number: 0 for made in (ours, theirs) for _ in range(6)}
    stopped = 0
    for step in range(600):
        if step % 200 == 199:
            ours = InMemoryStudy("s", Strategy.of("random", "halving", epochs, 0), ours.trials(), REFUSES)
        number = chance.choice(list(under_way))
        under_way[number] += 1
        value = chance.choice([round(chance.random(), 1), chance.random(), 0.5])
        for made in (ours, theirs):
            made.report(number, under_way[number], value)
        stops, _ = ours.prune(number)
        assert stops == (under_way[number] <= epochs // 3 and theirs.prune(number)[0])
        stopped += stops
        if stops or under_way[number] == epochs:
            del under_way[number]
            for made in (ours, theirs):
                made.end(number, TrialState.FAIL, None, {})
                under_way[begin(made).number] = 0
    assert 20 < stopped < 400


def test_halving_compares_trials_by_what_complete_ones_of_their_schedule_still_gained() -> None:
    made = InMemoryStudy("s", Strategy.of("random", "halving", 10, 0), [], Space())
    constant, one_cycle, cosine = (replace(REFERENCE, schedule=name) for name in ("constant", "one_cycle", "cosine"))

    def began(config: TrainConfig, value: float) -> bool:
        """Whether a trial that has this value after its first epoch is stopped."""
        number = made.draw_at(config, {})[0].number
        made.report(number, 1, value)
        return made.prune(number)[0]

    for config, first, last in ((constant, 0.87, 0.91), (one_cycle, 0.85, 0.93)):
        list(made.play(made.draw_at(config, {})[0].number, [first] * 9 + [last], may_stop=False))
    stopped = [began(constant, 0.880), began(constant, 0.879), began(constant, 0.878)]
    assert stopped == [False, True, True]
    assert not began(one_cycle, 0.850), "0.93 in the end, where the best of the others comes to 0.92"
    assert began(constant, 0.879)
    assert not began(cosine, 0.870), "as all of them: it gains 0.06, and is the second of six"
    assert began(cosine, 0.850)


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
    rungs = [_rungs(trial) for trial in study._memory.trials()]
    assert sum(map(bool, rungs)) >= 8
    again = open_study(spec, Watcher())
    assert [_rungs(trial) for trial in again._memory.trials()] == rungs


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
    before = [_cma(trial) for trial in study._memory.trials()]
    assert max(state.get("cma:generation", 0) for state in before) >= 1
    assert any(key.startswith("cma:optimizer") for state in before for key in state)
    again = open_study(spec, Watcher())
    assert [_cma(trial) for trial in again._memory.trials()] == before
    number = again.ask().number
    assert _cma(again._memory.trial(number))["cma:generation"] >= max(s.get("cma:generation", 0) for s in before)


def _cma(trial: FrozenTrial) -> dict[str, Any]:
    return {key: value for key, value in trial.system_attrs.items() if key.startswith("cma:")}


@on_every_database
def test_the_study_in_memory_is_the_study_in_the_database(spec: StudySpec, run_trial: RunTrial) -> None:
    study = open_study(replace(spec, sampler="tpe"), Watcher())
    for index in range(15):
        run_trial(study, [0.9 - index / 50] * 9)
    study.report(study.ask().number, 1, 0.5)
    rows = in_optuna(spec).trials
    for here, there in zip(study._memory.trials(), rows, strict=True):
        assert (here.number, here.state, here.values) == (there.number, there.state, there.values)
        assert (here.params, here.distributions) == (there.params, there.distributions)
        assert (here.intermediate_values, here.user_attrs) == (there.intermediate_values, there.user_attrs)
        assert here.datetime_start == there.datetime_start
        assert _rungs(here) == _rungs(there)
    study.finish(15, WORK, pruned=False)
