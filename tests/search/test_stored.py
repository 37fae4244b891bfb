"""What is stored of a trial: it comes back equal, and says which trial is started again."""

from __future__ import annotations

import json

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.faults import Cause, Fault
from search.storage.stored import END, LINE, REFUSED, End, Line, is_result, to_start_again
from search.trials.assignment import Work

WORK = Work(worker="host:1", started="2026-01-01T00:00:00+00:00", seconds=2.0, cpu_seconds=1.5, note="n")
LINE_OF_7 = Line(follows=5, first=2, attempt=3, passed=4, faults={"NODE_LOST": 2})


def ended(
    number: int, end: End | None, *, state: TrialState = TrialState.FAIL, line: Line | None = None
) -> FrozenTrial:
    """A trial as Optuna gives it back: what is stored went through JSON."""
    attributes = {END: end.stored()} if end else {}
    if line:
        attributes[LINE] = {"follows": line.follows, "first": line.first}
    trial = create_trial(state=state, value=0.5 if state is TrialState.COMPLETE else None)
    trial.user_attrs, trial.number = json.loads(json.dumps(attributes)), number
    return trial


def test_a_line_begins_with_a_trial_that_follows_none() -> None:
    assert Line.of(ended(7, None)) == Line(follows=None, first=7, attempt=1, passed=0, faults={})


def test_the_line_goes_on_with_one_more_attempt_and_one_more_fault() -> None:
    after = LINE_OF_7.after(7, Fault(Cause.TIMED_OUT), 2)
    assert after == Line(follows=7, first=2, attempt=4, passed=4, faults={"NODE_LOST": 2, "TIMED_OUT": 1})
    assert LINE_OF_7.after(7, Fault(Cause.NODE_LOST), 6).passed == 6
    assert LINE_OF_7.after(7, Fault(Cause.NODE_LOST), 6).faults == {"NODE_LOST": 3}


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
def test_the_end_tells_the_reason_and_whether_it_was_the_last_attempt(fault: Fault, reason: str, again: bool) -> None:
    line = Line(follows=5, first=2, attempt=3, faults={"WORKER_DIED": 1, "INTERRUPTED": 1})
    end = End.by(fault, 7, line, 1, WORK)
    assert (end.reason, end.again is not None, end.work) == (reason, again, WORK)


@pytest.mark.parametrize("again", [None, LINE_OF_7])
def test_an_end_comes_back_equal(again: Line | None) -> None:
    end = End(reason="why", again=again, work=WORK)
    assert End.of(ended(7, end)) == end
    assert End.of(ended(7, None)) == End(reason="", again=None, work=Work())


def test_only_the_last_of_a_line_is_a_result_and_no_refused_point_is() -> None:
    assert is_result(ended(1, End(reason="why")))
    assert is_result(ended(1, End(), state=TrialState.COMPLETE))
    assert not is_result(ended(1, End(reason="why", again=LINE_OF_7)))
    assert not is_result(ended(1, End(), state=TrialState.RUNNING))
    refused = ended(1, None)
    refused.user_attrs[REFUSED] = "too large"
    assert not is_result(refused)


def test_a_trial_is_to_be_started_again_until_another_follows_it() -> None:
    left, followed = ended(1, End(again=Line(follows=1, first=1))), ended(2, End(again=Line(follows=2, first=2)))
    follower = ended(3, End(), line=Line(follows=2, first=2))
    assert [trial.number for trial in to_start_again([left, followed, follower])] == [1]


def test_a_trial_that_is_still_running_is_not_to_be_started_again() -> None:
    running = ended(1, End(again=Line(follows=1, first=1)), state=TrialState.RUNNING)
    assert to_start_again([running]) == []
