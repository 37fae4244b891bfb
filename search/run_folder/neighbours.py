"""Other searches of the same user on this machine: they share its cores and its memory, so each says what is left."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def neighbour_told(say: Callable[[str], object]) -> Iterator[None]:
    """During the body, other searches know of this one. Says what is left for it, if there is another one.

    By a lock that each holds, and a dead process does not. Where it cannot be had, nothing is said.
    """
    file = Path(tempfile.gettempdir()) / f"fashion-search-{os.getuid()}.lock"
    try:
        lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(_what_is_left())
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def _what_is_left() -> str:
    cores = os.cpu_count() or 1
    free = max(0.0, cores - os.getloadavg()[0])
    return (
        f"another search of yours runs on this machine: of {cores} cores about {free:.1f} are free now. "
        "With --max-concurrent each leaves the other its share"
    )
