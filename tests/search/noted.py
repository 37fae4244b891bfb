"""Workers and images that tell where they are: on which machine, with which GPUs, over which bytes of memory.

A NotingWorker sleeps where a worker trains: it notes where it is and reports when as many as there are to be have done
so, which none does if one of them had to wait for another. NotedSplit is images that note the same when they reach a
worker, whichever it is.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import ray

from fashion_model.data.splits import Split, TrainingSplits

if TYPE_CHECKING:
    from benchmarks.idle_worker import IdleWorker

_MOST_SECONDS: Final = 240.0


@dataclass(frozen=True)
class Noted:
    """What a process noted: its node, its GPUs as CUDA sees them, and which bytes of which file its images are."""

    pid: int
    node: str
    gpus: str
    copy: str


class NotedSplit(Split):
    """Images that note in `folder` where they lie, once they are in a worker."""

    def __init__(self, split: Split, folder: Path) -> None:
        Split.__init__(self, split.images, split.labels)
        object.__setattr__(self, "folder", folder)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrive, (self.images, self.labels, self.folder)  # type: ignore[attr-defined]


def noted_splits(splits: TrainingSplits, folder: Path) -> TrainingSplits:
    """The splits, whose training images note where they lie."""
    return TrainingSplits(NotedSplit(splits.train, folder), splits.validation, splits.sha256)


def all_noted(folder: Path) -> list[Noted]:
    """What every process noted."""
    return [Noted(**json.loads(file.read_text())) for file in sorted(folder.glob("noted-*"))]


def waiting_worker(folder: Path, together: int) -> type[IdleWorker]:
    """A worker that trains nothing, in as little memory as Ray allows, and reports once so many are there."""
    from benchmarks.idle_worker import IdleWorker  # not where a NotedSplit arrives: it hides Ray Tune there

    class NotingWorker(IdleWorker):
        def train(self) -> dict[str, Any]:
            note(folder, "")
            _wait_for(lambda: len(list(folder.glob("noted-*"))) >= together)
            return super().train()

    return NotingWorker


def note(folder: Path, copy: str) -> None:
    """Note where this process is."""
    told = {"pid": os.getpid(), "node": ray.get_runtime_context().get_node_id(), "copy": copy}
    beside = folder / f".{os.getpid()}"
    beside.write_text(json.dumps(told | {"gpus": os.environ.get("CUDA_VISIBLE_DEVICES", "")}))
    beside.replace(folder / f"noted-{os.getpid()}")


def _arrive(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], folder: Path) -> Split:
    note(folder, _place_of(images))
    return Split(images, labels)


def _place_of(array: npt.NDArray[np.uint8]) -> str:
    """Which bytes of which file an array is: two processes with the same answer share them."""
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, device, inode, *_ = line.split()
        start, end = (int(edge, 16) for edge in span.split("-"))
        if start <= address < end and inode != "0":
            return f"{device} {inode} {int(offset, 16) + address - start}"
    return f"process {os.getpid()}"


def _wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _MOST_SECONDS
    while not there():
        if time.monotonic() > deadline:
            raise TimeoutError("the others are not there")
        time.sleep(0.1)
