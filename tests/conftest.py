"""Ten classes that a tiny network learns in seconds: a bright bar whose height says the class, on noise."""

import numpy as np
import pytest

import fashion_model.loading  # noqa: F401  # whichever test then loads TensorFlow first
from fashion_model.config import CLASS_NAMES, IMAGE_SIDE, TrainConfig
from fashion_model.data import Split, TrainingSplits, split_by_index

_TRAIN, _VALIDATION = 200, 60


@pytest.fixture(scope="session")
def tiny_splits() -> TrainingSplits:
    """200 synthetic images to train on and 60 to validate on, every class as often."""
    random = np.random.default_rng(0)
    labels = np.arange(_TRAIN + _VALIDATION, dtype=np.uint8) % len(CLASS_NAMES)
    images = random.integers(1, 64, (len(labels), IMAGE_SIDE, IMAGE_SIDE), dtype=np.uint8)
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
