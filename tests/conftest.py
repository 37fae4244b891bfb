"""Ten classes that a tiny network learns in seconds: a bright bar whose height says the class, on noise."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator

import numpy as np
import pytest

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split, TrainingSplits, split_by_index
from fashion_model.task import FASHION_MNIST

_TRAIN, _VALIDATION = 200, 60

# A shell's background job has SIGINT ignored, one of `nohup` SIGHUP, and so would every command that a test starts
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

os.environ.pop("RAY_ADDRESS", None)  # a cluster of the user's own is no test's

# Ray keeps in a folder of the machine which cluster is up there. Of two processes with tests each has its own.
if "PYTEST_XDIST_WORKER" in os.environ:
    _FOLDER = tempfile.TemporaryDirectory(
        prefix="r", dir="/tmp", ignore_cleanup_errors=True
    )  # short: sockets lie in it
    os.environ["RAY_TMPDIR"] = _FOLDER.name


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """A command that is called in this process changes its umask and what it does about signals."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    umask, hook = os.umask(0o022), sys.unraisablehook
    yield
    os.umask(umask)
    sys.unraisablehook = hook
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def tiny_splits() -> TrainingSplits:
    """200 synthetic images to train on and 60 to validate on, every class as often."""
    random = np.random.default_rng(0)
    labels = np.arange(_TRAIN + _VALIDATION, dtype=np.uint8) % FASHION_MNIST.classes
    images = random.integers(1, 64, (len(labels), *FASHION_MNIST.array_shape), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row = 4 + 2 * label
        image[row : row + 2, 4:18] += np.uint8(160)
    return split_by_index(Split(images, labels), np.arange(_TRAIN), np.arange(_TRAIN, len(labels)))


@pytest.fixture(scope="session")
def tiny_split(tiny_splits: TrainingSplits) -> Split:
    """The 200 synthetic training images."""
    return tiny_splits.train


@pytest.fixture(scope="session")
def tiny_config() -> TrainConfig:
    """A network that learns `tiny_splits` in a few epochs."""
    return TrainConfig(conv_blocks=1, base_filters=8, dense_units=32, batch_size=20, learning_rate=0.01)
