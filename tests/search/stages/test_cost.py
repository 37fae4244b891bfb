"""What a run costs by the trials measured so far: each stage, and the time that is left of all of them."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.network import Network, network_of
from fashion_model.task import FASHION_MNIST, Task
from search.command.settings import Settings
from search.command.terminal.progress import StageProgress
from search.stages.cost import RunCost, Stage, Terms, ablation_size
from search.study.played import PlayedTrial

SMALL = replace(REFERENCE, dense_units=64)  # fewer multiply-adds than the reference
LARGE = replace(REFERENCE, base_filters=64)
MOST = Terms(4, 5)
PLAIN = Terms(4, 5, has_extras=False)


def cost_of(*trials: tuple[TrainConfig, float, float | None], places: int = 1, **settings: int) -> RunCost:
    """What is known after trials of ten epochs that took so many seconds and came to such accuracies."""
    cost = RunCost(Settings(name="n", **settings), places=places)  # type: ignore[arg-type]
    for config, seconds, value in trials:
        cost.measured(config, seconds, 10, value)
    return cost


def stage(cost: RunCost, name: str, terms: Terms = MOST, best: TrainConfig | None = None) -> Stage:
    return next(each for each in cost.after(terms, best) if each.name == name)


@pytest.mark.parametrize(
    ("places", "wall"), [(1, 100.0), (2, 60.0), (3, 60.0), (9, 60.0)]
)  # with two places, the long one is begun last but one
def test_a_stage_takes_as_long_as_its_trainings_given_to_the_first_free_place(places: int, wall: float) -> None:
    assert Stage("retrain", (10.0, 60.0, 10.0, 20.0)).wall(places) == wall
    assert Stage("ablation", ()).wall(places) == 0.0


def test_finalists_and_retraining_cost_what_the_best_trials_did_and_see_the_images_held_out() -> None:
    cost = cost_of((REFERENCE, 60, 0.91), (SMALL, 120, 0.92), (replace(SMALL, batch_size=64), 900, 0.7), finalists=2)
    assert stage(cost, "finalists").trainings == (120.0, 60.0) * 4
    assert stage(cost, "retrain", PLAIN).trainings == pytest.approx((1.2 * 60, 1.2 * 120) * 5)
    assert stage(cost, "retrain", PLAIN, REFERENCE).trainings == pytest.approx((1.2 * 60,) * 5), "it is trained once"


def test_equal_compute_is_in_it_where_the_best_costs_more_and_no_verdict_needs_it() -> None:
    cost = cost_of((REFERENCE, 60, 0.91), (LARGE, 200, 0.93))
    ratio = network_of(LARGE, FASHION_MNIST).multiply_adds / network_of(REFERENCE, FASHION_MNIST).multiply_adds
    longer = 1.2 * 60 * round(10 * ratio) / 10
    assert ratio > 2
    assert stage(cost, "retrain").trainings[10:] == pytest.approx((longer, longer))
    assert len(stage(cost, "retrain", PLAIN).trainings) == 10
    assert len(stage(cost_of((REFERENCE, 60, 0.91), (SMALL, 60, 0.93)), "retrain").trainings) == 10


@pytest.mark.parametrize(("trials", "trainings"), [(2, 2), (12, 3), (50, 7)])
def test_ablation_is_in_it_as_large_as_a_tenth_of_the_runs_epochs_allows(trials: int, trainings: int) -> None:
    cost = cost_of((REFERENCE, 60, 0.91), (LARGE, 200, 0.93), trials=trials)
    assert stage(cost, "ablation").trainings == (130.0,) * trainings
    assert stage(cost, "ablation", PLAIN).trainings == ()
    assert (
        len(stage(cost_of((REFERENCE, 60, 0.9), (LARGE, 60, 0.93), trials=trials, ablate=0), "ablation").trainings) == 0
    )
    for asked, trained in ((3, 7), (9, 19)):
        asking = cost_of((REFERENCE, 60, 0.91), (LARGE, 200, 0.93), trials=trials, ablate=asked)
        assert stage(asking, "ablation", PLAIN).trainings == (130.0,) * trained, "made whatever gives way"
        assert len(stage(asking, "retrain", PLAIN).trainings) == 10
    size = ablation_size(Settings(name="n", ablate=2), 3, 0.0)
    assert (size.steps, size.trainings(3)) == (2, 5)


def test_what_was_not_measured_costs_by_its_multiply_adds() -> None:
    sizes = {each: network_of(each, FASHION_MNIST).multiply_adds for each in (SMALL, REFERENCE, LARGE)}
    cost = cost_of((SMALL, 10 + sizes[SMALL] / 1e6, None), (LARGE, 10 + sizes[LARGE] / 1e6, None))
    assert cost.training(REFERENCE) == pytest.approx(10 + sizes[REFERENCE] / 1e6)
    one = cost_of((SMALL, 60, None)).training(LARGE)
    assert one == pytest.approx(60 * sizes[LARGE] / sizes[SMALL]), "one point alone: in proportion"
    assert cost_of().training(LARGE) == 0.0


def test_the_time_that_is_left_asks_for_no_network_of_a_measured_trial_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for every second: of 300 trials it took a second of the driver's time."""
    asked: list[TrainConfig] = []

    def network(config: TrainConfig, task: Task) -> Network:
        asked.append(config)
        return network_of(config, task)

    monkeypatch.setattr("search.stages.cost.network_of", network)
    widths = [replace(REFERENCE, dense_units=units) for units in range(32, 112)]
    cost = cost_of(*[(each, 60.0 + each.dense_units, None) for each in widths[:40]], trials=80)
    cost.expect([PlayedTrial(each, 1, None, False) for each in widths[40:]])
    first = cost.left("search", StageProgress(80, 40), PLAIN)
    assert max(map(asked.count, widths[:40])) == 1
    asked.clear()
    assert cost.left("search", StageProgress(80, 40), PLAIN) == first
    assert not {*widths[:40]} & {*asked}
    cost.measured(widths[40], 600.0, 10, None)
    assert cost.training(widths[41]) > 10 * (6.0 + widths[41].dense_units / 10), "one more trial counts at once"


def test_the_search_is_its_trials_over_again() -> None:
    cost = cost_of((REFERENCE, 60, 0.91), (SMALL, 12, None), trials=5)
    assert cost.search().trainings == (60.0, 12.0, 60.0, 12.0, 60.0)


def test_all_stages_and_what_the_running_trials_have_done_are_in_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    cost = cost_of(*[(REFERENCE, 100, 0.9)] * 4, places=4, trials=60)
    left = cost.left("search", StageProgress(12, 4), MOST)
    assert left is not None
    # three rounds of finalists, two of the seven trainings of an ablation, three of retrainings, the report
    assert left.seconds == pytest.approx(8 * 100 / 4 + 3 * 100 + 2 * 100 + 3 * 120 + 10)
    cost.began(9)
    now += 60.0
    later = cost.left("search", StageProgress(12, 4), MOST)
    assert later is not None
    assert left.seconds - later.seconds == pytest.approx(60 / 4)
    assert cost_of().left("search", StageProgress(12, 0), MOST) is None


def test_known_points_are_told_from_what_the_sampler_draws_in_the_time_that_is_left() -> None:
    small, large = (network_of(each, FASHION_MNIST).multiply_adds for each in (REFERENCE, LARGE))
    known = [PlayedTrial(REFERENCE, 10, 0.9, True), *[PlayedTrial(LARGE, 10, 1.5, True)] * 2]
    cost = cost_of((REFERENCE, 100, 0.91), trials=50)
    cost.expect([*known, *[PlayedTrial(REFERENCE, 1, None, False)] * 40, *[PlayedTrial(REFERENCE, 3, None, False)] * 7])
    rest = sum(each.wall(1) for each in cost.usual(PLAIN))
    left = cost.left("search", StageProgress(50, 1), PLAIN)
    assert left is not None
    a_drawn_one = (40 * 10 + 7 * 30) / 47
    assert left.seconds == pytest.approx(2 * 100 * large / small + 47 * a_drawn_one + rest)
    for _ in range(2):
        cost.measured(LARGE, 300, 10, 0.93)
    cost._drawn += [20.0] * 8
    later = cost.left("search", StageProgress(50, 11), PLAIN)
    assert later is not None
    rest = sum(each.wall(1) for each in cost.usual(PLAIN))
    assert later.seconds == pytest.approx(39 * (2 * a_drawn_one + 8 * 20) / 10 + rest)


def test_a_machine_that_comes_while_the_search_runs_makes_what_follows_shorter() -> None:
    cost = cost_of((REFERENCE, 100, 0.9))
    before = stage(cost, "retrain").wall(cost.places)
    for number in range(5):
        cost.began(number)
    assert (cost.places, stage(cost, "retrain").wall(cost.places)) == (5, before / 5)


def test_in_a_stage_its_own_trainings_soon_count_for_more_than_the_search() -> None:
    cost = cost_of((REFERENCE, 100, 0.9), finalists=2)
    terms = Terms(4, 1, has_extras=False)
    none = cost.left("finalists", StageProgress(6, 0.0, 0.0, 10.0), terms)
    half = cost.left("finalists", StageProgress(6, 3.0, 150.0, 10.0), terms)
    assert none is not None
    assert half is not None
    assert none.seconds == pytest.approx(600 - 10 + 2 * 120 + 10)
    assert half.seconds == pytest.approx(
        150 - 10 + (2 * 120 + 10) / 2
    )  # a training takes half as long as in the search
    last = cost.left("retrain", StageProgress(1, 1.0, 120.0, 0.0), terms)
    assert last is not None
    assert last.seconds == pytest.approx(10.0), "the report"


def test_the_spread_is_wide_after_one_trial_narrows_with_more_and_holds_four_of_five_ends() -> None:
    chance, inside, widths = np.random.default_rng(0), 0, {1: 0.0, 20: 0.0}
    for number in range(400):
        ended = 20 if number % 2 else 1
        seconds = chance.lognormal(4.0, 0.5, 60).tolist()
        cost = cost_of(*[(REFERENCE, each, None) for each in seconds[:ended]], finalists=1, retrain_seeds=1)
        after = sum(each.wall(1) for each in cost.usual(PLAIN))
        left = cost.left("search", StageProgress(60, ended), PLAIN)
        assert left is not None
        inside += left.least <= sum(seconds[ended:]) + after <= left.most
        widths[ended] += left.most / left.least
    assert 0.75 <= inside / 400 <= 0.9
    assert widths[1] > 2 * widths[20]
