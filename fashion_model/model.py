"""The network and the optimizer that a TrainConfig describes, as Keras has them.

`build_model(REFERENCE, FASHION_MNIST)` is exactly the documented network: 225,034 parameters. `model_file` is a trained
network as it is kept, which takes images as they are, from 0 to 255. `load_model` reads it back.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fashion_model.config import TrainConfig
from fashion_model.network import Network, network_of
from fashion_model.task import Task

# One-cycle: rise over the first 30% from 1/25 of the peak, then anneal to 1/10,000 of it.
# Smith and Topin 2018, arXiv:1708.07120; the three numbers are those of fastai and of PyTorch's OneCycleLR.
_ONE_CYCLE_RISE: Final = 0.3
_ONE_CYCLE_START: Final = 1 / 25
_ONE_CYCLE_END: Final = 1e-4
_INPUT_OF_A_FILE: Final = "images_0_to_255"


Layers = Mapping[str, Callable[..., keras.layers.Layer]]
_AS_KERAS_HAS_THEM: Final[Layers] = MappingProxyType({})


class ModelFileError(ValueError):
    """The file is not the saved model that was asked for. The message: the rule, the value received, the remedy."""


def build_model(config: TrainConfig, task: Task, made: Layers = _AS_KERAS_HAS_THEM) -> keras.Model:
    """The network, not compiled: images (n, height, width, channels) scaled to [0, 1] in, class probabilities
    (n, classes) float32 out.

    Initial weights come from Keras's global seed: set it first. `made` makes layers in the place of Keras's, by the
    name of the class; they must have the same variables.

    Raises:
        ConfigError: when the network leaves no pixel of the task's images.
    """
    policy = keras.DTypePolicy(config.precision)
    layers = _layers(network_of(config, task), policy, made)
    return keras.Sequential([keras.Input(task.image_shape), *layers], name="fashion_cnn")


def build_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """The optimizer at the peak of its learning rate; `learning_rates` says how that changes."""
    arguments: dict[str, Any] = {"learning_rate": config.learning_rate}
    if config.use_ema:
        arguments |= {"use_ema": True, "ema_momentum": config.ema_momentum}
    if config.weight_decay or config.optimizer == "adamw":  # AdamW's own default is 0.004, not 0
        arguments["weight_decay"] = config.weight_decay
    if config.momentum:
        arguments |= {"momentum": config.momentum, "nesterov": True}
    kinds = {
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
    }
    optimizer = kinds[config.optimizer](**arguments)
    return keras.optimizers.LossScaleOptimizer(optimizer) if config.precision == "mixed_float16" else optimizer


def learning_rates(config: TrainConfig, total_steps: int) -> npt.NDArray[np.float32]:
    """The rate of each of the `total_steps` batches of a training: constant, or a schedule that `config.learning_rate`
    is the peak of."""
    steps, one_cycle = np.arange(total_steps), config.schedule == "one_cycle"
    if config.schedule == "constant":
        return np.full(total_steps, config.learning_rate, np.float32)
    rise = round(total_steps * (_ONE_CYCLE_RISE if one_cycle else config.warmup_fraction))
    start, end = (_ONE_CYCLE_START, _ONE_CYCLE_END) if one_cycle else (0.0, 0.0)
    rising = start + (1 - start) * steps / max(1, rise)
    falling = end + (1 - end) * (1 + np.cos(np.pi * (steps - rise) / max(1, total_steps - rise))) / 2
    return np.asarray(config.learning_rate * np.where(steps < rise, rising, falling), np.float32)


def model_file(model: keras.Model) -> bytes:
    """A trained network as a `.keras` file that takes images from 0 to 255, of any dtype, and needs Keras alone."""
    images = keras.Input(model.input_shape[1:], name=_INPUT_OF_A_FILE)
    # In float64, rounded once to float32: the quotient of training, to the bit. TensorFlow moves a division in float32
    # into the weights of the convolution after it, and the probabilities differ.
    output = keras.ops.cast(keras.ops.true_divide(keras.ops.cast(images, "float64"), 255.0), "float32")
    for layer in model.layers:
        output = layer(output)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        keras.Model(images, output, name=model.name).save(path)
        return path.read_bytes()


def load_model(path: Path, sha256: str | None = None) -> keras.Model:
    """The network in a file that `model_file` made, not compiled: images from 0 to 255 in, probabilities out.

    Raises:
        ModelFileError: when the file's SHA-256 is not `sha256` (64 lower-case hexadecimal digits; None: any), it is no
            such file, or its name does not end in `.keras`: by other names Keras reads older formats.
        OSError: when the file cannot be read.
    """
    received = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 not in (None, received):
        raise ModelFileError(
            f"{path} must have the SHA-256 {sha256} that was recorded when it was saved. Received: {received}. "
            "Take the unchanged file, or train it again."
        )
    if path.suffix != ".keras":
        raise ModelFileError(
            f"A saved model must be a file in Keras's own format. Received: {path}. Save it as {path.stem}.keras."
        )
    try:
        model = keras.saving.load_model(path, safe_mode=True, compile=False)
    except Exception as error:  # Keras raises whatever the parts of a damaged file lead to
        raise ModelFileError(
            f"{path} must be a model that Keras can read. Received: {type(error).__name__}: {error}. Name another file."
        ) from error
    if [each.name for each in model.inputs] != [_INPUT_OF_A_FILE]:
        raise ModelFileError(
            f"{path} must be a model that a search saved, of images from 0 to 255. Received: a model with another "
            "input, as versions before 2026-11-26 saved it. Load it with keras.saving.load_model and divide the images "
            "by 255 yourself, or train it again."
        )
    return model


def _layers(network: Network, policy: keras.DTypePolicy, made: Layers) -> Iterator[keras.layers.Layer]:
    """The layers of a network, each with the precision of `policy` unless it names its own."""
    for layer in network.layers:
        built = (made.get(layer.kind) or getattr(keras.layers, layer.kind))(**{"dtype": policy, **layer.arguments})
        yield _joined(layer.branches, built, policy, made) if layer.branches else built


def _joined(
    branches: Sequence[Network], joining: keras.layers.Layer, policy: keras.DTypePolicy, made: Layers
) -> keras.Model:
    """The branches and the layer that joins them, as one layer."""
    start = keras.Input(branches[0].entering)
    ends = []
    for branch in branches:
        end = start
        for layer in _layers(branch, policy, made):
            end = layer(end)
        ends.append(end)
    return keras.Model(start, joining(ends))
