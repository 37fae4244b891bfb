"""The network and the optimizer that a TrainConfig describes, through Keras's own API.

`build_model(REFERENCE)` is exactly the documented network: 225,034 parameters. And a network that was saved, read back
only if it is the very file that was recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import fashion_model.loading  # noqa: F401

# isort: split
import keras

from fashion_model.config import CLASS_NAMES, IMAGE_SIDE, TrainConfig

# One-cycle: rise over the first 30% from 1/25 of the peak, then anneal to 1/10,000 of it.
# Smith and Topin 2018, arXiv:1708.07120; the three numbers are those of fastai and of PyTorch's OneCycleLR.
_ONE_CYCLE_RISE: Final = 0.3
_ONE_CYCLE_START: Final = 1 / 25
_ONE_CYCLE_END: Final = 1e-4

# Keras's own 0.99 still holds 14% of the initial statistics after the 196 batches that an epoch of 256 has, and a good
# network looks bad: 0.44 validation accuracy after epoch 1, where 0.9 gives 0.86 (docs/log.md).
_NORM_MOMENTUM: Final = 0.9


class ModelFileError(ValueError):
    """The file is not the saved model that was asked for. The message: the rule, the value received, the remedy."""


def build_model(config: TrainConfig, *, synchronized: bool = False) -> keras.Model:
    """The network: images (n, 28, 28, 1) scaled to [0, 1] in, class probabilities (n, 10) float32 out. Not compiled.

    Initial weights come from Keras's global seed: set it first. `synchronized` normalizes by the statistics of a whole
    batch, where a batch is trained in parts on several devices; on one device it changes nothing.
    """
    policy = keras.DTypePolicy(config.precision)
    model = keras.Sequential([keras.Input((IMAGE_SIDE, IMAGE_SIDE, 1))], name="fashion_cnn")
    for layer in (*_convolutions(config, policy, synchronized), keras.layers.Flatten(), *_dense(config, policy)):
        model.add(layer)
    # float32 even under mixed precision, as Keras's guide asks: a 16-bit softmax loses the small probabilities
    model.add(keras.layers.Dense(len(CLASS_NAMES), activation="softmax", dtype="float32"))
    return model


def build_optimizer(config: TrainConfig, total_steps: int) -> keras.optimizers.Optimizer:
    """The optimizer, its learning rate spread over `total_steps` (batches of the whole training)."""
    arguments: dict[str, Any] = {"learning_rate": learning_rate(config, total_steps)}
    if config.use_ema:
        arguments |= {"use_ema": True, "ema_momentum": config.ema_momentum}
    if config.weight_decay:
        arguments["weight_decay"] = config.weight_decay
    if config.momentum:
        arguments |= {"momentum": config.momentum, "nesterov": True}
    kinds = {
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
    }
    if config.optimizer == "adamw":
        arguments["weight_decay"] = config.weight_decay  # AdamW's own default is 0.004, not 0
    optimizer = kinds[config.optimizer](**arguments)
    return keras.optimizers.LossScaleOptimizer(optimizer) if config.precision == "mixed_float16" else optimizer


def load_model(path: Path, sha256: str) -> keras.Model:
    """The network saved in the `.keras` file at `path`, not compiled. Takes and gives what `build_model`'s does.

    Raises:
        ModelFileError: when the file's SHA-256 is not `sha256` (64 lower-case hexadecimal digits), or its name does
            not end in `.keras`: by other names Keras reads older formats.
        OSError: when the file cannot be read.
    """
    received = hashlib.sha256(path.read_bytes()).hexdigest()
    if received != sha256:
        raise ModelFileError(
            f"{path} must have the SHA-256 {sha256} that was recorded when it was saved. Received: {received}. "
            "Take the unchanged file, or train it again."
        )
    if path.suffix != ".keras":
        raise ModelFileError(
            f"A saved model must be a file in Keras's own format. Received: {path}. Save it as {path.stem}.keras."
        )
    return keras.saving.load_model(path, safe_mode=True, compile=False)


def learning_rate(config: TrainConfig, total_steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The constant rate, or the schedule whose peak is `config.learning_rate`, over `total_steps` batches."""
    peak = config.learning_rate
    if config.schedule == "constant":
        return peak
    one_cycle = config.schedule == "one_cycle"
    rise = round(total_steps * (_ONE_CYCLE_RISE if one_cycle else config.warmup_fraction))
    if not rise:
        return keras.optimizers.schedules.CosineDecay(peak, total_steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak * _ONE_CYCLE_START if one_cycle else 0.0,
        decay_steps=max(1, total_steps - rise),
        alpha=_ONE_CYCLE_END if one_cycle else 0.0,
        warmup_target=peak,
        warmup_steps=rise,
    )


def _convolutions(config: TrainConfig, policy: keras.DTypePolicy, synchronized: bool) -> Iterator[keras.layers.Layer]:
    pooling = keras.layers.MaxPooling2D if config.pooling == "max" else keras.layers.AveragePooling2D
    for filters in config.block_filters():
        for _ in range(config.convs_per_block):
            yield from _convolution(config, filters, policy, synchronized)
        yield pooling((2, 2), dtype=policy)
        if config.conv_dropout:
            yield keras.layers.Dropout(config.conv_dropout, dtype=policy)


def _convolution(
    config: TrainConfig, filters: int, policy: keras.DTypePolicy, synchronized: bool
) -> Iterator[keras.layers.Layer]:
    size, padding = (config.kernel_size, config.kernel_size), config.padding
    if not config.batch_norm:
        yield keras.layers.Conv2D(filters, size, padding=padding, activation=config.activation, dtype=policy)
        return
    # normalization brings its own offset, so the convolution needs no bias
    yield keras.layers.Conv2D(filters, size, padding=padding, use_bias=False, dtype=policy)
    yield keras.layers.BatchNormalization(momentum=_NORM_MOMENTUM, synchronized=synchronized, dtype=policy)
    yield keras.layers.Activation(config.activation, dtype=policy)


def _dense(config: TrainConfig, policy: keras.DTypePolicy) -> Iterator[keras.layers.Layer]:
    for _ in range(config.dense_layers):
        yield keras.layers.Dense(config.dense_units, activation=config.activation, dtype=policy)
        if config.dense_dropout:
            yield keras.layers.Dropout(config.dense_dropout, dtype=policy)
