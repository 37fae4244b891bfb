"""REFERENCE is the documented model, every rule of a TrainConfig is checked, and every refusal says what to do."""

import json
import math
from dataclasses import asdict, fields
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion_model import config as config_module
from fashion_model.config import REFERENCE, ConfigError, TrainConfig

DOCUMENTED = {
    "conv_blocks": 2,
    "convs_per_block": 1,
    "base_filters": 32,
    "filter_growth": 2.0,  # 32, then 64
    "kernel_size": 3,
    "padding": "valid",
    "pooling": "max",
    "activation": "relu",
    "batch_norm": False,
    "residual": False,
    "head": "flatten",
    "conv_dropout": 0.0,
    "dense_dropout": 0.0,
    "dense_layers": 1,
    "dense_units": 128,
    "optimizer": "adam",
    "learning_rate": 0.001,  # Keras's default for adam
    "momentum": 0.0,
    "schedule": "constant",
    "warmup_fraction": 0.0,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "batch_size": 32,  # Keras's default for fit
    "augmentation": "none",
    "use_ema": False,
    "ema_momentum": 0.0,
    "precision": "float32",
}

# One of each field's neighbours outside: below and above the bounds
OUT_OF_BOUNDS = [
    ("conv_blocks", 0, 5, "1 to 4"),
    ("convs_per_block", 0, 4, "1 to 3"),
    ("base_filters", 0, 513, "1 to 512"),
    ("filter_growth", 0.49, 4.1, "0.5 to 4.0"),
    ("kernel_size", 0, 8, "1 to 7"),
    ("conv_dropout", -0.1, 0.91, "0.0 to 0.9"),
    ("dense_dropout", -0.1, 0.91, "0.0 to 0.9"),
    ("dense_layers", -1, 4, "0 to 3"),
    ("dense_units", -1, 4097, "0 to 4096"),
    ("learning_rate", 0.0, 10.1, "1e-08 to 10.0"),
    ("momentum", -0.1, 1.0, "0.0 to 0.999"),
    ("warmup_fraction", -0.1, 0.6, "0.0 to 0.5"),
    ("weight_decay", -0.1, 1.1, "0.0 to 1.0"),
    ("label_smoothing", -0.1, 0.6, "0.0 to 0.5"),
    ("batch_size", 0, 4097, "1 to 4096"),
    ("ema_momentum", -0.1, 1.0, "0.0 to 0.9999"),
]

CHOICES = [
    ("padding", "full", "valid, same"),
    ("pooling", "global", "max, average"),
    ("activation", "tanh", "relu, elu, gelu, silu"),
    ("head", "max", "flatten, global_average"),
    ("optimizer", "lion", "sgd, rmsprop, adam, adamw"),
    ("schedule", "step", "constant, cosine, one_cycle"),
    ("augmentation", "mixup", "none, flip, alternating_flip, flip_shift, cutout"),
    ("precision", "float64", "float32, mixed_bfloat16, mixed_float16"),
]

WRONG_TYPES = [
    ("conv_blocks", 2.0, "int", "float"),
    ("conv_blocks", True, "int", "bool"),
    ("batch_size", "32", "int", "str"),
    ("learning_rate", "0.001", "float", "str"),
    ("learning_rate", True, "float", "bool"),
    ("learning_rate", None, "float", "NoneType"),
    ("batch_norm", 1, "bool", "int"),
    ("padding", None, "str", "NoneType"),
]

SWITCHED_OFF = [
    ({"momentum": 0.9}, "momentum=0.9", "optimizer='sgd'"),
    ({"momentum": 0.9, "optimizer": "adamw"}, "momentum=0.9", "optimizer='sgd'"),
    ({"warmup_fraction": 0.1}, "warmup_fraction=0.1", "schedule='cosine'"),
    ({"warmup_fraction": 0.1, "schedule": "one_cycle"}, "warmup_fraction=0.1", "schedule='cosine'"),
    ({"ema_momentum": 0.99}, "ema_momentum=0.99", "use_ema=True"),
    ({"weight_decay": 0.01}, "weight_decay=0.01", "optimizer='sgd' or 'adamw'"),
    ({"dense_layers": 0, "dense_units": 0, "dense_dropout": 0.1}, "dense_dropout=0.1", "dense_layers of at least 1"),
    ({"weight_decay": 0.01, "optimizer": "rmsprop"}, "weight_decay=0.01", "optimizer='sgd' or 'adamw'"),
]


@st.composite
def valid_configs(draw: st.DrawFn) -> TrainConfig:
    """Every field within its bounds and choices; what another field switches off is 0."""
    values: dict[str, Any] = {name: draw(st.sampled_from(allowed.split(", "))) for name, _, allowed in CHOICES}
    for name, _, _, allowed in OUT_OF_BOUNDS:
        low, high = allowed.split(" to ")
        is_float = isinstance(DOCUMENTED[name], float)
        values[name] = draw(st.floats(float(low), float(high)) if is_float else st.integers(int(low), int(high)))
    values |= {name: draw(st.booleans()) for name in ("batch_norm", "use_ema", "residual")}
    values["residual"] = values["residual"] and values["padding"] == "same"
    values["dense_units"] = max(1, values["dense_units"]) * (values["dense_layers"] > 0)
    values["dense_dropout"] *= values["dense_layers"] > 0
    values["momentum"] *= values["optimizer"] == "sgd"
    values["weight_decay"] *= values["optimizer"] in ("sgd", "adamw")
    values["warmup_fraction"] *= values["schedule"] == "cosine"
    values["ema_momentum"] *= values["use_ema"]
    return TrainConfig(**values)


def refusal(**changes: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        TrainConfig(**changes)
    return str(refused.value)


def test_reference_is_the_documented_model_field_by_field() -> None:
    assert asdict(REFERENCE) == DOCUMENTED


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"residual": True}, r"the same size\. Received: residual=True, padding='valid'\. Use padding='same'"),
        ({"dense_units": 0}, r"at least one unit\. Received: dense_layers=1, dense_units=0\. Set dense_units"),
        ({"dense_layers": 0}, r"only with dense_layers of at least 1\. Received: dense_units=128\. Set it to 0"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**changes)


def test_a_shrinking_network_keeps_at_least_one_filter() -> None:
    assert TrainConfig(base_filters=1, filter_growth=0.5, conv_blocks=3).block_filters() == (1, 1, 1)


def test_the_tables_of_this_test_name_every_field() -> None:
    tabled = {name for name, *_ in [*OUT_OF_BOUNDS, *CHOICES]} | {"batch_norm", "use_ema", "residual"}
    assert tabled == {field.name for field in fields(TrainConfig)}
    for name, _, allowed in CHOICES:
        assert tuple(allowed.split(", ")) == get_args(
            getattr(config_module, {"optimizer": "OptimizerName"}.get(name, name.capitalize()))
        )


@pytest.mark.parametrize(("name", "below", "above", "bounds"), OUT_OF_BOUNDS, ids=lambda value: str(value))
def test_a_number_out_of_its_bounds_is_refused(name: str, below: float, above: float, bounds: str) -> None:
    for value in (below, above):
        assert refusal(**{name: value}) == f"`{name}` must be from {bounds}. Received: {name}={value}."


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", [name for name, low, *_ in OUT_OF_BOUNDS if isinstance(DOCUMENTED[name], float)])
def test_a_number_that_is_not_finite_is_refused(name: str, value: float) -> None:
    assert refusal(**{name: value}).endswith(f"Received: {name}={value}.")


def test_a_number_too_large_for_a_float_is_refused() -> None:
    assert refusal(dense_units=10**400).startswith("`dense_units` must be from 0 to 4096. Received: ")


@pytest.mark.parametrize(("name", "value", "allowed"), CHOICES)
def test_an_unknown_choice_is_refused_with_the_ones_there_are(name: str, value: str, allowed: str) -> None:
    assert refusal(**{name: value}) == f"`{name}` must be one of {allowed}. Received: {name}={value!r}."


@pytest.mark.parametrize(("name", "value", "expected", "received"), WRONG_TYPES)
def test_a_wrong_type_is_refused(name: str, value: Any, expected: str, received: str) -> None:
    message = f"`{name}` must be of type {expected}. Received: {name}={value!r} ({received})."
    assert refusal(**{name: value}) == message


def test_a_whole_number_is_taken_for_a_float() -> None:
    assert TrainConfig(filter_growth=2, learning_rate=1) == TrainConfig(filter_growth=2.0, learning_rate=1.0)


@pytest.mark.parametrize(("changes", "received", "condition"), SWITCHED_OFF)
def test_a_value_that_another_switches_off_is_refused(changes: dict[str, Any], received: str, condition: str) -> None:
    name = received.partition("=")[0]
    message = f"`{name}` has an effect only with {condition}. Received: {received}. Set it to 0."
    assert refusal(**changes) == message


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(valid_configs())
def test_every_valid_config_survives_the_way_through_json(config: TrainConfig) -> None:
    values = config.to_dict()
    assert list(values) == [field.name for field in fields(TrainConfig)]
    assert TrainConfig.from_dict(json.loads(json.dumps(values))) == config


def test_a_field_left_out_of_a_dict_takes_the_documented_value() -> None:
    assert TrainConfig.from_dict({"dense_units": 64}) == TrainConfig(dense_units=64)


def test_unknown_fields_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"no field of that name\. Received: colour, size\. See fashion_model/config"):
        TrainConfig.from_dict({"dense_units": 64, "size": 1, "colour": "red"})


def test_from_dict_checks_the_values_too() -> None:
    with pytest.raises(ConfigError, match=r"`dense_units` must be from 0 to 4096\. Received: dense_units=-1\."):
        TrainConfig.from_dict({"dense_units": -1})
