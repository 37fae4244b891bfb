"""What is stored of a trial: it comes back equal, and says which trial is started again."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from reports.records import Work
from search.study.attempts import END, REFUSED, Attempt, End, is_half_written, is_lost, is_result, to_retry
from search.worker.faults import Cause, Fault

WORK = Work(worker="host:1", started="2026-01-01T00:00:00+00:00", seconds=2.0, cpu_seconds=1.5, note="n")
OF_7 = Attempt(lineage=2, attempt=3, retry_of=5, passed_epochs=4, faults={"NODE_LOST": 2})
LINE_OF_7 = {"first": 2, "attempt": 3, "follows": 5, "passed": 4, "faults": {"NODE_LOST": 2}}  # in studies of before


def ended(
    number: int,
    end: End | dict[str, Any] | None,
    *,
    state: TrialState = TrialState.FAIL,
    attempt: Attempt | None = None,
) -> FrozenTrial:
    """A trial as Optuna gives it back: what is stored went through JSON."""
    attributes: dict[str, Any] = asdict(attempt) if attempt else {}
    if end:
        attributes |= end.attributes() if isinstance(end, End) else {END: end}
    trial = create_trial(state=state, value=0.5 if state is TrialState.COMPLETE else None)
    trial.user_attrs, trial.number = json.loads(json.dumps(attributes)), number
    return trial


def failed(retry: Attempt | None = None) -> End:
    return End(state=TrialState.FAIL, reason="why", retry=retry, work=WORK, ended="2026-01-01T00:00:05+00:00")


def test_a_trial_that_is_no_retry_is_the_first_attempt_of_its_own_lineage() -> None:
    assert Attempt.of(ended(7, None)) == Attempt(lineage=7)


def test_a_retry_is_stored_in_attributes_that_sort() -> None:
    trial = ended(7, failed(OF_7), attempt=OF_7)
    assert Attempt.of(trial) == OF_7
    flat = {key: value for key, value in trial.user_attrs.items() if isinstance(value, int | str)}
    assert flat == {"lineage": 2, "attempt": 3, "retry_of": 5, "passed_epochs": 4, "reason": "why", "retried": True}


@pytest.mark.parametrize(("state", "told"), [("FAIL", {"reason": "why", "retried": False}), ("COMPLETE", {})])
def test_a_failure_alone_has_its_reason_where_a_table_can_sort_it(state: str, told: dict[str, object]) -> None:
    attributes = ended(7, replace(failed(), state=TrialState[state])).user_attrs
    assert {name: attributes[name] for name in ("reason", "retried") if name in attributes} == told


def test_a_retry_has_one_more_attempt_and_one_more_fault() -> None:
    running = ended(7, None, state=TrialState.RUNNING, attempt=OF_7)
    running.intermediate_values = {2: 0.5}
    faults = {"NODE_LOST": 2, "TIMED_OUT": 1}
    expected = Attempt(lineage=2, attempt=4, retry_of=7, passed_epochs=4, faults=faults)
    assert End.by(Fault(Cause.TIMED_OUT), running, WORK).retry == expected
    running.intermediate_values[6] = 0.5
    expected = replace(expected, passed_epochs=6, faults={"NODE_LOST": 3})
    assert End.by(Fault(Cause.NODE_LOST), running, WORK).retry == expected


@pytest.mark.parametrize(
    ("fault", "reason", "again"),
    [
        (Fault(Cause.RAISED, "ValueError: no"), "raised: ValueError: no", False),
        (Fault(Cause.NON_FINITE, "training loss nan"), "non-finite loss: training loss nan", False),
        (Fault(Cause.TIMED_OUT, "more than 5 s"), "timed out: more than 5 s", True),
        (Fault(Cause.WORKER_DIED), "its worker died (attempt 3, the last)", False),
        (Fault(Cause.INTERRUPTED), "interrupted", True),
    ],
)
def test_the_end_says_the_reason_and_whether_it_was_the_last_attempt(fault: Fault, reason: str, again: bool) -> None:
    attempt = Attempt(lineage=2, attempt=3, retry_of=5, faults={"WORKER_DIED": 1, "INTERRUPTED": 1})
    end = End.by(fault, ended(7, None, state=TrialState.RUNNING, attempt=attempt), WORK)
    assert (end.state, end.reason, end.retry is not None, end.work) == (TrialState.FAIL, reason, again, WORK)


@pytest.mark.parametrize("retry", [None, OF_7])
def test_an_end_comes_back_equal(retry: Attempt | None) -> None:
    assert End.of(ended(7, failed(retry))) == failed(retry)
    assert End.of(ended(7, None, state=TrialState.RUNNING)) == End(state=TrialState.RUNNING)


def test_what_a_study_of_before_has_is_read() -> None:
    trial = ended(7, {"reason": "why", "again": LINE_OF_7 | {"follows": 7}, "work": {"seconds": 2.0}})
    trial.user_attrs["line"] = LINE_OF_7
    assert Attempt.of(trial) == OF_7
    end = End.of(trial)
    assert (end.state, end.reason, end.retry) == (TrialState.FAIL, "why", replace(OF_7, retry_of=7))
    assert (end.work.seconds, bool(end.ended)) == (2.0, True)
    assert is_lost(trial)


def test_only_the_last_of_a_lineage_is_a_result_and_no_refused_point_is() -> None:
    complete = End(state=TrialState.COMPLETE)
    assert is_result(ended(1, failed()))
    assert is_result(ended(1, complete, state=TrialState.COMPLETE))
    assert not is_result(ended(1, failed(OF_7)))
    assert not is_result(ended(1, complete, state=TrialState.RUNNING))
    refused = ended(1, None)
    refused.user_attrs[REFUSED] = "too large"
    assert not is_result(refused)


def test_a_trial_is_to_be_retried_until_another_retries_it() -> None:
    left, retried = (ended(n, failed(Attempt(lineage=n, retry_of=n, attempt=2))) for n in (1, 2))
    retry = ended(3, failed(), attempt=Attempt(lineage=2, retry_of=2, attempt=2))
    assert [trial.number for trial in to_retry([left, retried, retry])] == [1]


def test_a_running_trial_with_an_end_is_half_written_and_not_yet_to_be_retried() -> None:
    running = ended(1, failed(OF_7), state=TrialState.RUNNING)
    assert is_half_written(running)
    assert to_retry([running]) == []
    assert not is_half_written(ended(1, {"reason": ""}, state=TrialState.RUNNING)), "of before: it names no state"
    assert not is_half_written(ended(1, failed(OF_7)))
