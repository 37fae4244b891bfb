"""A training that goes on from a state, in the same process or in another, ends with the same bits."""

import json
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.config import TrainConfig
from fashion_model.data.splits import TrainingSplits
from fashion_model.training.checkpoint import CheckpointError, Snapshot
from fashion_model.training.devices import Device
from fashion_model.training.result import EpochResult
from fashion_model.training.training import Budget, Training

from ...processes import python

BUDGET = Budget(epochs=3, seed=7)

# Each keeps something else between two batches: slots, averages, statistics, a loss scale, the step of a schedule
KINDS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.02},
    "adam": {"schedule": "one_cycle", "dense_dropout": 0.2},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.01, "batch_norm": True, "schedule": "one_cycle"},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.003, "conv_dropout": 0.2, "augmentation": "flip_shift"},
    "sgd, averaged": {"optimizer": "sgd", "momentum": 0.5, "use_ema": True, "ema_momentum": 0.9, "batch_norm": True},
    "float16": {"precision": "mixed_float16", "use_ema": True, "ema_momentum": 0.8, "label_smoothing": 0.1},
}
BUSY: dict[str, Any] = {
    "use_ema": True,
    "ema_momentum": 0.9,
    "conv_dropout": 0.1,
    "dense_dropout": 0.1,
    "batch_norm": True,
    "augmentation": "flip_shift",
    "schedule": "one_cycle",
}

# One training in a process of its own. argv: the data, the configuration as JSON, the folder for states, and the epoch
# after which the process is killed before its state is on disk (0: never)
IN_A_PROCESS = """
import hashlib, json, os, signal, sys
from dataclasses import asdict
from pathlib import Path
import numpy as np
import tensorflow as tf
from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training.devices import use_threads
from fashion_model.training.training import Budget, Training

use_threads(1)
tf.config.experimental.enable_op_determinism()
data = np.load(sys.argv[1])
parts = [Split(data[f"arr_{first}"], data[f"arr_{first + 1}"]) for first in (0, 2)]
folder, trained = Path(sys.argv[3]), []
training = Training(TrainConfig.from_dict(json.loads(sys.argv[2])), parts[0], Budget(epochs=4, seed=7))
if newest := max(folder.glob("*.state"), default=None):
    training.restore(newest.read_bytes())
for result in training.run(parts[1]):
    trained.append(result.epoch)
    if result.epoch == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    if result.epoch < 4:
        (folder / f"{result.epoch}.state").write_bytes(training.state())
every = [np.asarray(variable.numpy()) for variable in training.model.variables]
print(json.dumps({
    "trained": trained,
    "sha256": hashlib.sha256(b"".join(value.tobytes() for value in every)).hexdigest(),
    "epochs": [{n: v for n, v in asdict(e).items() if "seconds" not in n} for e in training.result.epochs],
}))
"""

Values = list[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Ended:
    """A training at its end, and the state after each of its epochs but the last."""

    training: Training
    values: Values
    states: list[bytes]


def values_of(training: Training) -> Values:
    """Every variable: weights, statistics, generators of random numbers, and all that the optimizer keeps; and those of
    the network that is handed back."""
    handed_back = (np.array(variable.numpy()) for variable in training.model.variables)
    return [*Snapshot.from_bytes(training.state()).arrays.values(), *handed_back]


def same(one: Values, other: Values) -> bool:
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def without_seconds(results: tuple[EpochResult, ...]) -> list[EpochResult]:
    return [replace(result, train_seconds=0.0, validation_seconds=0.0, compile_seconds=0.0) for result in results]


def to_the_end(training: Training, splits: TrainingSplits, *, saving: bool = False) -> Ended:
    states = [training.state() for _ in training.run(splits.validation) if saving]
    return Ended(training, values_of(training), states[:-1])


@pytest.fixture(scope="module")
def config(tiny_config: TrainConfig) -> TrainConfig:
    """Everything that could be forgotten is on."""
    return replace(tiny_config, **BUSY)


@pytest.fixture(scope="module")
def whole(config: TrainConfig, tiny_splits: TrainingSplits) -> Ended:
    """Uninterrupted, and never asked for a state."""
    return to_the_end(Training(config, tiny_splits.train, BUDGET), tiny_splits)


@pytest.fixture(scope="module")
def saving(config: TrainConfig, tiny_splits: TrainingSplits) -> Ended:
    """The same, with its state taken after each epoch."""
    return to_the_end(Training(config, tiny_splits.train, BUDGET), tiny_splits, saving=True)


def test_taking_states_changes_nothing(whole: Ended, saving: Ended) -> None:
    assert same(whole.values, saving.values)
    assert without_seconds(whole.training.result.epochs) == without_seconds(saving.training.result.epochs)


def test_a_fresh_training_goes_on_from_a_state_with_the_same_bits(
    whole: Ended, saving: Ended, config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    fresh = Training(config, tiny_splits.train, BUDGET)
    fresh.restore(saving.states[1])
    assert fresh.result.epochs == saving.training.result.epochs[:2]
    assert [result.epoch for result in fresh.run(tiny_splits.validation)] == [3]
    assert same(values_of(fresh), whole.values)
    assert without_seconds(fresh.result.epochs) == without_seconds(whole.training.result.epochs)


def test_a_state_after_the_last_epoch_leaves_nothing_to_train(
    saving: Ended, whole: Ended, config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    fresh = Training(config, tiny_splits.train, BUDGET)
    fresh.restore(saving.training.state())
    assert list(fresh.run(tiny_splits.validation)) == []
    assert fresh.result.epochs == saving.training.result.epochs
    assert same(values_of(fresh), whole.values)


@pytest.mark.slow
def test_states_that_were_refused_leave_a_training_as_good_as_new(
    saving: Ended, whole: Ended, config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    training, state = Training(config, tiny_splits.train, BUDGET), saving.states[0]
    of_another, lacking = Snapshot.from_bytes(state), Snapshot.from_bytes(state)
    lacking.arrays.pop(max(lacking.arrays))  # the last that is checked
    for unusable in (
        b"",
        state[:-1],
        replace(of_another, identity={**of_another.identity, "seed": 8}).to_bytes(),
        lacking.to_bytes(),
    ):
        with pytest.raises(CheckpointError):
            training.restore(unusable)
    assert training.result.epochs == ()
    assert same(to_the_end(training, tiny_splits).values, whole.values)
    assert without_seconds(training.result.epochs) == without_seconds(whole.training.result.epochs)


def test_the_seconds_up_to_the_state_are_counted_once(
    saving: Ended, config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    before = replace(Snapshot.from_bytes(saving.states[0]), seconds=1000.0, cpu_seconds=2000.0).to_bytes()
    training = Training(config, tiny_splits.train, BUDGET)
    assert 0 < training.result.seconds < 100
    for _ in range(2):
        training.restore(before)
    assert 1000 < training.result.seconds < 1100
    assert 2000 < training.result.cpu_seconds < 2100
    after = Snapshot.from_bytes(training.state())
    assert 1000 < after.seconds <= training.result.seconds
    assert 2000 < after.cpu_seconds <= training.result.cpu_seconds


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_training_of_each_kind_ends_with_the_same_bits(
    kind: str, tiny_config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    config = replace(tiny_config, **KINDS[kind])
    whole = to_the_end(Training(config, tiny_splits.train, BUDGET), tiny_splits)
    interrupted = Training(config, tiny_splits.train, BUDGET)
    next(interrupted.run(tiny_splits.validation))
    resumed = Training(config, tiny_splits.train, BUDGET)
    resumed.restore(interrupted.state())
    assert same(to_the_end(resumed, tiny_splits).values, whole.values)
    assert without_seconds(resumed.result.epochs) == without_seconds(whole.training.result.epochs)


@pytest.mark.slow
def test_a_killed_process_is_gone_on_from_by_another_with_the_same_bits(
    config: TrainConfig, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    arrays = [part for split in (tiny_splits.train, tiny_splits.validation) for part in (split.images, split.labels)]
    np.savez(tmp_path / "data.npz", *arrays)

    def process(folder: str, kill_after: int) -> subprocess.CompletedProcess[str]:
        (tmp_path / folder).mkdir(exist_ok=True)
        given = json.dumps(config.to_dict())
        return python("-c", IN_A_PROCESS, tmp_path / "data.npz", given, tmp_path / folder, kill_after)

    killed = process("interrupted", 3)  # epoch 3 is trained, but only epoch 2 is on disk
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "")
    assert sorted(path.name for path in (tmp_path / "interrupted").iterdir()) == ["1.state", "2.state"]
    resumed, whole = json.loads(process("interrupted", 0).stdout), json.loads(process("whole", 0).stdout)
    assert (resumed.pop("trained"), whole.pop("trained")) == ([3, 4], [1, 2, 3, 4])
    assert resumed == whole


def test_a_training_whose_images_come_in_blocks_ends_with_the_same_bits(
    whole: Ended, config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    """200 images in blocks of 60 at most, in batches of 20."""
    blocks = Device(data_bytes=2 * 60 * 28 * 28)
    in_blocks = to_the_end(Training(config, tiny_splits.train, BUDGET, blocks), tiny_splits)
    assert same(in_blocks.values, whole.values)
    assert without_seconds(in_blocks.training.result.epochs) == without_seconds(whole.training.result.epochs)
