"""A Ray worker that sleeps instead of training, in as little memory as Ray allows, so that 200 fit on one machine.

On the driver it is a Trainable like another. In the worker's process Ray Tune is not loaded: with it a process has
80 to 110 MB of its own, without it 59 MB.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

EPOCHS: Final = 10
# An idle worker of Ray looks for signals every 10 ms, a hundredth of a core; one that is at work, as workers are, does
# not. 200 that always return at once leave these two cores no time for the driver.
EPOCH_SECONDS: Final = float(os.environ.get("IDLE_EPOCH_SECONDS", "4"))


class _Anything(type):
    """A class that takes anything and has every method."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing


def _nothing(*arguments: Any, **named: Any) -> None:
    return None


class _Absent(MetaPathFinder, Loader):
    """Finds modules of Ray that a worker names and never uses: all that is in them is an _Anything."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname.split(".")[:2] in (["ray", "tune"], ["ray", "train"], ["ray", "air"]):
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def exec_module(self, module: ModuleType) -> None:
        def anything(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            return _Anything(name, (), {"__init__": _nothing, "__setstate__": _nothing})

        module.__getattr__ = anything  # type: ignore[method-assign]


if Path(sys.argv[0]).name == "default_worker.py":  # Ray's program for a worker
    sys.meta_path.insert(0, _Absent())

from ray import tune  # noqa: E402  # what it is depends on where

from reports.records import Work  # noqa: E402
from search.worker.assignment import ASSIGNMENT, Report  # noqa: E402


class IdleWorker(tune.Trainable):
    """Sleeps for an epoch, then reports a value of the trial's number. Tune calls no other method than these."""

    def __init__(self, config: dict[str, Any], **ignored: Any) -> None:
        self.reset(config)

    def reset(self, new_config: dict[str, Any], *ignored: Any, **named: Any) -> bool:
        """Take on another trial."""
        # a number in [0, 1) that looks random, so that the pruner stops two trials in three at each rung
        self._quality, self._epoch = new_config[ASSIGNMENT].number * 0.6180339887 % 1, 0
        return True

    def train(self) -> dict[str, Any]:
        """An epoch's result."""
        time.sleep(EPOCH_SECONDS)
        self._epoch += 1
        value = self._quality * (1 - 0.5**self._epoch)
        last = self._epoch == EPOCHS
        report = Report(epoch=self._epoch, value=value, work=Work(worker="idle"), is_last=last)
        told = {"training_iteration": self._epoch, "time_total_s": 0.0, "timestamp": int(time.time())}
        return report.to_result() | told

    def stop(self) -> None:
        """Nothing to drop."""
