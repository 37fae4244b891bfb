"""What differs without changing a shape is a value: trainings of one shape share what XLA has compiled."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training.epoch import same_program
from fashion_model.training.training import Budget, Training

from ...processes import python

# Trains by way of XLA on a CPU. Prints how many programs XLA had compiled after the first training, after 2 more seeds
# of it, and after 6 more trainings that differ in scalars; and the losses of one seed, first and last.
COMPILED = """
import json, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training.devices import Device, use_threads
from fashion_model.training.training import Budget, Training

use_threads(1)
random = np.random.default_rng(0)
split = Split(random.integers(0, 256, (50, 28, 28), dtype=np.uint8), (np.arange(50) % 10).astype(np.uint8))

def train(config, seed=0):
    results = list(Training(config, split, Budget(2, seed), Device(xla=True)).run(split))
    return [results[-1].train_loss, results[-1].validation_loss]

def compiled():
    return len(list(Path(sys.argv[1]).glob("*before_optimizations.txt")))

config = TrainConfig(
    conv_blocks=1, base_filters=2, dense_units=4, batch_size=20, optimizer="adamw", use_ema=True, ema_momentum=0.9,
    conv_dropout=0.1, dense_dropout=0.2, weight_decay=0.01, label_smoothing=0.1, augmentation="flip_shift",
)
losses, counts = [train(config)], [compiled()]
for seed in range(1, 3):
    losses.append(train(config, seed))
counts.append(compiled())
schedules = ("constant", "cosine", "one_cycle")
for trial in range(6):
    small = 0.01 * trial
    train(replace(
        config, learning_rate=0.001 + small, schedule=schedules[trial % 3], conv_dropout=0.05 + small,
        dense_dropout=0.5 - small, weight_decay=0.001 + small, ema_momentum=0.9 + small / 10,
        label_smoothing=0.0 if trial % 2 else 0.05 + small,
    ))
counts.append(compiled())
print(json.dumps({"counts": counts, "losses": losses, "again": train(config)}))
"""


def test_only_the_first_epoch_of_a_shape_spends_time_on_its_program(tiny_split: Split) -> None:
    config = TrainConfig(conv_blocks=1, base_filters=3, dense_units=5, batch_size=50)
    first, second = list(Training(config, tiny_split, Budget(2, 0)).run(None))
    assert 0 < first.compile_seconds < first.train_seconds
    assert second.compile_seconds == 0
    (other,) = Training(replace(config, learning_rate=0.01), tiny_split, Budget(1, 1)).run(None)
    assert other.compile_seconds == 0


@pytest.mark.slow
def test_seeds_compile_once_and_trials_that_differ_in_scalars_at_most_twice(tmp_path: Path) -> None:
    done = python("-c", COMPILED, tmp_path, XLA_FLAGS=f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    first, seeds, scalars = told["counts"]
    assert first == 1  # the steps of the full batches; the short one and the prediction do without XLA
    assert seeds == first
    assert scalars <= 2 * first
    assert len({tuple(losses) for losses in told["losses"]}) == 3, "each seed is another training"
    assert told["again"] == told["losses"][0], "and the same one after all others"


def test_zero_and_not_zero_are_two_programs_and_shapes_are_others() -> None:
    config = TrainConfig(conv_dropout=0.1, learning_rate=0.01, schedule="cosine", warmup_fraction=0.1)
    assert same_program(config) == same_program(TrainConfig(conv_dropout=0.3))
    others = [
        TrainConfig(),
        TrainConfig(conv_dropout=0.3, dense_dropout=0.1),
        TrainConfig(conv_dropout=0.1, dense_units=64),
    ]
    assert same_program(config) not in [same_program(other) for other in others]
