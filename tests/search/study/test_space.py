"""The search space: its points, its reference, the user's own ranges and limits, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import optuna
import pytest
from optuna.trial import FixedTrial

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from search.command.ranges import COST
from search.command.settings import SIZES, Settings, SizeName
from search.study.space import DEFAULT, LIMITS, RefusedPoint, Space


def draw(space: Space, count: int) -> list[tuple[TrainConfig, optuna.Trial]]:
    """`count` random points that the space admits, with their trials."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    points: list[tuple[TrainConfig, optuna.Trial]] = []
    while len(points) < count:
        trial = study.ask()
        try:
            points.append((space.suggest(trial), trial))
        except RefusedPoint:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return points


def test_the_table_names_every_hyperparameter() -> None:
    named = {line.partition(" =")[0] for line in DEFAULT}
    assert named - {COST, "sgd_learning_rate"} | {"base_filters"} == {field.name for field in fields(TrainConfig)}


@pytest.mark.parametrize("size", SIZES)
def test_the_reference_is_a_point_of_the_space_of_any_size(size: SizeName) -> None:
    space = Space(size=size)
    parameters = space.parameters_of(REFERENCE)
    assert parameters is not None
    assert parameters[COST] == 2_631_040
    assert space.suggest(FixedTrial(parameters)) == REFERENCE


@pytest.mark.slow
def test_none_of_10000_draws_is_refused() -> None:
    space, study = Space(), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    assert len([space.suggest(study.ask()) for _ in range(10_000)]) == 10_000


@pytest.mark.parametrize("size", SIZES)
def test_every_point_is_within_the_limits_of_its_size_and_none_is_refused(size: SizeName) -> None:
    space, study = Space(size=size), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    networks = [network_of(space.suggest(study.ask()), FASHION_MNIST) for _ in range(200)]
    most = max(network.multiply_adds for network in networks)
    assert 0.7 * LIMITS[size][0] < most <= LIMITS[size][0]
    assert max(network.parameters for network in networks) <= LIMITS[size][1]


def test_where_low_cost_is_an_objective_networks_cheaper_than_the_reference_are_tried() -> None:
    reference = network_of(REFERENCE, FASHION_MNIST).multiply_adds
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    space = Space.of(Settings(name="s", objective="accuracy,cost", pruner="none"), FASHION_MNIST)
    assert space.ranges["multiply_adds"].low == reference // 10
    costs = [network_of(space.suggest(study.ask()), FASHION_MNIST).multiply_adds for _ in range(200)]
    assert min(costs) < reference / 4
    assert sum(cost < reference for cost in costs) > 80
    assert space.parameters_of(REFERENCE) is not None


def test_the_network_is_the_widest_that_what_was_drawn_allows() -> None:
    space = Space()
    for config, trial in draw(space, 100):
        wider = network_of(replace(config, base_filters=config.base_filters + 4), FASHION_MNIST)
        assert wider.multiply_adds > trial.params[COST] or wider.parameters > LIMITS["small"][1]


def test_a_configuration_goes_to_parameters_and_back() -> None:
    space = Space()
    for config, trial in draw(space, 100):
        parameters = space.parameters_of(config)
        assert parameters is not None
        assert space.suggest(FixedTrial(parameters)) == config
        assert {**parameters, COST: 0} == {**trial.params, COST: 0}


@pytest.mark.parametrize(
    "changes", [{"pooling": "average"}, {"learning_rate": 0.02}, {"base_filters": 33}, {"optimizer": "rmsprop"}]
)
def test_what_lies_outside_of_the_space_has_no_parameters(changes: dict[str, Any]) -> None:
    assert Space().parameters_of(replace(REFERENCE, **changes)) is None


def test_a_parameter_that_another_switches_off_is_not_drawn() -> None:
    for config, trial in draw(Space(), 300):
        assert ("momentum" in trial.params) == ("sgd_learning_rate" in trial.params) == (config.optimizer == "sgd")
        assert ("learning_rate" in trial.params) == (config.optimizer != "sgd")
        assert ("weight_decay" in trial.params) == (config.optimizer in ("sgd", "adamw"))
        assert ("dense_units" in trial.params) == (config.dense_layers > 0)
        assert ("ema_momentum" in trial.params) == config.use_ema
        assert "padding" not in trial.params or not config.residual


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["optimizer=adamw"], {"optimizer": {"adamw"}}),
        (["learning_rate=0.02"], {"learning_rate": {0.02}}),
        (["residual=true"], {"residual": {True}, "padding": {"same"}}),
        (["padding=valid"], {"padding": {"valid"}, "residual": {False}}),
        (["base_filters=16"], {"base_filters": {16}}),
        (["pooling = max | average", "kernel_size = 3 | 5"], {"pooling": {"max", "average"}, "kernel_size": {3, 5}}),
        (["batch_size = 256 | 512", "batch_size = 512"], {"batch_size": {512}}),
    ],
)
def test_ranges_of_the_users_own_hold_in_every_point(lines: Sequence[str], expected: dict[str, set[Any]]) -> None:
    configs = [config for config, _ in draw(Space(lines=lines), 60)]
    for name, values in expected.items():
        assert {getattr(config, name) for config in configs} == values


def test_a_limit_that_no_network_keeps_refuses_every_point() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(5):
        with pytest.raises(RefusedPoint, match=r"at most 1 multiply-adds an image; this point needs [\d,]+$"):
            Space(max_multiply_adds=1).suggest(study.ask())


def test_limits_of_deployment_bound_every_network_and_refuse_only_what_cannot_be_narrowed() -> None:
    space = Space(max_params=20_000, max_multiply_adds=2_000_000)
    for config, _ in draw(space, 60):
        network = network_of(config, FASHION_MNIST)
        assert network.parameters <= 20_000
        assert network.multiply_adds <= 2_000_000
    rule = r"at most 20,000 parameters; this point needs [1-9]\d+,\d{3}"
    wide = {"dense_layers": 1, "dense_units": 256, COST: 1_999_999}
    reference = Space().parameters_of(REFERENCE) or {}
    with pytest.raises(RefusedPoint, match=rule):
        space.suggest(FixedTrial(reference | wide))
