"""What goes to a worker and what comes back: a trial to run, the terms of all trials, and the work that was done.

A worker reads no database: nothing here imports Optuna, which would cost each worker 0.3 s of its start.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from fashion_model.config import TrainConfig


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial to run: its number in the study, the number of its first attempt, and its configuration."""

    number: int
    lineage: int
    config: TrainConfig


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """How many trials the study is to hold in the end, how long a full one is, the seed they derive from, and for
    how many wall seconds an attempt at one may run (None: for ever)."""

    trials: int
    epochs: int
    seed: int
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Who ran a trial or another training, from when (ISO-8601 UTC) and for how long, in wall and CPU seconds.

    `node` is Ray's identifier of the machine and `gpus` those of its GPUs that it had; empty without Ray, or without
    GPUs. `note` says what happened on the way, such as a discarded checkpoint; mostly empty.
    """

    worker: str = ""
    started: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    note: str = ""
    node: str = ""
    gpus: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """What was stored as JSON, which has lists and no tuples."""
        return cls(**{**stored, "gpus": tuple(stored.get("gpus", ()))})

    def ended(self) -> str:
        """When it was done, ISO-8601 UTC; empty where it is not known when it began."""
        if not self.started:
            return ""
        end = datetime.fromisoformat(self.started) + timedelta(seconds=self.seconds)
        return end.isoformat(timespec="milliseconds")


def process_name() -> str:
    """This process, as `worker` names it: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"
