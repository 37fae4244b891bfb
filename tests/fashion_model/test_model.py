"""`build_model` gives the documented network for REFERENCE, and the described one for every other configuration."""

from typing import Any

import keras
import numpy as np
import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.model import build_model, build_optimizer, learning_rates
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST

# One configuration per value of every choice, at sizes that build at once
SPREAD = {
    "documented": {},
    "one block": {"conv_blocks": 1},
    "three convolutions a block": {"convs_per_block": 3, "base_filters": 4, "padding": "same"},
    "four blocks, same padding": {"conv_blocks": 4, "base_filters": 4, "padding": "same"},
    "odd growth": {"base_filters": 5, "filter_growth": 1.5, "conv_blocks": 3, "padding": "same"},
    "shrinking": {"base_filters": 2, "filter_growth": 0.5},
    "kernel 1": {"kernel_size": 1},
    "kernel 7, average pooling": {"kernel_size": 7, "pooling": "average"},
    "even kernel, same padding": {"kernel_size": 4, "padding": "same"},
    "elu": {"activation": "elu"},
    "gelu": {"activation": "gelu"},
    "silu": {"activation": "silu"},
    "batch norm": {"batch_norm": True},
    "batch norm, two convolutions a block": {"batch_norm": True, "convs_per_block": 2, "base_filters": 4},
    "dropout": {"conv_dropout": 0.1, "dense_dropout": 0.5},
    "residual": {"residual": True, "padding": "same", "convs_per_block": 2, "base_filters": 4, "batch_norm": True},
    "residual, equal channels": {"residual": True, "padding": "same", "base_filters": 4, "filter_growth": 1.0},
    "global average": {"head": "global_average"},
    "no hidden layer": {"head": "global_average", "dense_layers": 0, "dense_units": 0},
    "three dense layers": {"dense_layers": 3, "dense_units": 16},
    "bfloat16": {"precision": "mixed_bfloat16", "batch_norm": True, "conv_dropout": 0.1},
    "float16": {"precision": "mixed_float16", "batch_norm": True, "dense_dropout": 0.1},
}


def spread(name: str) -> TrainConfig:
    return TrainConfig(**SPREAD[name])  # type: ignore[arg-type]


def documented_model() -> keras.Model:
    """The document's own code, to the letter."""
    return keras.Sequential(
        [
            keras.layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Conv2D(64, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def layers_of(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def configs_without_names(model: keras.Model) -> list[tuple[str, dict[str, Any]]]:
    configs = [(layer["class_name"], dict(layer["config"])) for layer in model.get_config()["layers"]]
    for _, config in configs:
        config.pop("name")
    return configs


def assert_gives_probabilities(model: keras.Model) -> None:
    images = np.random.default_rng(0).random((3, 28, 28, 1), dtype=np.float32)
    probabilities = keras.ops.convert_to_numpy(model(images))
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (3, 10)
    assert (probabilities >= 0).all()
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_reference_equals_the_documents_own_code() -> None:
    keras.utils.set_random_seed(3)
    with pytest.warns(UserWarning, match="Do not pass an `input_shape`"):
        documented = documented_model()
    keras.utils.set_random_seed(3)
    ours = build_model(REFERENCE, FASHION_MNIST)
    assert configs_without_names(ours) == configs_without_names(documented)
    images = np.random.default_rng(0).random((5, 28, 28, 1), dtype=np.float32)
    assert np.array_equal(ours(images), documented(images))


def test_the_reference_optimizer_is_adam_at_its_defaults() -> None:
    ours, default, documented = (
        build_optimizer(REFERENCE),
        keras.optimizers.Adam(),
        keras.optimizers.get("adam"),
    )
    assert type(ours) is type(documented) is keras.optimizers.Adam
    settings_of_each = [optimizer.get_config() | {"name": "adam"} for optimizer in (ours, default, documented)]
    assert settings_of_each == [settings_of_each[0]] * 3
    assert REFERENCE.batch_size == 32  # what Keras's fit takes where the document names none


@pytest.mark.parametrize("name", SPREAD)
def test_each_configuration_builds_with_the_parameters_it_says(name: str) -> None:
    model = build_model(spread(name), FASHION_MNIST)
    assert model.count_params() == network_of(spread(name), FASHION_MNIST).parameters
    assert_gives_probabilities(model)


def test_choices_reach_the_layers() -> None:
    model = build_model(spread("kernel 7, average pooling"), FASHION_MNIST)
    assert [layer.kernel_size for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [(7, 7)] * 2
    assert layers_of(model).count("AveragePooling2D") == 2
    assert "MaxPooling2D" not in layers_of(model)
    same = build_model(spread("odd growth"), FASHION_MNIST)
    convolutions = [layer for layer in same.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(layer.filters, layer.padding) for layer in convolutions] == [(5, "same"), (8, "same"), (11, "same")]
    for activation in ("elu", "gelu", "silu"):
        model = build_model(spread(activation), FASHION_MNIST)
        assert [layer.activation.__name__ for layer in (*model.layers[0:3:2], model.layers[5])] == [activation] * 3


def test_batch_norm_comes_between_a_convolution_without_bias_and_its_activation() -> None:
    model = build_model(spread("batch norm, two convolutions a block"), FASHION_MNIST)
    convolution = ["Conv2D", "BatchNormalization", "Activation"]
    block = [*convolution, *convolution, "MaxPooling2D"]
    assert layers_of(model) == [*block, *block, "Flatten", "Dense", "Dense"]
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            assert not layer.use_bias
            assert layer.activation.__name__ == "linear"
        if isinstance(layer, keras.layers.BatchNormalization):
            assert layer.momentum == 0.9  # Keras's 0.99 lags behind a first epoch of few batches
        if isinstance(layer, keras.layers.Activation):
            assert layer.activation.__name__ == "relu"


@pytest.mark.parametrize(
    ("conv", "dense", "expected"),
    [(0.0, 0.0, []), (0.2, 0.0, [0.2] * 2), (0.0, 0.5, [0.5]), (0.2, 0.5, [0.2, 0.2, 0.5])],
)
def test_dropout_is_there_only_where_it_is_above_zero(conv: float, dense: float, expected: list[float]) -> None:
    model = build_model(TrainConfig(conv_dropout=conv, dense_dropout=dense), FASHION_MNIST)
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == expected


def test_dropout_follows_each_pooling_and_each_hidden_layer() -> None:
    model = build_model(TrainConfig(conv_dropout=0.1, dense_dropout=0.1, dense_layers=2), FASHION_MNIST)
    block, hidden = ["Conv2D", "MaxPooling2D", "Dropout"], ["Dense", "Dropout"]
    assert layers_of(model) == [*block, *block, "Flatten", *hidden, *hidden, "Dense"]


@pytest.mark.parametrize(("name", "narrow"), [("bfloat16", "bfloat16"), ("float16", "float16")])
def test_mixed_precision_computes_narrow_and_ends_in_a_float32_softmax(name: str, narrow: str) -> None:
    model = build_model(spread(name), FASHION_MNIST)
    *hidden, last = [layer for layer in model.layers if not isinstance(layer, keras.layers.Flatten)]
    assert {layer.compute_dtype for layer in hidden} == {narrow}
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert (last.compute_dtype, last.activation.__name__, model.layers[-1].output.dtype) == (
        "float32",
        "softmax",
        "float32",
    )


@pytest.mark.parametrize(
    ("changes", "kind", "settings_of_it"),
    [
        ({"optimizer": "sgd"}, "SGD", {"momentum": 0.0, "nesterov": False, "weight_decay": None}),
        ({"optimizer": "sgd", "momentum": 0.9}, "SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": None}),
        ({"optimizer": "sgd", "weight_decay": 0.01}, "SGD", {"momentum": 0.0, "weight_decay": 0.01}),
        ({"optimizer": "rmsprop"}, "RMSprop", {"momentum": 0.0, "weight_decay": None}),
        ({"optimizer": "adam"}, "Adam", {"weight_decay": None, "use_ema": False}),
        ({"optimizer": "adamw"}, "AdamW", {"weight_decay": 0.0}),  # not Keras's 0.004
        ({"optimizer": "adamw", "weight_decay": 0.02}, "AdamW", {"weight_decay": 0.02}),
        ({"use_ema": True, "ema_momentum": 0.95}, "Adam", {"use_ema": True, "ema_momentum": 0.95}),
    ],
)
def test_the_optimizer_is_the_one_described(changes: dict[str, Any], kind: str, settings_of_it: dict[str, Any]) -> None:
    config = TrainConfig(learning_rate=0.02, **changes)
    optimizer = build_optimizer(config)
    assert type(optimizer).__name__ == kind
    received = optimizer.get_config()
    assert {name: received[name] for name in settings_of_it} == settings_of_it
    assert received["learning_rate"] == pytest.approx(0.02)


def test_only_float16_scales_its_loss() -> None:
    scaled = build_optimizer(TrainConfig(precision="mixed_float16", optimizer="adamw", weight_decay=0.1))
    assert type(scaled).__name__ == "LossScaleOptimizer"
    assert (type(scaled.inner_optimizer).__name__, scaled.inner_optimizer.weight_decay) == ("AdamW", 0.1)
    assert type(build_optimizer(TrainConfig(precision="mixed_bfloat16"))).__name__ == "Adam"


def rates(config: TrainConfig, total_steps: int, *steps: int) -> list[float]:
    received = learning_rates(config, total_steps)
    assert (received.shape, received.dtype.name) == ((total_steps,), "float32")
    return [float(received[step]) for step in steps]


def test_a_constant_rate_is_the_same_in_each_step() -> None:
    assert set(rates(TrainConfig(learning_rate=0.25), 1000, *range(1000))) == {0.25}


def test_cosine_falls_from_the_peak_to_zero() -> None:
    received = rates(TrainConfig(schedule="cosine", learning_rate=0.4), 1000, 0, 250, 500, 999)
    assert received == pytest.approx([0.4, 0.2 * (1 + 0.5**0.5), 0.2, 0.0], abs=1e-6)


def test_warm_up_rises_linearly_to_the_peak_and_then_falls_to_zero() -> None:
    config = TrainConfig(schedule="cosine", warmup_fraction=0.1, learning_rate=0.4)
    assert rates(config, 1000, 0, 50, 100, 550, 999) == pytest.approx([0.0, 0.2, 0.4, 0.2, 0.0], abs=2e-6)


def test_one_cycle_rises_from_a_25th_for_30_percent_and_falls_to_a_10000th() -> None:
    received = rates(TrainConfig(schedule="one_cycle", learning_rate=0.5), 1000, 0, 150, 300, 650, 999)
    assert received == pytest.approx([0.02, 0.26, 0.5, 0.250025, 0.00005], abs=4e-6)
    every = rates(TrainConfig(schedule="one_cycle", learning_rate=0.5), 100, *range(100))
    assert every.index(max(every)) == 30


@pytest.mark.parametrize("changes", [{"schedule": "one_cycle"}, {"schedule": "cosine", "warmup_fraction": 0.5}])
@pytest.mark.parametrize("total_steps", [1, 2, 3])
def test_a_schedule_of_very_few_steps_stays_between_zero_and_the_peak(
    changes: dict[str, Any], total_steps: int
) -> None:
    received = rates(TrainConfig(learning_rate=0.5, **changes), total_steps, *range(total_steps))
    assert all(0 <= rate <= 0.5 for rate in received)
