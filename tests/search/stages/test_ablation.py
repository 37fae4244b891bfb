"""The path from the reference to the winner: valid steps, the order and the gains of an additive function, a bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import optuna
import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import TrainingSplits
from fashion_model.task import FASHION_MNIST
from reports.records import AblationStep, FinalistScore, Measurement, TrialRecord
from search.command.settings import SIZES
from search.stages.ablation import ablate, changes, choose_size, path, surrogate
from search.stages.cost import Ablation
from search.stages.run import Finalist, Run
from search.study.space import Space
from search.worker.assignment import Assignment
from search.worker.faults import Cause, Fault
from search.worker.seeds import Stream, derive_each
from search.worker.training_run import FinishedTraining

from ..somewhere import Somewhere, result
from .conftest import TrainerAt

# What a change adds to the reference's 0.90, by itself, whatever else was changed
EFFECTS = {"batch_norm": 0.012, "schedule": 0.006, "augmentation": 0.003, "conv_dropout": -0.002, "pooling": 0.001}
WINNER = replace(
    REFERENCE, batch_norm=True, schedule="cosine", warmup_fraction=0.1, augmentation="flip", conv_dropout=0.2,
    pooling="average",
)  # fmt: skip
BEST = Finalist(1, 0.93, WINNER)


def accuracy(config: TrainConfig) -> float:
    return 0.90 + sum(effect for name, effect in EFFECTS.items() if getattr(config, name) != getattr(REFERENCE, name))


class Additive(Somewhere):
    """A place where a training has the accuracy of its EFFECTS, a little more on the one seed than on the other."""

    def outcome(self, assignment: Assignment) -> FinishedTraining | Fault | None:
        noise = 0.0005 if assignment.seed == derive_each(5, Stream.FINALIST, 1)[0] else -0.0005
        return replace(result(assignment), accuracy=accuracy(assignment.config) + noise)


class Diverging(Additive):
    """A place where nothing normalized can be trained."""

    def outcome(self, assignment: Assignment) -> FinishedTraining | Fault | None:
        return Fault(Cause.NON_FINITE, "nan") if assignment.config.batch_norm else super().outcome(assignment)


def trials() -> tuple[TrialRecord, ...]:
    """The reference, the winner, and points with some of the winner's changes; some were stopped after an epoch."""
    names = list(EFFECTS)
    configs = [REFERENCE, WINNER]
    for which in range(2 ** len(names)):
        changed = {name: getattr(WINNER, name) for index, name in enumerate(names) if which >> index & 1}
        configs.append(replace(REFERENCE, **changed))
    return tuple(_trial(number, config) for number, config in enumerate(configs))


def _trial(number: int, config: TrainConfig) -> TrialRecord:
    curve = tuple(Measurement(epoch, accuracy(config) - 0.01 * (3 - epoch)) for epoch in (1, 2, 3))
    stopped = number % 3 == 2
    return TrialRecord(
        number=number, status="PRUNED" if stopped else "COMPLETE", reason="", config=config,
        value=None if stopped else accuracy(config), measurements=curve[:1] if stopped else curve,
        is_reference=number == 0, ended="",
    )  # fmt: skip


@pytest.fixture
def searched(run: Run) -> Run:
    """The run after its race, which the winner won on two seeds."""
    run.trials, run.task = trials(), FASHION_MNIST
    seeds = derive_each(5, Stream.FINALIST, 2)
    fresh = (accuracy(WINNER) + 0.0005, accuracy(WINNER) - 0.0005)
    run.scores = (
        FinalistScore(trial=1, search_value=0.93, seeds=seeds, fresh_values=fresh, seconds=0.0, cpu_seconds=0.0),
    )
    return run


def asking(run: Run, steps: int | None) -> Run:
    run.settings = replace(run.settings, ablate=steps)
    return run


def means(steps: Sequence[AblationStep]) -> list[float]:
    return [sum(step.values) / len(step.values) for step in steps]


def test_the_ablation_of_an_additive_function_recovers_its_effects(
    searched: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    ablate(asking(searched, 9), trainer_at(Additive()), tiny_splits, BEST)
    steps = searched.ablation
    assert [steps[0].config, steps[-1].config] == [REFERENCE, WINNER]
    assert {len(step.values) for step in steps} == {2}
    found = {}
    for before, after in pairwise(steps):
        (names,) = set(changes(after.config)) - set(changes(before.config))
        found[names[0]] = means([after])[0] - means([before])[0]
    assert list(found) == ["batch_norm", "schedule", "augmentation", "pooling", "conv_dropout"], "largest first"
    # the reference has its value of the search, which has no noise here, and the seed of more
    assert found["batch_norm"] == pytest.approx(0.012 - 0.00025)
    assert {name: found[name] for name in found if name != "batch_norm"} == pytest.approx(
        {name: effect for name, effect in EFFECTS.items() if name != "batch_norm"}
    )


def test_three_steps_are_trained_and_the_rest_is_one_that_the_race_has_trained(
    searched: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    place = Additive()
    ablate(asking(searched, 3), trainer_at(place), tiny_splits, BEST)
    assert means(searched.ablation[1:]) == pytest.approx([0.912, 0.918, 0.921, 0.920])
    assert [step.trainings for step in searched.ablation] == [1, 2, 2, 2, 0]
    assert [assignment.epochs for assignment in place.asked] == [3] * 7
    assert place.images is not None
    assert (place.images.train, place.images.held_out) == (tiny_splits.train, tiny_splits.validation), "no test image"
    assert searched.ablation[0].cpu_seconds == 2.5
    again = Additive()
    before, searched.ablation = searched.ablation, ()
    ablate(searched, trainer_at(again), tiny_splits, BEST)
    assert (searched.ablation, again.asked) == (before, []), "resumed, it trains nothing again"


def test_what_the_race_has_trained_is_neither_trained_nor_counted_again(
    searched: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    normalized = next(t for t in searched.trials if t.config == replace(REFERENCE, batch_norm=True))
    reference = replace(searched.scores[0], trial=0, fresh_values=(0.901, 0.899, 0.0))  # the last one failed
    searched.scores += (reference, replace(reference, trial=normalized.number, fresh_values=(0.915, 0.913)))
    place = Additive()
    ablate(asking(searched, 2), trainer_at(place), tiny_splits, BEST)
    assert [step.values for step in searched.ablation[:2]] == [(0.90, 0.901, 0.899), (0.915, 0.913)]
    assert [step.trainings for step in searched.ablation] == [0, 0, 2, 0]
    assert {assignment.config for assignment in place.asked} == {searched.ablation[2].config}


def test_a_step_that_cannot_be_trained_has_no_value(
    searched: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    ablate(asking(searched, 2), trainer_at(Diverging()), tiny_splits, BEST)
    assert [len(step.values) for step in searched.ablation] == [2, 0, 0, 2]


@pytest.mark.parametrize(
    ("epochs_of_trials", "size"),
    [
        (11, Ablation(0, 0)),  # with 18 of finalists and retrainings 29: not one training of 3 epochs in a tenth
        (12, Ablation(1, 1)),
        (42, Ablation(2, 1)),  # 60: two trainings, and the reference's value is there
        (72, Ablation(3, 1)),
        (192, Ablation(3, 2)),  # 210: seven trainings
    ],
)
def test_by_default_it_takes_a_tenth_of_the_epochs(searched: Run, epochs_of_trials: int, size: Ablation) -> None:
    measured = (Measurement(1, 0.5),) * (epochs_of_trials - 3)
    searched.trials = (searched.trials[0], replace(searched.trials[1], measurements=measured))
    assert choose_size(searched, 5) == size


def test_it_takes_what_is_asked_for_and_nothing_where_that_is_nothing(
    searched: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    assert choose_size(asking(searched, 4), 5) == Ablation(4, 2)
    assert choose_size(asking(searched, 4), 2) == Ablation(2, 2)
    ablate(asking(searched, 0), trainer_at(Somewhere()), tiny_splits, BEST)
    assert searched.ablation == ()


def test_where_the_reference_wins_there_is_nothing_to_train(
    searched: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    place = Somewhere()
    for asked in (None, 3):
        ablate(asking(searched, asked), trainer_at(place), tiny_splits, Finalist(0, 0.93, REFERENCE))
    assert (searched.ablation, place.asked) == ((), [])


def test_what_makes_sense_only_together_changes_together() -> None:
    config = TrainConfig(
        padding="same", residual=True, head="global_average", dense_layers=0, dense_units=0, optimizer="sgd",
        learning_rate=0.1, momentum=0.9, weight_decay=1e-3, schedule="cosine", warmup_fraction=0.1, use_ema=True,
        ema_momentum=0.99, base_filters=24, filter_growth=1.5, batch_size=64,
    )  # fmt: skip
    assert {frozenset(group) for group in changes(config)} == {
        frozenset({"padding", "residual"}),
        frozenset({"head"}),
        frozenset({"dense_layers", "dense_units"}),
        frozenset({"optimizer", "learning_rate", "momentum", "weight_decay"}),
        frozenset({"schedule", "warmup_fraction"}),
        frozenset({"use_ema", "ema_momentum"}),
        frozenset({"base_filters", "filter_growth"}),
        frozenset({"batch_size"}),
    }
    assert changes(replace(REFERENCE, learning_rate=0.01, dense_units=64)) == (("dense_units",), ("learning_rate",))


def test_every_step_to_any_point_of_the_space_is_a_network() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    for size in SIZES:
        space = Space(size=size)
        for _ in range(20):
            best = space.suggest(study.ask())
            points = path(best, lambda configs: [0.0] * len(configs), FASHION_MNIST)  # TrainConfig checks each
            assert points[-1] == best
            assert len(set(points)) == len(points) == len(changes(best))


def test_the_surrogate_tells_a_stopped_trial_from_a_poor_one() -> None:
    predict = surrogate(trials(), 3)
    reference, winner = predict([REFERENCE, WINNER])
    assert reference == pytest.approx(0.90, abs=0.004)
    assert winner == pytest.approx(0.92, abs=0.004)
