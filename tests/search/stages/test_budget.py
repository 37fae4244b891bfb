"""The time budget: the search ends early enough for what follows, which gives way in its order."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.task import FASHION_MNIST
from reports.records import Measurement, TrialRecord, Work
from search.command.settings import Settings, SettingsError
from search.command.terminal.progress import StageProgress
from search.stages.budget import Budget, least_seconds, require_enough_time
from search.stages.cost import RunCost, Terms

DEAR = replace(REFERENCE, dense_units=64)  # of fewer multiply-adds: no equal compute


def trial(number: int, config: TrainConfig, seconds: float, epochs: int = 10, value: float | None = 0.9) -> TrialRecord:
    return TrialRecord(
        number=number,
        status="PRUNED" if value is None else "COMPLETE",
        reason="",
        ended="",
        value=value,
        measurements=tuple(Measurement(epoch, 0.9) for epoch in range(1, epochs + 1)),
        config=config,
        is_reference=config == REFERENCE,
        work=Work(seconds=seconds),
    )


def budget(seconds: float | None, *trials: TrialRecord, spent: float = 0.0, **settings: int) -> Budget:
    asked = Settings(name="n", time_budget=seconds, **settings)  # type: ignore[arg-type]
    cost = RunCost(asked, places=2)
    for each in trials:
        cost.ended(each)
    return Budget(asked, cost, time.monotonic() - spent)


def test_without_a_budget_nothing_ends_and_nothing_gives_way() -> None:
    free = budget(None, trial(0, REFERENCE, 1e6))
    assert free.limit() is None
    assert free.terms() == Terms(4, 5, has_extras=True)
    assert free.allows_more_seeds()
    assert free.retrain_seeds(DEAR) == 5


def test_the_search_has_all_the_time_until_a_trial_is_complete() -> None:
    assert budget(3600, trial(1, DEAR, 100, value=None)).limit() == pytest.approx(3600, abs=1)


def test_the_search_leaves_the_time_that_finalists_and_retraining_take() -> None:
    both = budget(3600, trial(0, REFERENCE, 60), trial(1, DEAR, 120))
    # on two places: 4 × (60 + 120 + 60) s of finalists, seven times 90 s of ablation, 5 × 1.2 × (60 + 120) s of finals
    after = 1.1 * (960 / 2 + 4 * 90 + (4 * 216 / 2 + 144) + 10) + 5
    assert both.limit() == pytest.approx(3600 - after, abs=1)


def test_a_pruned_trial_says_what_an_epoch_takes_but_is_no_finalist() -> None:
    alone = budget(3600, trial(0, REFERENCE, 60), ablate=0)
    with_pruned = budget(3600, trial(0, REFERENCE, 60), trial(1, DEAR, 60, epochs=1, value=None), ablate=0)
    assert with_pruned.limit() == pytest.approx(alone.limit(), abs=1)


def test_a_trial_that_went_on_from_a_checkpoint_costs_what_it_would_have_from_its_start() -> None:
    resumed = replace(trial(1, DEAR, 0), work=Work(seconds=28.0, trained_epochs=2, compile_seconds=4.0))
    late = budget(3600, trial(0, REFERENCE, 60), resumed, ablate=0)
    assert late.cost.training(DEAR) == pytest.approx(28 + 8 * 12)
    whole = budget(3600, trial(0, REFERENCE, 60), trial(1, DEAR, 124), ablate=0)
    assert late.limit() == pytest.approx(whole.limit(), abs=1)


@pytest.mark.parametrize(
    ("seconds", "terms"),
    [
        (3600, Terms(4, 5, has_extras=True)),
        (2400, Terms(4, 5, has_extras=False)),
        (2000, Terms(2, 5, has_extras=False)),
        (1700, Terms(1, 5, has_extras=False)),
        (1450, Terms(1, 4, has_extras=False)),
        (1200, Terms(1, 3, has_extras=False)),
        (60, Terms(1, 3, has_extras=False)),
    ],
)
def test_first_what_no_verdict_needs_gives_way_then_the_finalists_seeds_then_retrainings_down_to_three(
    seconds: float, terms: Terms
) -> None:
    shared = budget(seconds, trial(0, REFERENCE, 60), trial(1, DEAR, 120))
    assert shared.terms(seconds / 2) == terms


def test_the_race_goes_on_while_one_more_round_fits_before_the_retrainings() -> None:
    both = (trial(0, REFERENCE, 60), trial(1, DEAR, 120))
    # on two places: three trainings of finalists, 5 × 1.2 × (60 + 120) s of finals, the report
    needed = 1.1 * (120 + 4 * 216 / 2 + 144 + 10) + 5
    late = budget(3600, *both, spent=3600 - needed - 5)
    assert late.allows_more_seeds()
    assert late.terms().finalist_seeds == 1, "a race from its start would not fit any more: its first round is over"
    assert not budget(3600, *both, spent=3600 - needed + 5).allows_more_seeds()


def test_one_who_asked_for_fewer_retrainings_gets_no_more() -> None:
    assert budget(60, trial(0, REFERENCE, 60), retrain_seeds=2).terms() == Terms(1, 2, has_extras=False)
    assert budget(60, trial(0, REFERENCE, 60), retrain_seeds=2).retrain_seeds(DEAR) == 2


@pytest.mark.parametrize(("spent", "seeds"), [(2000, 5), (3000, 4), (3150, 3), (3590, 3), (9999, 3)])
def test_as_many_retrainings_are_made_as_fit_into_the_time_that_is_left(spent: float, seeds: int) -> None:
    late = budget(3600, trial(0, REFERENCE, 60), trial(1, DEAR, 120), spent=spent)
    assert late.retrain_seeds(DEAR) == seeds


def test_a_budget_that_is_too_small_is_refused_with_the_least_that_would_do() -> None:
    settings = Settings(name="n", time_budget=60.0)
    with pytest.raises(
        SettingsError, match=r"--time-budget must be at least (\d+)s, .*3 times each.*Received: 60s\."
    ) as refused:
        require_enough_time(settings, 60_000, 2)
    least = float(str(refused.value).split("at least ")[1].split("s,")[0])
    require_enough_time(replace(settings, time_budget=least + 1), 60_000, 2)
    require_enough_time(replace(settings, time_budget=None), 60_000, 2)


def test_the_least_grows_with_the_work_and_shrinks_with_the_cores() -> None:
    def least(images: int, cores: int | None, **values: int) -> float:
        return least_seconds(Settings(name="n", **values), images, cores, FASHION_MNIST)  # type: ignore[arg-type]

    assert least(60_000, 2) > least(30_000, 2) > least(30_000, 4) > least(30_000, None)
    assert least(60_000, 2) > least(60_000, 2, epochs=5) > least(60_000, 2, epochs=5, retrain_seeds=1)
    assert least(60_000, 2) == least(60_000, 2, trials=2)
    # of one trial the reference alone is retrained: it, one on a fresh seed and three of a fifth more images
    a_training = (least(60_000, 2, trials=1) - least(60_000, None)) / (1 + 1 + 3 * 1.2)
    assert least(60_000, 2) - least(60_000, None) == pytest.approx((2 + 2 + 2 * 3 * 1.2) * a_training)


def test_of_one_trial_a_budget_that_is_too_small_names_one_trial() -> None:
    with pytest.raises(SettingsError, match=r": start, one trial of 10 epochs, retraining of one model, 3 times each"):
        require_enough_time(Settings(name="n", trials=1, time_budget=20.0), 60_000, 2)


@pytest.mark.parametrize(("stage", "more"), [("ablation", 180.0), ("retrain", 0.0)])
def test_what_no_verdict_needs_is_left_out_unless_it_fits_into_the_time_that_is_left(stage: str, more: float) -> None:
    both = (trial(0, REFERENCE, 60), trial(1, DEAR, 120))
    # 5 × 1.2 × (60 + 120) s of finals on two places; before them three trainings of 90 s, and then the report
    needed = 1.1 * (more + 4 * 216 / 2 + 144 + 10) + 5
    assert budget(None, *both).allows_extras(DEAR, stage)
    assert budget(3600, *both, spent=3600 - needed - 5).allows_extras(DEAR, stage)
    assert not budget(3600, *both, spent=3600 - needed + 5).allows_extras(DEAR, stage)


def test_no_more_time_is_said_to_be_left_than_the_budget_has() -> None:
    slow = [trial(0, REFERENCE, 60), trial(1, DEAR, 120)]
    left = budget(3600, *slow, spent=600, trials=5000).remaining("search", StageProgress(5000, 2))
    assert left is not None
    assert (left.seconds, left.least, left.most) == pytest.approx((3000, 3000, 3000), abs=30)
    free = budget(None, *slow, trials=5000).remaining("search", StageProgress(5000, 2))
    assert free is not None
    assert free.seconds > 100_000
