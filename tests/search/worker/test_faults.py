"""Faults: what is tried again and how often, and what is told of them in one line."""

from __future__ import annotations

import builtins
import pickle

import pytest
import ray.exceptions
import tensorflow as tf

from search.worker.faults import (
    CAUSES,
    POISONS_WORKER,
    RETRIES,
    Cause,
    Fault,
    TrialFailed,
    fault_of,
    fault_of_worker,
    first_line,
    may_retry,
)


def test_a_fault_of_the_trial_itself_is_final_and_any_other_is_tried_again() -> None:
    final = {Cause.RAISED, Cause.NON_FINITE, Cause.NO_VALUE, Cause.DEVICE_MEMORY}
    assert {cause for cause in Cause if not may_retry(cause, 1)} == final
    assert set(RETRIES) == set(Cause)


def test_a_machine_may_be_lost_more_often_than_a_worker_may_die() -> None:
    limits = [RETRIES[cause] for cause in (Cause.HOST_MEMORY, Cause.TIMED_OUT, Cause.WORKER_DIED)]
    assert limits == [1, 1, 1]
    assert (RETRIES[Cause.ORPHANED], RETRIES[Cause.ABORTED], RETRIES[Cause.NODE_LOST]) == (3, 10, 10)


def test_an_interruption_is_never_the_last() -> None:
    assert may_retry(Cause.INTERRUPTED, 10_000)


def test_a_fault_is_told_with_its_detail_if_it_has_one() -> None:
    assert str(Fault(Cause.NODE_LOST)) == "its machine was lost"
    assert str(Fault(Cause.RAISED, "ValueError: no")) == "raised: ValueError: no"
    assert str(TrialFailed(Cause.RAISED, "ValueError: no")) == "raised: ValueError: no"


def test_a_failure_keeps_its_fault_on_the_way_from_a_worker() -> None:
    arrived = pickle.loads(pickle.dumps(TrialFailed(Cause.NON_FINITE, "training loss nan")))  # noqa: S301  # our own
    assert isinstance(arrived, TrialFailed)
    assert arrived.fault == Fault(Cause.NON_FINITE, "training loss nan")


def test_out_of_memory_poisons_the_worker() -> None:
    assert {Cause.DEVICE_MEMORY, Cause.HOST_MEMORY} == POISONS_WORKER


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("\n\n  first\nsecond"), "first"),
        (ValueError("x" * 1000), "x" * 300),
        (ValueError(), "ValueError"),
        (ValueError("   "), "ValueError"),
    ],
)
def test_an_error_is_told_in_its_first_line(error: Exception, line: str) -> None:
    assert first_line(error) == line


def test_every_error_that_names_a_cause_is_one_of_python_tensorflow_or_ray() -> None:
    libraries = (builtins, ray.exceptions, tf.errors)
    assert {name for name in CAUSES if sum(hasattr(library, name) for library in libraries) != 1} == set()


class ArrayMemoryError(MemoryError):
    """As NumPy's."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no\nmore"), "raised: ValueError: no"),
        (MemoryError("x"), "out of memory: MemoryError: x"),
        (ArrayMemoryError("x"), "out of memory: ArrayMemoryError: x"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM"), "out of device memory: ResourceExhaustedError: OOM"),
    ],
)
def test_an_error_of_a_training_is_told_with_its_cause(error: Exception, told: str) -> None:
    assert str(fault_of(error)) == told


def of_a_task(cause: Exception) -> Exception:
    error: Exception = ray.exceptions.RayTaskError("step", "the trace", cause).as_instanceof_cause()
    return error


def raised_from(cause: Exception) -> Exception:
    error = RuntimeError("Caught unexpected exception")
    error.__cause__ = cause
    return error


DIED = ray.exceptions.ActorDiedError()
PREEMPTED = ray.exceptions.RayActorError(preempted=True)


@pytest.mark.parametrize(
    ("error", "machine_lost", "overtime", "fault"),
    [
        (of_a_task(TrialFailed(Cause.DEVICE_MEMORY, "OOM")), True, "", Fault(Cause.DEVICE_MEMORY, "OOM")),
        (raised_from(ray.exceptions.OutOfMemoryError("low")), False, "", Fault(Cause.HOST_MEMORY)),
        (ray.exceptions.ActorUnavailableError("x", None), False, "", Fault(Cause.NODE_LOST)),
        (DIED, True, "more than 9 s", Fault(Cause.NODE_LOST)),
        (PREEMPTED, False, "", Fault(Cause.NODE_LOST)),
        (DIED, False, "more than 9 s", Fault(Cause.TIMED_OUT, "more than 9 s")),
        (DIED, False, "", Fault(Cause.WORKER_DIED)),
        (of_a_task(ValueError("in\nit")), False, "", Fault(Cause.WORKER_DIED, "ValueError: in")),
        (of_a_task(MemoryError("x")), False, "", Fault(Cause.HOST_MEMORY, "MemoryError: x")),
        (None, False, "", Fault(Cause.WORKER_DIED)),
    ],
)
def test_what_ended_a_worker_is_known_by_the_types_of_errors_and_by_its_machine(
    error: Exception | None, machine_lost: bool, overtime: str, fault: Fault
) -> None:
    assert fault_of_worker(error, machine_lost=machine_lost, overtime=overtime) == fault
