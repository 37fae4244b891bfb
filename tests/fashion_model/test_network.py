"""What a network is made of and costs, for the images of any task, and that one without a pixel left is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fashion_model.config import REFERENCE, ConfigError, TrainConfig
from fashion_model.network import Network, network_of
from fashion_model.task import FASHION_MNIST, Task

WIDE = replace(FASHION_MNIST, class_names=("a", "b", "c"), image_shape=(20, 30, 3))

VANISHING = [
    ({"conv_blocks": 4}, 4, 4),  # 28 → 26, 13 → 11, 5 → 3, 1 → −1
    ({"conv_blocks": 3, "kernel_size": 5}, 3, 3),  # 28 → 24, 12 → 8, 4 → 0
    ({"conv_blocks": 2, "kernel_size": 7, "convs_per_block": 3}, 2, 2),  # 28 → 10, 5 → −1
]


def convolutions(network: Network) -> list[tuple[int, int, int, int]]:
    """(pixels of the output, kernel side, input channels, output channels) of each convolution, first to last."""
    found = []
    for layer in network.layers:
        if layer.branches:
            found += [shape for branch in layer.branches for shape in convolutions(branch)]
        elif layer.kind == "Conv2D":
            filters, (kernel, _) = layer.arguments["filters"], layer.arguments["kernel_size"]
            weights = layer.parameters - filters * layer.arguments.get("use_bias", True)
            found.append((layer.multiply_adds // weights, kernel, weights // kernel**2 // filters, filters))
    return found


def test_the_reference_costs_what_the_document_implies() -> None:
    network = network_of(REFERENCE, FASHION_MNIST)
    # side² · kernel² · in · out of each convolution, in · out of each dense layer
    assert network.multiply_adds == 26**2 * 9 * 1 * 32 + 11**2 * 9 * 32 * 64 + 1600 * 128 + 128 * 10 == 2_631_040
    assert network.parameters == 225_034


def test_the_cost_follows_the_images_height_width_channels_and_classes() -> None:
    # 20×30 → 18×28 → 9×14 → 7×12 → 3×6
    network = network_of(REFERENCE, WIDE)
    weights = 9 * 3 * 32 + 9 * 32 * 64 + 3 * 6 * 64 * 128 + 128 * 3
    assert network.parameters == weights + 32 + 64 + 128 + 3
    assert network.multiply_adds == 18 * 28 * 9 * 3 * 32 + 7 * 12 * 9 * 32 * 64 + 3 * 6 * 64 * 128 + 128 * 3
    assert network.shape == (3,)


def test_convolutions_follow_padding_pooling_and_growth() -> None:
    assert convolutions(network_of(REFERENCE, FASHION_MNIST)) == [(26**2, 3, 1, 32), (11**2, 3, 32, 64)]
    deep = network_of(
        TrainConfig(conv_blocks=3, convs_per_block=2, base_filters=10, filter_growth=1.5, padding="same"), FASHION_MNIST
    )
    first, second, third = 28**2, 14**2, 7**2
    assert convolutions(deep) == [
        (first, 3, 1, 10),
        (first, 3, 10, 10),
        (second, 3, 10, 15),
        (second, 3, 15, 15),
        (third, 3, 15, 22),
        (third, 3, 22, 22),
    ]
    weights = 9 * (10 + 100 + 150 + 225 + 330 + 484) + 3 * 3 * 22 * 128 + 1280
    assert deep.parameters == weights + 2 * (10 + 15 + 22) + 128 + 10


def test_a_residual_block_adds_a_convolution_of_one_pixel_where_the_channels_change() -> None:
    residual = TrainConfig(convs_per_block=2, base_filters=16, filter_growth=1.0, padding="same", residual=True)
    first, second = 28**2, 14**2
    expected = [(first, 3, 1, 16), (first, 3, 16, 16), (first, 1, 1, 16), (second, 3, 16, 16), (second, 3, 16, 16)]
    network = network_of(residual, FASHION_MNIST)
    assert convolutions(network) == expected
    assert (
        sum(pixels * kernel**2 * inputs * outputs for pixels, kernel, inputs, outputs in expected)
        + (7 * 7 * 16 * 128 + 1280)
        == network.multiply_adds
    )


def test_a_global_average_leaves_one_number_a_channel() -> None:
    pooled = TrainConfig(head="global_average", dense_layers=0, dense_units=0)
    assert network_of(pooled, FASHION_MNIST).parameters == 9 * (32 + 32 * 64) + 64 * 10 + 32 + 64 + 10


def test_branches_cost_what_their_layers_cost() -> None:
    """A branch that weighs the channels, as squeeze-and-excitation does."""
    network, weigh = Network((7, 7, 16)), Network((7, 7, 16))
    weigh.global_average(keepdims=True)
    weigh.dense(4, activation="relu")
    weigh.dense(16, activation="sigmoid")
    assert weigh.shape == (1, 1, 16)
    network.merge("Multiply", Network((7, 7, 16)), weigh)
    assert (network.shape, network.parameters, network.multiply_adds) == ((7, 7, 16), 148, 128)
    assert [layer.kind for layer in weigh.layers] == [
        "GlobalAveragePooling2D",
        "Dense",
        "Dense",
    ]


@pytest.mark.parametrize(("changes", "block", "blocks"), VANISHING)
def test_a_feature_map_that_vanishes_is_refused(changes: dict[str, Any], block: int, blocks: int) -> None:
    with pytest.raises(ConfigError) as refused:
        network_of(TrainConfig(**changes), FASHION_MNIST)
    message = str(refused.value)
    assert f"must keep at least one pixel, but vanishes in block {block} of {blocks}." in message
    kernel = changes.get("kernel_size", 3)
    assert f"Received: images of 28×28 pixels, padding='valid', kernel_size={kernel}" in message
    assert message.endswith("Use padding='same', fewer blocks or a smaller kernel.")
    assert network_of(TrainConfig(**changes, padding="same"), FASHION_MNIST).parameters  # the first remedy works


@pytest.mark.parametrize(("side", "fits"), [(9, False), (10, True), (28, True)])
def test_whether_a_network_fits_depends_on_the_shorter_side(side: int, fits: bool) -> None:
    for shape in ((side, 40, 1), (40, side, 1)):
        task: Task = replace(FASHION_MNIST, image_shape=shape)
        if fits:
            assert network_of(REFERENCE, task).parameters
        else:
            with pytest.raises(ConfigError, match=r"vanishes in block 2 of 2\. Received: images of "):
                network_of(REFERENCE, task)
