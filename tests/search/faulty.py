"""Faults for real trials on real workers: images that bring them along.

FaultySplits(splits, folder, (Fault("die", nth=2, epoch=2),))

Ray carries the images to each worker, and unpickling them there wraps one epoch of `Training`, which is below all that
is under test: the wrapper first does what a fault says, in the process and at the epoch that it names, and then notes
in `folder` which epoch of which trial it trained.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from filelock import FileLock

from fashion_model.data.splits import Split, TrainingSplits
from search.worker.seeds import Stream, derive

_LONG_SECONDS: Final = 600.0
_PIECE_BYTES: Final = 64 * 2**20
_PIECE_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Fault:
    """What befalls the nth trial to begin (from 0; None means each) before it trains an epoch, in so many of its
    attempts. `size` is what the kind needs: seconds to sleep, or bytes of the machine's memory to have in use."""

    kind: str
    nth: int | None
    epoch: int = 1
    times: int = 100
    size: float = _LONG_SECONDS


@dataclass(frozen=True)
class Epoch:
    """An epoch of the nth trial, and the process that it was in."""

    nth: int
    epoch: int
    pid: int


class FaultySplits(TrainingSplits):
    """Images that bring faults to the worker that unpickles them. All trials are to have the plan's seed 0."""

    def __init__(self, splits: TrainingSplits, folder: Path, faults: tuple[Fault, ...]) -> None:
        TrainingSplits.__init__(self, splits.train, splits.validation, splits.sha256)
        object.__setattr__(self, "bring", (folder, faults))

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.train, self.validation, self.sha256, *self.bring)  # type: ignore[attr-defined]


def begun(folder: Path) -> list[Epoch]:
    """Every epoch that was begun, in order."""
    return _noted(folder / "begun")


def trained(folder: Path) -> list[Epoch]:
    """Every epoch that was trained to its end, in order."""
    return _noted(folder / "trained")


def epochs_of(folder: Path, nth: int) -> list[int]:
    """The epochs that were trained of the nth trial, in order, by whichever attempt."""
    return [each.epoch for each in trained(folder) if each.nth == nth]


def number_of(folder: Path, nth: int) -> int:
    """The number in the study of the first attempt at the nth trial: refused points have numbers too."""
    return int((folder / f"trial-{nth}").read_text())


def _arrive(train: Split, validation: Split, sha256: str, folder: Path, faults: tuple[Fault, ...]) -> TrainingSplits:
    from fashion_model.training.training import Training

    numbers = {derive(0, Stream.TRIAL, number): number for number in range(100)}
    real = getattr(Training._run_epoch, "real", Training._run_epoch)

    def run_epoch(training: Training, number: int, validation: Split | None) -> Any:
        nth = _nth(folder, numbers[training._budget.seed])
        _note(folder / "begun", nth, number)
        for fault in faults:
            if fault.nth in (None, nth) and fault.epoch == number and _is_due(folder, fault, nth):
                validation = KINDS[fault.kind](training, validation, fault.size)
        result = real(training, number, validation)
        _note(folder / "trained", nth, number)
        return result

    run_epoch.real = real  # type: ignore[attr-defined]
    Training._run_epoch = run_epoch  # type: ignore[assignment, method-assign]
    return TrainingSplits(train, validation, sha256)


def _note(file: Path, nth: int, number: int) -> None:
    with file.open("a") as lines:
        lines.write(f"{nth} {number} {os.getpid()}\n")


def _noted(file: Path) -> list[Epoch]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [Epoch(*(int(word) for word in line.split())) for line in lines]


def _nth(folder: Path, number: int) -> int:
    """Which trial to begin this is, over all processes."""
    nth = 0
    with FileLock(folder / "lock"):
        while (folder / f"trial-{nth}").exists():
            if number_of(folder, nth) == number:
                return nth
            nth += 1
        (folder / f"trial-{nth}").write_text(str(number))
    return nth


def _is_due(folder: Path, fault: Fault, nth: int) -> bool:
    """Counts, over all processes, how often a fault has befallen a trial."""
    for befallen in range(fault.times):
        try:
            (folder / f"{fault.kind}-{nth}-{fault.epoch}-{befallen}").touch(exist_ok=False)
        except FileExistsError:
            continue
        return True
    return False


def _die(training: Any, validation: Split | None, size: float) -> Split | None:
    os.kill(os.getpid(), signal.SIGKILL)
    return validation


def _sleep(training: Any, validation: Split | None, size: float) -> Split | None:
    time.sleep(size)
    return validation


def _hang_in_native_code(training: Any, validation: Split | None, size: float) -> Split | None:
    """No other thread of Python runs: PyDLL holds the interpreter's lock during the call."""
    ctypes.PyDLL(None).sleep(int(size))
    return validation


def _raise(training: Any, validation: Split | None, size: float) -> Split | None:
    raise ValueError("this configuration\ncannot be trained")


def _diverge(training: Any, validation: Split | None, size: float) -> Split | None:
    values = training._values
    training._values = {
        name: np.full_like(each, np.nan) if name.startswith("model") else each for name, each in values.items()
    }
    return validation


def _tell_nothing(training: Any, validation: Split | None, size: float) -> Split | None:
    return None


def _fill_device(training: Any, validation: Split | None, size: float) -> Split | None:
    import tensorflow as tf

    tf.zeros(2**50, dtype=tf.uint8)
    return validation


def _fill_memory(training: Any, validation: Split | None, size: float) -> Split | None:
    """Keep more than so much of the machine's memory in use, until killed for it. The memory is taken slowly enough for
    the worker to write down what it holds."""
    taken: list[bytes] = []
    ends = time.monotonic() + _LONG_SECONDS
    while time.monotonic() < ends:  # Ray may end another worker first, and then there is room again
        if used_memory()[0] < size + 2 * _PIECE_BYTES:
            taken.append(b"x" * _PIECE_BYTES)
        time.sleep(_PIECE_SECONDS)
    return validation


def used_memory() -> tuple[int, int]:
    """The bytes of this machine's memory that are in use, as Ray's monitor counts them, and all of them."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    sizes = {line[0]: 1024 * int(line[1]) for line in lines}
    return sizes["MemTotal:"] - sizes["MemAvailable:"], sizes["MemTotal:"]


KINDS: Final[Mapping[str, Callable[[Any, Split | None, float], Split | None]]] = {
    "die": _die,
    "sleep": _sleep,
    "hang in native code": _hang_in_native_code,
    "raise": _raise,
    "diverge": _diverge,
    "tell nothing": _tell_nothing,
    "fill the device": _fill_device,
    "fill the memory": _fill_memory,
}
