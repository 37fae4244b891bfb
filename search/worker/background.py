"""Checkpoints written in a thread: the training goes on while a slow store takes a state.

The thread only waits for the store. The training itself makes a state's bytes (10 ms for the documented network, 67 ms
for 1.2 million weights with Adam): a trial has one core, which another thread would take from it.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final, Self

from search.worker.checkpoints import StoredCheckpoints

# A state on a local disk is written in 4 to 8 ms: waited for, it is safe before the next epoch begins, as ever.
_GRACE_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 60.0  # for the last write of a training; a store that hangs must not keep the worker


class BackgroundCheckpoints:
    """Saves the states of one training in a thread, in order. `with` it, the training waits for the last write.

    One state is being written and at most one waits: a newer one takes its place. So a process that is killed loses
    at most those two, and on a store as quick as a local disk none. One that ends well needs no state: what still
    waits is then dropped.
    """

    def __init__(
        self,
        stored: StoredCheckpoints,
        grace_seconds: float = _GRACE_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._stored, self._grace, self._patience = stored, grace_seconds, patience_seconds
        self._lock, self._idle = threading.Lock(), threading.Event()
        self._idle.set()
        self._waiting: tuple[int, bytes] | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            with self._lock:
                self._waiting = None
        if not self._idle.wait(self._patience):
            self._stored.notes.append(f"checkpoint not written within {self._patience:g} s")

    def save(self, epoch: int, state: bytes) -> None:
        """Have the state written. Raises what an earlier write raised, if it was no fault of the store's."""
        if self._error is not None:
            raise self._error
        with self._lock:
            if self._idle.is_set():
                self._idle.clear()
                threading.Thread(target=self._write, args=(epoch, state), name="checkpoints", daemon=True).start()
            else:
                self._waiting = epoch, state
        self._idle.wait(self._grace)

    def _write(self, epoch: int, state: bytes) -> None:
        """Write this state, and then the one that waits, until none does."""
        waiting: tuple[int, bytes] | None = (epoch, state)
        while waiting is not None:
            try:
                self._stored.save(*waiting)
            except BaseException as error:  # for the training to raise
                self._error = error
            with self._lock:
                waiting, self._waiting = self._waiting, None
                if waiting is None:
                    self._idle.set()
