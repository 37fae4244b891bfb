"""A training that is spread over several devices is the training on one: logical CPUs stand in for the GPUs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_model.config import TrainConfig
from fashion_model.data.splits import TrainingSplits

from ...processes import python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Configurations, each trained on one device and on several: as many for all, since TensorFlow's groups of devices are
# for a process's life. argv: the images, how many devices, and [name, configuration] of each as JSON. Prints what they
# came to.
IN_A_PROCESS = """
import json, sys
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
devices = int(sys.argv[2])
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training.checkpoint import Snapshot
from fashion_model.training.devices import in_equal_parts, replicas, use_threads
from fashion_model.training.training import Budget, Training

use_threads(1)
data = np.load(sys.argv[1])
train, validation = (Split(data[f"arr_{first}"], data[f"arr_{first + 1}"]) for first in (0, 2))

def training(config, count):
    replicas.use([f"CPU:{index}" for index in range(count)])
    assert replicas.count == count
    return Training(config, train, Budget(epochs=3, seed=7))

def values(trained):
    return [np.array(value).astype(np.float64).ravel().tolist() for value in trained.model.get_weights()]

def told(trained):
    score = trained.evaluate(validation)
    return {
        "weights": values(trained),
        "losses": [[epoch.train_loss, epoch.validation_loss] for epoch in trained.result.epochs],
        "accuracies": [[epoch.train_accuracy, epoch.validation_accuracy] for epoch in trained.result.epochs],
        "probabilities": score.probabilities.tolist(),
        "steps": int(Snapshot.from_bytes(trained.state()).arrays["optimizer.0"]),
    }

ended = {}
for name, config in json.loads(sys.argv[3]):
    config = TrainConfig.from_dict(config)
    for count in (1, devices):
        run = training(config, count)
        states = [run.state() for _ in run.run(validation)]
        ended[f"{name} on {count}"] = told(run)
    # from the state after the first epoch on: on as many devices, and on one
    for count in (devices, 1):
        again = training(config, count)
        again.restore(states[0])
        for _ in again.run(validation):
            pass
        ended[f"{name} restored on {count}"] = told(again)
filled = [in_equal_parts(train.images[:size], train.labels[:size], devices) for size in (64, 8)]
ended[f"batches for {devices}"] = [[len(images), weights.numpy().tolist()] for images, labels, weights in filled]
print(json.dumps(ended))
"""

Told = dict[str, Any]


@pytest.fixture(scope="module")
def told(tiny_config: TrainConfig, tiny_splits: TrainingSplits, tmp_path_factory: pytest.TempPathFactory) -> Told:
    parts = (tiny_splits.train, tiny_splits.validation)
    images = tmp_path_factory.mktemp("replicas") / "images.npz"
    np.savez(images, *(array for part in parts for array in (part.images, part.labels)))
    sgd = replace(tiny_config, optimizer="sgd", momentum=0.9, learning_rate=0.02)
    busy = replace(sgd, batch_norm=True, use_ema=True, ema_momentum=0.9, label_smoothing=0.1, batch_size=40)
    uneven = replace(sgd, batch_size=33)  # on two, 17 and 16 images, and 1 and 1 of the last 2
    halves = {"even": replace(tiny_config, batch_size=40), "uneven": uneven, "busy": busy}
    thirds = {"thirds": replace(sgd, batch_size=50)}
    return in_a_process(images, 2, halves) | in_a_process(images, 3, thirds)


def in_a_process(images: Path, devices: int, configs: dict[str, TrainConfig]) -> Told:
    given = json.dumps([(name, config.to_dict()) for name, config in configs.items()])
    done = python("-c", IN_A_PROCESS, images, devices, given)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def require_close(one: Told, other: Told, weights: float, probabilities: float, losses: float) -> None:
    """As many steps, and values that differ by so much at most."""
    assert one["steps"] == other["steps"]
    for mine, theirs in zip(one["weights"], other["weights"], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=weights)
    np.testing.assert_allclose(one["probabilities"], other["probabilities"], atol=probabilities)
    np.testing.assert_allclose(one["losses"], other["losses"], atol=losses)


@pytest.mark.parametrize(("name", "devices"), [("even", 2), ("uneven", 2), ("thirds", 3), ("busy", 2)])
def test_a_batch_in_parts_makes_the_steps_that_a_whole_one_makes(told: Told, name: str, devices: int) -> None:
    """Of the training losses, the images that fill up the last batch count too: 3e-3 of 200."""
    one, several = told[f"{name} on 1"], told[f"{name} on {devices}"]
    assert one["losses"][-1][1] < one["losses"][0][1], "it learned something"
    require_close(one, several, 2e-5, 1e-4, 1e-2)
    np.testing.assert_allclose(one["accuracies"], several["accuracies"], atol=1e-2)


@pytest.mark.parametrize(("name", "devices"), [("even", 2), ("uneven", 2), ("thirds", 3), ("busy", 2)])
def test_a_state_goes_on_on_as_many_devices_and_on_one(told: Told, name: str, devices: int) -> None:
    whole = told[f"{name} on {devices}"]
    require_close(whole, told[f"{name} restored on {devices}"], 1e-6, 1e-5, 1e-5)
    require_close(whole, told[f"{name} restored on 1"], 2e-3, 2e-2, 2e-2)


def test_a_batch_that_the_devices_do_not_divide_is_filled_up_with_images_that_weigh_nothing(told: Told) -> None:
    """64 images for three devices: 66; and 8: 9."""
    assert [images for images, _ in told["batches for 3"]] == [66, 9]
    for (filled, weights), real in zip(told["batches for 3"], (64, 8), strict=True):
        assert weights == pytest.approx([filled / real] * real + [0.0] * (filled - real))
