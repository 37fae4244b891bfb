"""The network that a TrainConfig describes for the images of a task: its layers in their order, and what they cost.

A layer is named as Keras names it, so model.py can build the network from this description, while whoever draws
configurations knows what they cost without loading Keras.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fashion_model.config import ConfigError, TrainConfig
from fashion_model.task import Task

# Keras's own 0.99 still holds 14% of the initial statistics after the 196 batches that an epoch of 256 has, and a good
# network looks bad: 0.44 validation accuracy after epoch 1, where 0.9 gives 0.86 (docs/log.md).
_NORM_MOMENTUM: Final = 0.9


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of `keras.layers`: the name of its class, its arguments, and what it costs: parameters as Keras
    counts them, and multiply-adds of one image's forward pass.

    A layer that joins branches, such as Add or Multiply, costs what they cost. All branches start from the feature map
    that enters the layer; one without layers is the feature map itself.
    """

    kind: str
    arguments: Mapping[str, Any]
    parameters: int = 0
    multiply_adds: int = 0
    branches: tuple[Network, ...] = ()


class Network:
    """Layers one after another. `entering` and `shape` are the shapes of one image before the first layer and after the
    last one: (height, width, channels), or (units,) once it is flat."""

    def __init__(self, entering: tuple[int, ...]) -> None:
        self.entering = self.shape = entering
        self.layers: list[Layer] = []

    @property
    def parameters(self) -> int:
        """Parameters as Keras counts them: weights, offsets, and the statistics of normalization."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of one image's forward pass through convolutions and dense layers."""
        return sum(layer.multiply_adds for layer in self.layers)

    def add(self, kind: str, **arguments: Any) -> None:
        """A layer that leaves the shape as it is and costs next to nothing."""
        self.layers.append(Layer(kind, arguments))

    def convolution(self, filters: int, kernel_size: int, padding: str, **arguments: Any) -> None:
        """A convolution of stride 1."""
        height, width, channels = self.shape
        lost = 0 if padding == "same" else kernel_size - 1
        self.shape = (height - lost, width - lost, filters)
        weights = kernel_size**2 * channels * filters
        arguments |= {"filters": filters, "kernel_size": (kernel_size, kernel_size), "padding": padding}
        parameters = weights + filters * arguments.get("use_bias", True)
        self.layers.append(Layer("Conv2D", arguments, parameters, weights * (height - lost) * (width - lost)))

    def pooling(self, kind: str) -> None:
        """A pooling of 2×2 pixels; the last row or column of an odd number is left out."""
        height, width, channels = self.shape
        self.shape = (height // 2, width // 2, channels)
        self.add(kind, pool_size=(2, 2))

    def flatten(self) -> None:
        """One row of all numbers."""
        self.shape = (math.prod(self.shape),)
        self.add("Flatten")

    def global_average(self, *, keepdims: bool = False) -> None:
        """Each channel's mean; with `keepdims` as a feature map of one pixel."""
        self.shape = (1, 1, self.shape[-1]) if keepdims else self.shape[-1:]
        self.add("GlobalAveragePooling2D", keepdims=keepdims)

    def dense(self, units: int, **arguments: Any) -> None:
        """A dense layer, of each pixel where there are several."""
        *pixels, inputs = self.shape
        self.shape = (*pixels, units)
        arguments["units"] = units
        self.layers.append(Layer("Dense", arguments, (inputs + 1) * units, math.prod(pixels) * inputs * units))

    def normalization(self, momentum: float) -> None:
        """Batch normalization: of each channel a factor, an offset, a mean and a variance."""
        self.layers.append(Layer("BatchNormalization", {"momentum": momentum}, 4 * self.shape[-1]))

    def dropout(self, rate: float) -> None:
        """A dropout layer, none where the rate is 0."""
        if rate:
            self.add("Dropout", rate=rate)

    def merge(self, kind: str, *branches: Network) -> None:
        """A layer that joins branches, which began with this network's `shape`. The first one gives the new `shape`."""
        parameters = sum(branch.parameters for branch in branches)
        multiply_adds = sum(branch.multiply_adds for branch in branches)
        self.layers.append(Layer(kind, {}, parameters, multiply_adds, branches))
        self.shape = branches[0].shape


def network_of(config: TrainConfig, task: Task) -> Network:
    """The network from the images of `task`, scaled to [0, 1], to the probabilities of its classes.

    Raises:
        ConfigError: when a convolution or pooling would leave no pixel of such an image.
    """
    network = Network(task.image_shape)
    for block, filters in enumerate(config.block_filters(), start=1):
        _block(network, config, filters)
        if min(network.shape) < 1:
            raise ConfigError(_vanishes(config, task, block))
    if config.head == "flatten":
        network.flatten()
    else:
        network.global_average()
    for _ in range(config.dense_layers):
        network.dense(config.dense_units, activation=config.activation)
        network.dropout(config.dense_dropout)
    # float32 even under mixed precision, as Keras's guide asks: a 16-bit softmax loses the small probabilities
    network.dense(task.classes, activation="softmax", dtype="float32")
    return network


def _block(network: Network, config: TrainConfig, filters: int) -> None:
    convolutions = Network(network.shape) if config.residual else network
    for number in range(1, config.convs_per_block + 1):
        is_activated = number < config.convs_per_block or not config.residual
        _convolution(convolutions, config, filters, config.activation if is_activated else None)
    if config.residual:
        shortcut = Network(network.shape)
        if network.shape[-1] != filters:
            shortcut.convolution(filters, 1, "valid", use_bias=False)
        network.merge("Add", convolutions, shortcut)
        network.add("Activation", activation=config.activation)
    network.pooling("MaxPooling2D" if config.pooling == "max" else "AveragePooling2D")
    network.dropout(config.conv_dropout)


def _convolution(network: Network, config: TrainConfig, filters: int, activation: str | None) -> None:
    if not config.batch_norm:
        network.convolution(filters, config.kernel_size, config.padding, activation=activation)
        return
    # normalization brings its own offset, so the convolution needs no bias
    network.convolution(filters, config.kernel_size, config.padding, use_bias=False)
    network.normalization(_NORM_MOMENTUM)
    if activation:
        network.add("Activation", activation=activation)


def _vanishes(config: TrainConfig, task: Task, block: int) -> str:
    height, width, _ = task.image_shape
    return (
        f"The feature map must keep at least one pixel, but vanishes in block {block} of {config.conv_blocks}. "
        f"Received: images of {height}×{width} pixels, padding={config.padding!r}, kernel_size={config.kernel_size}, "
        f"convs_per_block={config.convs_per_block}. Use padding='same', fewer blocks or a smaller kernel."
    )
