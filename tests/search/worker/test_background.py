"""Checkpoints beside the training: it goes on, the order stays, the end waits, and what fails is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fashion_model.config import TrainConfig
from fashion_model.data.splits import TrainingSplits
from fashion_model.training.checkpoint import Snapshot
from fashion_model.training.training import Budget
from search.worker.background import BackgroundCheckpoints
from search.worker.checkpoints import CheckpointStore, StoredCheckpoints

from ...trainings import train


class SlowStore(StoredCheckpoints):
    """Each write waits for `open`; an object store may be as slow."""

    def __init__(self) -> None:
        super().__init__(CheckpointStore("nowhere"), "a")
        self.open, self.writing = threading.Event(), threading.Event()
        self.written: list[tuple[int, bytes]] = []

    def save(self, epoch: int, state: bytes) -> None:
        self.writing.set()
        assert self.open.wait(60)
        self.written.append((epoch, state))


def in_background(store: SlowStore, patience_seconds: float = 60.0) -> BackgroundCheckpoints:
    return BackgroundCheckpoints(store, grace_seconds=0.01, patience_seconds=patience_seconds)


def test_a_training_goes_on_while_its_state_is_written_and_is_the_same(
    tiny_config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    def weights(save: Callable[[int, bytes], None] | None) -> list[bytes]:
        model, _ = train(tiny_config, tiny_splits.train, None, Budget(4, 0), seen.append, save)
        return [each.tobytes() for each in model.get_weights()]

    store, seen = SlowStore(), []  # type: ignore[var-annotated]
    beside = in_background(store)
    trained = weights(beside.save)
    assert [result.epoch for result in seen] == [1, 2, 3, 4]
    assert store.writing.wait(60)
    assert store.written == [], "four epochs, and the first state is still on its way"
    store.open.set()
    assert trained == weights(None)


def test_the_state_on_its_way_is_the_training_after_its_epoch_not_a_later_one(
    tiny_config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    slow, quick = SlowStore(), SlowStore()
    quick.open.set()
    with in_background(slow) as beside:
        train(tiny_config, tiny_splits.train, None, Budget(4, 0), save=beside.save)
        slow.open.set()
    train(tiny_config, tiny_splits.train, None, Budget(4, 0), save=quick.save)
    assert slow.written[0][0] == quick.written[0][0] == 1
    state, expected = (Snapshot.from_bytes(each.written[0][1]).arrays for each in (slow, quick))
    assert {name: array.tobytes() for name, array in state.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }


def test_of_the_states_that_wait_the_newest_is_written_after_the_one_under_way() -> None:
    store = SlowStore()
    with suppress(RuntimeError), in_background(store) as beside:
        for epoch in range(1, 5):
            beside.save(epoch, b"state %d" % epoch)
        threading.Timer(0.2, store.open.set).start()
        raise RuntimeError("the trial fails")
    assert store.written == [(1, b"state 1"), (4, b"state 4")]


def test_a_training_that_ends_well_waits_for_the_write_under_way_and_drops_what_waits() -> None:
    store = SlowStore()
    with in_background(store) as beside:
        for epoch in (1, 2):
            beside.save(epoch, b"state")
        threading.Timer(0.2, store.open.set).start()
    assert store.written == [(1, b"state")]
    time.sleep(0.1)
    assert store.written == [(1, b"state")]


def test_a_store_that_hangs_keeps_nobody_longer_than_the_patience() -> None:
    store = SlowStore()
    with in_background(store, patience_seconds=0.1) as beside:
        beside.save(1, b"state")
    assert store.note() == "checkpoint not written within 0.1 s"
    store.open.set()


def test_a_quick_store_has_the_state_before_the_next_epoch_begins(store: CheckpointStore) -> None:
    beside = BackgroundCheckpoints(store.of("a"), grace_seconds=10.0)
    for epoch in range(1, 20):
        beside.save(epoch, b"state %d" % epoch)
        assert store.of("a").load() == b"state %d" % epoch


def test_a_state_that_cannot_be_written_is_noted(store: CheckpointStore) -> None:
    Path(store.root).write_text("in the way")
    stored = store.of("a")
    with BackgroundCheckpoints(stored, grace_seconds=10.0) as beside:
        for epoch in (1, 2):
            beside.save(epoch, b"state")
    assert stored.note().count("checkpoint not written: ") == 1


def test_what_is_no_fault_of_the_store_is_raised_at_the_next_save(store: CheckpointStore) -> None:
    beside = BackgroundCheckpoints(store.of("a"), grace_seconds=10.0)
    beside.save(1, "no bytes")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        beside.save(2, b"state")
