"""Whatever is not a state of this very training is refused, with rule, value and remedy."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training.checkpoint import CheckpointError, Snapshot
from fashion_model.training.result import EpochResult
from fashion_model.training.training import Budget, Training

BUDGET = Budget(epochs=3, seed=7)


@pytest.fixture(scope="module")
def config(tiny_config: TrainConfig) -> TrainConfig:
    """With weights, statistics, generators of random numbers, slots and averages to keep."""
    return replace(tiny_config, use_ema=True, ema_momentum=0.9, conv_dropout=0.1, dense_dropout=0.1, batch_norm=True)


@pytest.fixture(scope="module")
def after_one(config: TrainConfig, tiny_split: Split) -> Training:
    training = Training(config, tiny_split, BUDGET)
    next(training.run(None))
    return training


@pytest.fixture(scope="module")
def state(after_one: Training) -> bytes:
    return after_one.state()


def test_a_state_holds_the_exact_values_of_every_kind(after_one: Training, state: bytes) -> None:
    arrays = Snapshot.from_bytes(state).arrays
    trained = len(after_one.model.trainable_variables)
    # Adam keeps two of each and how many steps and how fast, averaging one; two rates of dropout, the smoothing, the
    # averages' momentum
    assert len(arrays) == len(after_one.model.variables) + (2 + 2 * trained + trained) + 4
    seeds = [array for array in arrays.values() if array.shape == (2,) and array.dtype == np.int64]
    assert [int(drawn) for _, drawn in seeds] == [10, 10]  # two dropouts, one draw for each of the 10 batches
    assert arrays["optimizer.0"].dtype == np.int64
    assert int(arrays["optimizer.0"]) == 10


def test_not_a_number_survives() -> None:
    result = EpochResult(
        epoch=1,
        train_loss=float("nan"),
        train_accuracy=0.1,
        validation_loss=float("inf"),
        validation_accuracy=None,
        train_seconds=0.1,
        validation_seconds=1e-300,
    )
    snapshot = Snapshot(identity={}, results=(result,), seconds=0.1, cpu_seconds=1 / 3, arrays={})
    again = Snapshot.from_bytes(snapshot.to_bytes())
    assert repr(again.results) == repr(snapshot.results)
    assert (again.seconds, again.cpu_seconds) == (0.1, 1 / 3)


def resealed(content: bytes) -> bytes:
    """With a SHA-256 that fits."""
    return hashlib.sha256(content).digest() + content


def flipped(state: bytes, position: int) -> bytes:
    return state[:position] + bytes([state[position] ^ 1]) + state[position + 1 :]


def with_arrays(state: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    snapshot = Snapshot.from_bytes(state)
    change(snapshot.arrays)
    return snapshot.to_bytes()


def with_meta(state: bytes, **changes: object) -> bytes:
    with np.load(io.BytesIO(state[32:])) as file:
        members = dict(file)
    meta = json.loads(members.pop("meta").tobytes()) | changes
    target = io.BytesIO()
    np.savez(target, allow_pickle=False, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **members)
    return resealed(target.getvalue())


def pickled() -> bytes:
    target = io.BytesIO()
    np.savez(target, meta=np.array([{"a": 1}], dtype=object))
    return resealed(target.getvalue())


def lone_array() -> bytes:
    target = io.BytesIO()
    np.save(target, np.zeros(3))
    return target.getvalue()


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda state: b"", "SHA-256 of the rest.*0 bytes"),
    "one byte short": (lambda state: state[:-1], "SHA-256 of the rest"),
    "no archive": (lambda state: resealed(b"x" * 100), r"\.npz file.*Received: ValueError"),
    "nothing, sealed": (lambda state: resealed(b""), r"\.npz file.*Received: EOFError"),
    "a lone array": (lambda state: resealed(lone_array()), r"\.npz file"),
    "cut off, sealed": (lambda state: resealed(state[32:-100]), r"\.npz file.*Received: BadZipFile"),
    "a pickle": (lambda state: pickled(), r"\.npz file.*allow_pickle=False"),
    "another schema": (lambda state: with_meta(state, schema=1), r"\.npz file.*schema 1, not 2"),
    "no results": (lambda state: with_meta(state, results=None), r"\.npz file.*TypeError"),
    "other results": (lambda state: with_meta(state, results=[{"epoch": 1}]), r"\.npz file.*TypeError"),
}


OTHER: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a variable less": (lambda s: with_arrays(s, lambda a: a.pop("model.2")), r"model\.2 as float32.*Received: absent"),
    "one more": (lambda s: with_arrays(s, lambda a: a.update(x=a["model.2"])), "hold x as absent. Received: float32"),
    "another shape": (
        lambda s: with_arrays(s, lambda a: a.update({"model.0": a["model.0"].ravel()})),
        r"model\.0 as float32 \(3, 3, 1, 8\)\. Received: float32 \(72,\)",
    ),
    "another dtype": (
        lambda s: with_arrays(s, lambda a: a.update({"model.0": a["model.0"].astype(np.float64)})),
        r"model\.0 as float32.*Received: float64",
    ),
}


@pytest.fixture(scope="module")
def refusing(config: TrainConfig, tiny_split: Split) -> Training:
    """Gets every unusable state."""
    return Training(config, tiny_split, BUDGET)


@pytest.mark.parametrize("damage", [*DAMAGED, *OTHER])
def test_a_damaged_state_is_refused(damage: str, state: bytes, refusing: Training) -> None:
    change, message = (DAMAGED | OTHER)[damage]
    with pytest.raises(CheckpointError, match=f"(?s)A state must.*{message}.*Discard it"):
        refusing.restore(change(state))
    assert refusing.result.epochs == ()


def test_no_flipped_bit_goes_unnoticed() -> None:
    arrays = {"model.0": np.arange(3)}
    state = Snapshot(identity={"seed": 1}, results=(), seconds=0.0, cpu_seconds=0.0, arrays=arrays).to_bytes()
    for position in range(len(state)):
        with pytest.raises(CheckpointError, match="SHA-256 of the rest"):
            Snapshot.from_bytes(flipped(state, position))


def changed(split: Split, part: str) -> Split:
    images, labels = split.images.copy(), split.labels.copy()
    if part:
        (labels if part == "labels" else images).flat[-1] ^= 1
    return Split(images[1:], labels[1:]) if part == "fewer" else Split(images, labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (({}, {"seed": 8}, ""), r"seed=7 \(here 8\)"),
        (({}, {"epochs": 4}, ""), r"epochs=3 \(here 4\)"),
        (({"learning_rate": 0.02}, {}, ""), r"learning_rate=0\.01 \(here 0\.02\)"),
        (({}, {}, "images"), r"training_sha256='\w{64}' \(here '\w{64}'\)"),
        (({}, {}, "labels"), r"training_sha256='\w{64}' \(here '\w{64}'\)"),
        (({}, {}, "fewer"), r"training_images=200 \(here 199\), training_sha256="),
    ],
)
def test_a_state_of_another_training_is_refused(
    change: tuple[dict[str, Any], dict[str, Any], str],
    message: str,
    state: bytes,
    config: TrainConfig,
    tiny_split: Split,
) -> None:
    of_config, terms, part = change
    training = Training(replace(config, **of_config), changed(tiny_split, part), replace(BUDGET, **terms))
    with pytest.raises(CheckpointError, match=f"same training. Received: one with {message}.*Discard it"):
        training.restore(state)
    assert training.result.epochs == ()


def test_a_value_that_the_identity_does_not_know_is_another_training(state: bytes, refusing: Training) -> None:
    snapshot = Snapshot.from_bytes(state)
    with pytest.raises(CheckpointError, match=r"Received: one with flavour='mild' \(here None\)\. Discard"):
        refusing.restore(replace(snapshot, identity={**snapshot.identity, "flavour": "mild"}).to_bytes())
