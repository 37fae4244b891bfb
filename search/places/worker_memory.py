"""How much memory a worker holds, and when it has grown so much that a fresh process must take the next trial.

A worker serves hundreds of trials, and whatever one of them leaves behind, TensorFlow's doing or ours, adds up.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_USABLE: Final = 0.8  # of a machine's memory; Ray's monitor begins to kill at 0.95
_GROWTH: Final = 2.0  # of what the first trial needed; the largest of all need 1.54 times it (docs/performance.md)
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
        """Whether this process has grown past its bound. To be asked at the end of each trial's epochs."""
        held = held_bytes()
        if self._most is None:
            self._most = int(max(self._share, _GROWTH * held))
        return held > self._most


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
