"""Checkpoints beside the training: it goes on, the order stays, the end waits, and what fails is told."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest

from search.worker.background import BackgroundCheckpoints
from search.worker.checkpoints import CheckpointStore, StoredCheckpoints


class SlowStore(StoredCheckpoints):
    """Each write waits for `open`; an object store may be as slow."""

    def __init__(self) -> None:
        super().__init__(CheckpointStore("nowhere"), "a")
        self.open = threading.Event()
        self.written: list[tuple[int, bytes]] = []

    def save(self, epoch: int, state: bytes) -> None:
        assert self.open.wait(60)
        self.written.append((epoch, state))


def in_background(store: SlowStore, patience_seconds: float = 60.0) -> BackgroundCheckpoints:
    return BackgroundCheckpoints(store, grace_seconds=0.01, patience_seconds=patience_seconds)


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


def test_what_is_no_fault_of_the_store_is_raised_at_the_next_save(store: CheckpointStore) -> None:
    beside = BackgroundCheckpoints(store.of("a"), grace_seconds=10.0)
    beside.save(1, "no bytes")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        beside.save(2, b"state")
