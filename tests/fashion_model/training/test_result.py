"""The records of a training are plain: readable without Keras, frozen, and equal by value."""

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from fashion_model.training.result import EpochResult, TrainResult

ROOT = Path(__file__).resolve().parents[3]

EPOCH = EpochResult(
    epoch=1,
    train_loss=0.5,
    train_accuracy=0.8,
    validation_loss=None,
    validation_accuracy=None,
    train_seconds=1.0,
    validation_seconds=0.0,
)
RESULT = TrainResult(seed=0, epochs=(EPOCH,), parameters=225_034, seconds=1.5, cpu_seconds=1.4)


def test_records_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        EPOCH.epoch = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        RESULT.seed = 1  # type: ignore[misc]


def test_records_are_equal_by_value() -> None:
    assert replace(RESULT, epochs=(replace(EPOCH),)) == RESULT
    assert replace(RESULT, epochs=(replace(EPOCH, train_loss=0.6),)) != RESULT


@pytest.mark.parametrize(
    "module", ["config", "network", "training.result", "data.splits", "data.published", "data.own_file"]
)
def test_all_but_building_and_training_needs_no_keras(module: str) -> None:
    code = f"import sys, fashion_model.{module}; print(sorted({{'keras', 'tensorflow', 'sklearn'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
