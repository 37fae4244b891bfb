"""Faults: what is tried again and how often, and what is told of them in one line."""

from __future__ import annotations

import pickle

import pytest

from search.faults import POISONS_WORKER, RETRIES, Cause, Fault, TrialFailed, first_line, may_retry


def test_a_fault_of_the_trial_itself_is_final_and_any_other_is_tried_again() -> None:
    final = {Cause.RAISED, Cause.NON_FINITE, Cause.NO_VALUE, Cause.DEVICE_MEMORY}
    assert {cause for cause in Cause if not may_retry(cause, 1)} == final
    assert set(RETRIES) == set(Cause)


def test_a_machine_may_be_lost_more_often_than_a_worker_may_die() -> None:
    limits = [RETRIES[cause] for cause in (Cause.HOST_MEMORY, Cause.TIMED_OUT, Cause.WORKER_DIED)]
    assert limits == [1, 1, 1]
    assert (RETRIES[Cause.ORPHANED], RETRIES[Cause.ABORTED], RETRIES[Cause.NODE_LOST]) == (3, 10, 10)


@pytest.mark.parametrize(("cause", "limit"), [(cause, limit) for cause, limit in RETRIES.items() if limit is not None])
def test_the_limit_is_the_number_of_times_that_it_is_started_again(cause: Cause, limit: int) -> None:
    assert [may_retry(cause, times) for times in (limit, limit + 1)] == [True, False]


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
