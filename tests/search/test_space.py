"""The search space: its points, its reference, and what it refuses."""

from __future__ import annotations

import optuna
import pytest

from fashion_model.config import REFERENCE, TrainConfig
from search.space import MAX_MULTIPLY_ADDS, MAX_WEIGHTS, RefusedPoint, reference_parameters, suggest


def draw(count: int) -> tuple[list[TrainConfig], list[str]]:
    """`count` random points: those admitted, and the reasons of those refused."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    admitted, refused = [], []
    for _ in range(count):
        try:
            admitted.append(suggest(study.ask()))
        except RefusedPoint as error:
            refused.append(str(error))
    return admitted, refused


def test_the_reference_is_a_point_of_the_space() -> None:
    assert suggest(optuna.trial.FixedTrial(reference_parameters())) == REFERENCE


def test_the_references_parameters_lie_within_every_range() -> None:
    study = optuna.create_study()
    study.enqueue_trial(reference_parameters())
    trial = study.ask()
    assert suggest(trial) == REFERENCE
    frozen = study.get_trials()[0]
    assert set(frozen.params) == set(reference_parameters())
    for name, distribution in frozen.distributions.items():
        assert distribution._contains(distribution.to_internal_repr(reference_parameters()[name])), name


def test_every_point_is_a_valid_configuration_within_the_cost_limits() -> None:
    admitted, refused = draw(600)
    assert len(admitted) > 360  # seven in ten
    assert all(config.multiply_adds() <= MAX_MULTIPLY_ADDS for config in admitted)
    assert all(config.weights() <= MAX_WEIGHTS for config in admitted)
    assert {reason.split(";")[0] for reason in refused} == {
        "a trial may need at most 10,000,000 multiply-adds an image",
        "a trial may need at most 1,000,000 weights",
    }


def test_every_choice_of_the_model_can_be_drawn() -> None:
    admitted, _ = draw(600)
    for name, values in {
        "conv_blocks": {1, 2, 3},
        "convs_per_block": {1, 2},
        "kernel_size": {3, 5},
        "padding": {"valid", "same"},
        "pooling": {"max", "average"},
        "activation": {"relu", "elu", "gelu", "silu"},
        "batch_norm": {False, True},
        "dense_layers": {1, 2},
        "optimizer": {"sgd", "rmsprop", "adam", "adamw"},
        "schedule": {"constant", "cosine", "one_cycle"},
        "batch_size": {32, 64, 128, 256},
        "augmentation": {"none", "flip", "flip_shift", "cutout"},
        "use_ema": {False, True},
    }.items():
        assert {getattr(config, name) for config in admitted} == values, name


def test_a_parameter_that_another_switches_off_is_not_drawn() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    for _ in range(300):
        trial = study.ask()
        try:
            config = suggest(trial)
        except RefusedPoint:
            continue
        assert ("momentum" in trial.params) == ("sgd_learning_rate" in trial.params) == (config.optimizer == "sgd")
        assert ("weight_decay" in trial.params) == (config.optimizer in ("sgd", "adamw"))
        assert ("warmup_fraction" in trial.params) == (config.schedule == "cosine")
        assert ("ema_momentum" in trial.params) == config.use_ema


def test_a_point_beyond_the_cost_limit_is_refused_with_rule_and_need() -> None:
    parameters = reference_parameters() | {"base_filters": 48, "kernel_size": 5, "padding": "same"}
    with pytest.raises(
        RefusedPoint, match=r"at most 10,000,000 multiply-adds an image; this point needs 2\d,\d{3},\d{3}"
    ):
        suggest(optuna.trial.FixedTrial(parameters))
