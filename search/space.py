"""The search space: the only ranges, and the way between Optuna's parameters and a TrainConfig.

Ranges are Optuna's own distributions, drawn define-by-run, so a parameter that another switches off does not
exist for that trial. Every drawn point is geometrically possible: `valid` padding is only on offer where the
feature map survives it. A point may still be refused for its cost, before anything is trained.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import optuna

from fashion_model.config import REFERENCE, ConfigError, TrainConfig

# What a trial may cost: 3.8 times the reference's 2.6 million multiply-adds an image, and 4.4 times its weights.
# On one core, 10 million train at about 1,100 images a second; the optimizer's work grows with the weights.
MAX_MULTIPLY_ADDS: Final = 10_000_000
MAX_WEIGHTS: Final = 1_000_000

_DRAWS_FOR_RANGES: Final = 200


class RefusedPoint(ValueError):
    """A point of the space that costs more than a trial may. Names the rule and what the point would need."""


def suggest(trial: optuna.trial.BaseTrial) -> TrainConfig:
    """Draw one point of the space.

    Raises:
        RefusedPoint: when it costs more than a trial may.
    """
    network = _network(trial)
    _check_cost(TrainConfig(**network))  # before the rest is drawn: three points in ten end here
    return TrainConfig(**network, **_optimization(trial), **_regularization(trial))


def reference_parameters() -> dict[str, Any]:
    """The reference as parameters of the space."""
    return parameters_of(REFERENCE)


def parameters_of(config: TrainConfig) -> dict[str, Any]:
    """A configuration as parameters of the space.

    Raises:
        ConfigError: when it is no point of the space.
    """
    rate = "sgd_learning_rate" if config.optimizer == "sgd" else "learning_rate"
    drawn = optuna.trial.FixedTrial(config.to_dict() | {rate: config.learning_rate})
    if suggest(drawn) != config:
        raise ConfigError(f"The search space must hold the configuration. Received: {config}. Widen search/space.py.")
    return drawn.params


def ranges() -> dict[str, str]:
    """The space in words: each parameter's range, and the two limits.

    Found by drawing, since a parameter may exist for some points only: 200 draws miss one that exists for a quarter of
    the points with a chance of 1 in 10^25, and the draws are always the same.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found: dict[str, optuna.distributions.BaseDistribution] = {}
    for _ in range(_DRAWS_FOR_RANGES):
        trial = study.ask()
        with suppress(RefusedPoint):
            suggest(trial)
        found |= trial.distributions
    limits = {"most multiply-adds": f"{MAX_MULTIPLY_ADDS:,}", "most weights": f"{MAX_WEIGHTS:,}"}
    return {name: _in_words(found[name]) for name in sorted(found)} | limits


def _in_words(distribution: optuna.distributions.BaseDistribution) -> str:
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return " | ".join(str(choice) for choice in distribution.choices)
    low, high, step, log = (getattr(distribution, name) for name in ("low", "high", "step", "log"))
    return f"{low:g} to {high:g}" + (", log" if log else f", step {step:g}" if step else "")


def _network(trial: optuna.trial.BaseTrial) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "conv_blocks": trial.suggest_int("conv_blocks", 1, 3),
        "convs_per_block": trial.suggest_int("convs_per_block", 1, 2),
        "base_filters": trial.suggest_int("base_filters", 8, 48, step=8),
        "filter_growth": trial.suggest_float("filter_growth", 1.0, 2.0, step=0.5),
        "dense_layers": trial.suggest_int("dense_layers", 1, 2),
        "dense_units": trial.suggest_int("dense_units", 32, 256, log=True),
    }
    # two 3×3 convolutions see what one 5×5 sees, for 18 weights instead of 25: two of 5×5 would mostly be refused
    if shape["convs_per_block"] == 1:
        shape["kernel_size"] = trial.suggest_int("kernel_size", 3, 5, step=2)
    return shape | {
        "padding": trial.suggest_categorical("padding", ["valid", "same"]) if _survives_valid(shape) else "same",
        "pooling": trial.suggest_categorical("pooling", ["max", "average"]),
        "activation": trial.suggest_categorical("activation", ["relu", "elu", "gelu", "silu"]),
        "batch_norm": trial.suggest_categorical("batch_norm", [False, True]),
    }


def _optimization(trial: optuna.trial.BaseTrial) -> dict[str, Any]:
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
    schedule = trial.suggest_categorical("schedule", ["constant", "cosine", "one_cycle"])
    values: dict[str, Any] = {
        "optimizer": optimizer,
        "schedule": schedule,
        "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128, 256]),
    }
    if optimizer == "sgd":  # its useful rates lie some 30 times higher than those of the adaptive optimizers
        values["learning_rate"] = trial.suggest_float("sgd_learning_rate", 3e-3, 0.3, log=True)
        values["momentum"] = trial.suggest_float("momentum", 0.5, 0.95, step=0.05)
    else:
        values["learning_rate"] = trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)
    if optimizer in ("sgd", "adamw"):
        values["weight_decay"] = trial.suggest_float("weight_decay", 1e-5, 1e-1, log=True)
    if schedule == "cosine":
        values["warmup_fraction"] = trial.suggest_float("warmup_fraction", 0.0, 0.2, step=0.05)
    return values


def _regularization(trial: optuna.trial.BaseTrial) -> dict[str, Any]:
    values: dict[str, Any] = {
        "conv_dropout": trial.suggest_float("conv_dropout", 0.0, 0.4, step=0.05),
        "dense_dropout": trial.suggest_float("dense_dropout", 0.0, 0.6, step=0.05),
        "label_smoothing": trial.suggest_float("label_smoothing", 0.0, 0.15, step=0.05),
        "augmentation": trial.suggest_categorical("augmentation", ["none", "flip", "flip_shift", "cutout"]),
        "use_ema": trial.suggest_categorical("use_ema", [False, True]),
    }
    if values["use_ema"]:
        values["ema_momentum"] = trial.suggest_float("ema_momentum", 0.98, 0.999)
    return values


def _survives_valid(shape: dict[str, Any]) -> bool:
    try:
        TrainConfig(**shape, padding="valid")
    except ConfigError:
        return False
    return True


def _check_cost(config: TrainConfig) -> None:
    for rule, cost, most in (
        ("multiply-adds an image", config.multiply_adds(), MAX_MULTIPLY_ADDS),
        ("weights", config.weights(), MAX_WEIGHTS),
    ):
        if cost > most:
            raise RefusedPoint(f"a trial may need at most {most:,} {rule}; this point needs {cost:,}")
