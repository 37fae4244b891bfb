"""What can end a trial early, and how often a trial is started again after it; and what can end the search.

A fault of the trial itself (its code raises, its loss is no number) would happen again, so it is final. A fault of
what the trial ran on (its worker, its machine, the driver) says nothing about the trial, so it is run again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """Why a trial ended without a result. The words are what is recorded and shown."""

    RAISED = "raised"
    NON_FINITE = "non-finite loss"
    NO_VALUE = "no value"
    DEVICE_MEMORY = "out of device memory"
    HOST_MEMORY = "out of memory"
    TIMED_OUT = "timed out"
    WORKER_DIED = "its worker died"
    NODE_LOST = "its machine was lost"
    ABORTED = "Ray Tune aborted"
    ORPHANED = "the driver died"
    INTERRUPTED = "interrupted"


# How often a trial is started again after each cause; None means always: the user stopped the search, not the trial.
# A worker that dies twice under the same trial is the trial's doing; a machine that is taken away, or a driver that is
# killed, is not, yet a trial that kills its machine must not do so for ever. Nor is it a trial's doing that its
# neighbour made Ray Tune give up: three such ends without a result in between end the search anyway.
RETRIES: Final[Mapping[Cause, int | None]] = {
    Cause.RAISED: 0,
    Cause.NON_FINITE: 0,
    Cause.NO_VALUE: 0,
    Cause.DEVICE_MEMORY: 0,
    Cause.HOST_MEMORY: 1,
    Cause.TIMED_OUT: 1,
    Cause.WORKER_DIED: 1,
    Cause.NODE_LOST: 10,
    Cause.ABORTED: 10,
    Cause.ORPHANED: 3,
    Cause.INTERRUPTED: None,
}

# After these the process may hold broken memory: another trial must not inherit it.
POISONS_WORKER: Final = frozenset({Cause.DEVICE_MEMORY, Cause.HOST_MEMORY})


@dataclass(frozen=True, slots=True)
class Fault:
    """A cause, and what is known of it in one line (may be empty)."""

    cause: Cause
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}" if self.detail else str(self.cause)


def may_retry(cause: Cause, times: int) -> bool:
    """Whether a trial that met `cause` for the `times`-th time (from 1) is started again."""
    limit = RETRIES[cause]
    return limit is None or times <= limit


class TrialFailed(Exception):
    """This trial failed, and the search goes on."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        self.fault = Fault(cause, detail)
        super().__init__(cause, detail)  # what pickle makes it from again, on the way from a worker

    def __str__(self) -> str:
        return str(self.fault)


class SearchBroken(Exception):
    """The search itself cannot go on, whichever trial is next (exit code 3)."""


class StorageError(Exception):
    """The study's database or the run folder cannot be read or written (exit code 4)."""


class StudyBusy(Exception):
    """Another driver works on the study (exit code 5)."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 300 characters; its type where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
