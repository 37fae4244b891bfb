"""What the outcome says of the images."""

from __future__ import annotations

import numpy as np

from fashion_model.data.splits import Split, split_by_index
from search.stages.data import Data

from .conftest import InMemory


def test_images_that_equal_one_that_is_trained_on_are_counted() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.integers(0, 256, (30, 28, 28), dtype=np.uint8), rng.integers(0, 256, (8, 28, 28), dtype=np.uint8)
    train[25:27] = train[3]  # two validation images equal one to train on
    test[0], test[1], test[2] = train[7], train[28], train[3]
    source = InMemory(Split(train, np.zeros(30, np.uint8)), Split(test, np.zeros(8, np.uint8)))
    data = Data(source, split_by_index(source.training, np.arange(24), np.arange(24, 30)))
    record = data.record(np.zeros(8, np.uint8), test)
    assert (record.train_count, record.validation_count, record.test_count) == (24, 6, 8)
    assert (record.repeated_validation, record.repeated_test) == (2, 3)
