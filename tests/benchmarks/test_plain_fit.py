"""The training that the other contenders do can train every kind of point of the space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

import pytest

from benchmarks.contenders.plain_fit import arrays, fit, network
from benchmarks.jobs import Job
from fashion_model.config import Augmentation, TrainConfig
from fashion_model.data.splits import TrainingSplits

pytestmark = pytest.mark.slow  # ten networks


@pytest.fixture
def tiny_job(tiny_splits: TrainingSplits) -> Job:
    @dataclass(frozen=True, slots=True)
    class Tiny(Job):
        def splits(self) -> TrainingSplits:
            return tiny_splits

    return Tiny("tiny", configs=1, epochs=2, images=len(tiny_splits.train))


@pytest.mark.parametrize("augmentation", get_args(Augmentation))
def test_augmentation_is_layers_without_weights_that_prediction_passes_by(
    augmentation: Any, tiny_config: TrainConfig, tiny_job: Job
) -> None:
    config = replace(tiny_config, augmentation=augmentation)
    x, *_ = arrays(tiny_job)
    model = network(config, tiny_job, len(x))
    plain = network(tiny_config, tiny_job, len(x))
    assert model.count_params() == plain.count_params()
    assert (len(model.layers) > len(plain.layers)) == (augmentation != "none")
    again = [model.predict(x[:8], verbose=0).tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_smoothed_labels_and_averaged_weights_are_trained_and_validated(
    tiny_config: TrainConfig, tiny_job: Job
) -> None:
    config = replace(tiny_config, label_smoothing=0.1, use_ema=True, ema_momentum=0.9)
    seconds, accuracy = fit(config, tiny_job, arrays(tiny_job))
    assert seconds > 0
    assert 0 <= accuracy <= 1
