"""What can end a trial early, which error says so, and how often a trial is retried after it; what can end the search.

A fault of the trial itself (its code raises, its loss is no number) would happen again, so it is final. A fault of
what the trial ran on (its worker, its machine, the driver) says nothing about the trial, so it is retried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


# How often a trial is retried after each cause; None means always: the user stopped the search, not the trial.
# A worker that dies twice under the same trial is the trial's doing; a machine that is taken away, or a driver that is
# killed, is not, yet a trial that kills its machine must not do so for ever. Nor is it a trial's doing that another
# one made Ray Tune abort: three aborts without a result in between end the search anyway.
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

# The classes of errors that name a cause. They are of TensorFlow and of Ray, neither of which is loaded here, so they
# are known by name; tests/search/worker/test_faults.py checks that both libraries have them. An ActorUnavailableError
# is of a machine that does not answer, or is not yet known to be gone.
CAUSES: Final[Mapping[str, Cause]] = {
    "MemoryError": Cause.HOST_MEMORY,
    "OutOfMemoryError": Cause.HOST_MEMORY,
    "ResourceExhaustedError": Cause.DEVICE_MEMORY,
    "ActorUnavailableError": Cause.NODE_LOST,
    "NodeDiedError": Cause.NODE_LOST,
    "LocalRayletDiedError": Cause.NODE_LOST,
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
    """Whether a trial that met `cause` for the `times`-th time (from 1) is retried."""
    limit = RETRIES[cause]
    return limit is None or times <= limit


class TrialFailed(Exception):
    """This trial failed, and the search goes on."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        self.fault = Fault(cause, detail)
        super().__init__(cause, detail)  # what pickle makes it from again, on the way from a worker

    def __str__(self) -> str:
        return str(self.fault)


def fault_of(error: BaseException) -> Fault:
    """The fault that an error of a training's own code is."""
    return Fault(named_cause(error) or Cause.RAISED, f"{type(error).__name__}: {first_line(error)}")


def fault_of_worker(error: BaseException | None, *, machine_lost: bool, overtime: str) -> Fault:
    """The fault of an attempt whose worker raised `error`, or did not survive it.

    `machine_lost`: its machine is no longer alive. `overtime` says that it ran for longer than it may; else empty.
    """
    for each in _errors(error):
        if isinstance(each, TrialFailed):
            return each.fault
    cause = named_cause(error)
    if cause is None and (machine_lost or getattr(error, "preempted", False)):
        cause = Cause.NODE_LOST
    if cause is None and overtime:
        return Fault(Cause.TIMED_OUT, overtime)
    raised = getattr(error, "cause", None)  # in the worker; the text of Ray's own error begins with the worker's name
    return Fault(cause or Cause.WORKER_DIED, fault_of(raised).detail if isinstance(raised, BaseException) else "")


def named_cause(error: BaseException | None) -> Cause | None:
    """The cause that an error, or one that it was raised from, has in CAUSES."""
    kinds = (kind.__name__ for each in _errors(error) for kind in type(each).__mro__)
    return next((CAUSES[kind] for kind in kinds if kind in CAUSES), None)


def _errors(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it was raised from; Ray keeps what a task raised in `cause`."""
    while error is not None:
        yield error
        inner = getattr(error, "cause", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__


class SearchBroken(Exception):
    """The search itself cannot go on, whichever trial is next (exit code 3)."""


class StorageError(Exception):
    """The study's database or the run folder cannot be read or written (exit code 4)."""


class StudyBusy(Exception):
    """Another driver works on the study (exit code 5)."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, at most 300 characters; its type where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
