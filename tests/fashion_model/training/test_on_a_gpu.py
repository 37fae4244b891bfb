"""Trainings on a real GPU: `pytest -m gpu`. Each has a process of its own: TensorFlow divides a GPU only once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fashion_model.training.devices import total_mib

ROOT = Path(__file__).resolve().parents[3]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(total_mib() is None, reason="needs a GPU that nvidia-smi knows"),
]

BEGIN = """
import numpy as np
import tensorflow as tf
from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training import devices
from fashion_model.training.devices import Device
from fashion_model.training.training import Budget, Training

def split(count=1_010, seed=0):
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = random.integers(0, 64, (count, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels):
        image[4 + 2 * label : 6 + 2 * label, 4:18] += np.uint8(160)
    return Split(images, labels)

def losses(device=None, epochs=2, config=REFERENCE):
    results = list(Training(config, split(), Budget(epochs, 7), device).run(split(300, 1)))
    return [(result.train_loss, result.validation_loss) for result in results]
"""

ON_THE_CARD = """
assert devices.prepare_device().xla
compiled = losses()
with tf.device("CPU:0"):
    plain = losses(Device())
np.testing.assert_allclose(compiled, plain, rtol=0.05)
assert compiled[1][1] < compiled[0][1] < 2.3
"""

IN_BLOCKS = """
devices.prepare_device()
tf.config.experimental.enable_op_determinism()
whole, blocks = losses(Device(xla=True)), losses(Device(xla=True, data_bytes=2 * 320 * 28 * 28))
np.testing.assert_allclose(blocks, whole, rtol=1e-3)
"""

OUT_OF_MEMORY = """
gpu = tf.config.list_physical_devices("GPU")[0]
tf.config.set_logical_device_configuration(gpu, [tf.config.LogicalDeviceConfiguration(memory_limit=1024)])
huge = TrainConfig(base_filters=512, batch_size=1000, padding="same")
from search.worker.faults import Cause, fault_of
try:
    losses(config=huge)
except Exception as error:
    assert fault_of(error).cause is Cause.DEVICE_MEMORY, repr(error)
else:
    raise AssertionError("512 feature maps of 1,000 images take 1.6 GB")
assert losses()[1][1] < 2.3
"""

TWO_DEVICES = """
gpu = tf.config.list_physical_devices("GPU")[0]
half = tf.config.LogicalDeviceConfiguration(memory_limit=4096)
tf.config.set_logical_device_configuration(gpu, [half, half])
alone = losses()
devices.replicas.use()
assert devices.replicas.count == 2
np.testing.assert_allclose(losses(), alone, rtol=0.05)
"""

TOGETHER = """
devices.share_gpu(0.25)
assert losses(epochs=5)[-1][1] < 2.3
"""


def started(code: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BEGIN + code]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(ON_THE_CARD, id="the compiled epoch learns what the plain one does"),
        pytest.param(IN_BLOCKS, id="images in blocks train as images on the card"),
        pytest.param(OUT_OF_MEMORY, id="out of memory is one trial's failure, and the next one trains"),
        pytest.param(TWO_DEVICES, id="two devices train as one"),
    ],
)
def test_on_one_gpu(code: str) -> None:
    process = started(code)
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors


def test_two_trials_share_a_card() -> None:
    both = [started(TOGETHER) for _ in range(2)]
    ended = [process.communicate(timeout=200)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
