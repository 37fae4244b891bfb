"""How much memory a worker holds: when a fresh process must take the next trial, and which trial used up a machine's.

A worker serves hundreds of trials, and whatever one of them leaves behind, TensorFlow's doing or ours, adds up. When a
machine runs low on memory, Ray ends several of its workers, and says which held the most only in a text for people. So
each worker that holds much writes down how much.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_USABLE: Final = 0.8  # of a machine's memory; Ray's monitor begins to kill at 0.95
_GROWTH: Final = 2.0  # of what the first trial needed; the largest of all need 1.55 times it (docs/performance.md)
_MUCH: Final = 0.5  # of what a worker may hold
_STEP: Final = 1.05  # of what was written down last
_PAUSE_SECONDS: Final = 0.05  # a look takes 20 µs; a large batch can take a gigabyte in less than 0.2 s
# of a container, version 2 and version 1 of cgroups
_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class WorkerMemory:
    """Watches this process, which serves one of `slots` workers' places on its machine.

    It may hold its share of the machine's memory; where that is little, twice what its first trial needed, or each
    trial would have to load TensorFlow anew. `most_bytes` takes the place of both.
    """

    def __init__(self, slots: float, most_bytes: int | None = None) -> None:
        self._most = most_bytes
        self._share = _USABLE * machine_bytes() / max(1.0, slots)

    def is_too_much(self) -> bool:
        """Whether this process has grown past its bound. To be asked between two trials."""
        held = held_bytes()
        if self._most is None:
            self._most = int(max(self._share, _GROWTH * held))
        return held > self._most

    @contextmanager
    def written_down(self, write: Callable[[int], None]) -> Iterator[None]:
        """During the body, have a thread write how many bytes this process holds, as soon as they are many."""
        ended = threading.Event()
        threading.Thread(target=self._write_down, args=(write, ended), name="memory", daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _write_down(self, write: Callable[[int], None], ended: threading.Event) -> None:
        least = _MUCH * (self._most or self._share)
        while not ended.wait(_PAUSE_SECONDS):
            held = held_bytes()
            if held > least:
                write(held)
                least = _STEP * held


def held_bytes() -> int:
    """The memory of this process that lies in RAM; 0 on a system that does not say."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def machine_bytes() -> int:
    """The memory of this machine, or of the container that this process is in."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for file in _LIMITS:
        with suppress(OSError, ValueError):  # v2 says "max" where there is no limit
            total = min(total, int(Path(file).read_text()))
    return total
