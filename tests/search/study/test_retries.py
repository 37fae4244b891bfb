"""Trials that are started again: how often, under which number and with what memory; and what a dead driver left."""

from __future__ import annotations

from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState

from fashion_model.config import REFERENCE
from reports.records import TrialRecord
from search.study.attempts import END, Attempt
from search.study.open_study import StudySpec, open_study
from search.study.study import SearchStudy
from search.worker.faults import RETRIES, Cause, Fault
from tests.search.conftest import WORK, RunTrial, Watcher, in_optuna, on_every_database

LIMITED = [cause for cause, limit in RETRIES.items() if limit is not None]


def fail_until_it_is_final(study: SearchStudy, fault: Fault) -> TrialRecord:
    """Meet the same fault at every attempt at the next trial. Returns its record."""
    results = len(study.records())
    while len(study.records()) == results:
        study.fail(study.ask().number, fault, WORK)
    return study.records()[-1]


@pytest.mark.parametrize("cause", LIMITED)
def test_a_trial_is_started_again_as_often_as_its_cause_allows(cause: Cause, spec: StudySpec) -> None:
    watcher = Watcher()
    study = open_study(spec, watcher)
    record = fail_until_it_is_final(study, Fault(cause, "why"))
    attempts = (RETRIES[cause] or 0) + 1
    assert (record.status, record.attempts, len(watcher.again)) == ("FAIL", attempts, attempts - 1)
    assert study.lost() == tuple(watcher.again), "the last one is the result"
    assert {seen.reason for seen in watcher.again} <= {f"{cause}: why"}
    last = f" (attempt {attempts}, the last)" if attempts > 1 else ""
    assert record.reason == f"{cause}: why{last}"
    assert record.lineage == (0 if attempts > 1 else None)


@on_every_database
def test_an_interrupted_trial_is_started_again_every_time_and_is_no_failure_in_a_row(
    spec: StudySpec, watcher: Watcher
) -> None:
    study = open_study(replace(spec, most_failures=3), watcher)
    for attempt in range(1, 6):
        assignment = study.ask()
        assert assignment.lineage == 0
        study.fail(assignment.number, Fault(Cause.INTERRUPTED))
        assert (watcher.again[-1].attempts, watcher.again[-1].reason) == (attempt, "interrupted")
    assert (study.records(), study.waiting(), study.left(1)) == ((), 1, 1)


@on_every_database
def test_a_trial_that_is_started_again_keeps_configuration_lineage_and_the_record_tells_it(
    study: SearchStudy, run_trial: RunTrial
) -> None:
    run_trial(study, [0.5])
    first = study.ask()
    study.fail(first.number, Fault(Cause.NODE_LOST))
    second = study.ask()
    study.fail(second.number, Fault(Cause.WORKER_DIED))
    third = study.ask()
    assert (second.config, third.config) == (first.config, first.config)
    assert (second.lineage, third.lineage) == (first.number, first.number)
    study.report(third.number, 1, 0.7)
    study.finish(third.number, replace(WORK, note="a checkpoint was discarded"), pruned=False)
    record = study.records()[-1]
    assert (record.number, record.attempts, record.lineage) == (third.number, 3, first.number)
    assert (record.value, record.work.note) == (0.7, "a checkpoint was discarded")
    assert [record.number for record in study.records()] == [0, third.number]


def test_what_waits_is_started_again_before_anything_new_and_in_order(study: SearchStudy, run_trial: RunTrial) -> None:
    run_trial(study, [0.5])
    numbers = [study.ask().number for _ in range(3)]
    for number in reversed(numbers):
        study.fail(number, Fault(Cause.NODE_LOST))
    assert (study.waiting(), study.left(4)) == (3, 3)
    assert [study.ask().lineage for _ in range(3)] == numbers[::-1]
    assert (study.waiting(), study.left(4)) == (0, 0)


def test_the_epochs_of_a_lost_attempt_are_not_counted_twice(study: SearchStudy, run_trial: RunTrial) -> None:
    number = study.ask().number
    study.report(number, 1, 0.5)
    study.report(number, 2, 0.6)
    study.fail(number, Fault(Cause.NODE_LOST))
    assert (study.counts.epochs, study.counts.running) == (0, 0)
    run_trial(study, [0.5, 0.6, 0.7])
    assert (study.counts.epochs, study.counts.running, study.counts.complete) == (3, 0, 1)


def test_a_retried_trial_is_not_pruned_at_an_epoch_that_it_passed_and_is_at_the_next(
    study: SearchStudy, run_trial: RunTrial
) -> None:
    for _ in range(2):
        run_trial(study, [0.9] * 9)
    number = study.ask().number
    assert not study.report(number, 1, 0.9)  # as good as the others: it may go on
    study.report(number, 2, 0.1)
    study.fail(number, Fault(Cause.NODE_LOST))
    number = study.ask().number
    assert not study.report(number, 1, 0.0)  # anybody else would be pruned
    assert not study.report(number, 2, 0.0)
    assert study.report(number, 3, 0.0)


def test_a_shorter_attempt_does_not_shorten_what_was_passed(spec: StudySpec) -> None:
    study = open_study(spec, Watcher())
    for epochs in (3, 1):
        number = study.ask().number
        for epoch in range(1, epochs + 1):
            study.report(number, epoch, 0.5)
        study.fail(number, Fault(Cause.NODE_LOST))
    number = study.ask().number
    stored = in_optuna(spec).trials[number]
    assert Attempt.of(stored) == Attempt(retry_of=1, lineage=0, attempt=3, passed_epochs=3, faults={"NODE_LOST": 2})


@on_every_database
def test_the_reference_started_again_is_the_reference_and_is_never_pruned(spec: StudySpec) -> None:
    study = open_study(spec, Watcher())
    study.fail(study.ask().number, Fault(Cause.TIMED_OUT))
    study = open_study(spec, Watcher())
    reference = study.ask()
    assert (reference.config, reference.lineage) == (REFERENCE, 0)
    others = [study.ask().number for _ in range(4)]
    for number in others:
        study.report(number, 1, 0.9)
    assert not study.report(reference.number, 1, 0.0)
    assert study.report(study.ask().number, 1, 0.0)  # anybody else would be
    study.finish(reference.number, WORK, pruned=False)
    assert [(record.is_reference, record.attempts) for record in study.records()] == [(True, 2)]


@on_every_database
def test_what_waited_when_the_study_was_closed_waits_when_it_is_opened(spec: StudySpec) -> None:
    study = open_study(spec, Watcher())
    first = study.ask()
    assert study.fail_unfinished(Fault(Cause.INTERRUPTED)) == 1
    study.close()
    for _ in range(2):  # opening it changes nothing
        study = open_study(spec, Watcher())
        assert (study.waiting(), study.orphans) == (1, 0)
        study.close()
    again = open_study(spec, Watcher()).ask()
    assert (again.lineage, again.config) == (0, first.config)


@on_every_database
@pytest.mark.parametrize("fault", [None, Fault(Cause.NODE_LOST), Fault(Cause.RAISED, "why")])
def test_an_end_without_its_state_is_that_end_when_the_study_is_opened(
    fault: Fault | None, spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill between the two writes leaves it. Such a trial has had two results before."""
    study, watcher = open_study(spec, Watcher()), Watcher()
    number = study.ask().number
    study.report(number, 1, 0.5)
    with monkeypatch.context() as patch:
        patch.setattr(optuna.storages.RDBStorage, "set_trial_state_values", lambda *_: True)
        study.fail(number, fault, WORK) if fault else study.finish(number, WORK, pruned=False)
    (half,) = in_optuna(spec).trials
    assert (half.state, END in half.user_attrs) == (TrialState.RUNNING, True)
    again = open_study(spec, watcher)
    assert (again.records(), again.lost()) == (study.records(), study.lost())
    assert (len(again.records()) + len(again.lost()), again.orphans) == (1, 0)
    assert again.waiting() == len(again.lost())
    assert [again.ask().lineage for _ in range(2)] == ([0, 2] if again.lost() else [1, 2])
    assert open_study(spec, Watcher()).records() == study.records()


@on_every_database
def test_what_a_lost_attempt_had_done_at_its_last_report_is_kept_and_found_again(
    spec: StudySpec, run_trial: RunTrial
) -> None:
    study = open_study(spec, Watcher())
    number = study.ask().number
    study.report(number, 1, 0.5, replace(WORK, seconds=1.0))
    study.report(number, 2, 0.6, replace(WORK, seconds=3.0, node="ab", gpus=("1",)))
    study.fail(number, Fault(Cause.NODE_LOST))
    before = study.lost()
    (lost,) = before
    assert (lost.number, lost.status, lost.reason) == (number, "FAIL", "its machine was lost")
    assert (lost.work.worker, lost.work.seconds, lost.work.cpu_seconds) == (WORK.worker, 3.0, WORK.cpu_seconds)
    assert (lost.work.node, lost.work.gpus) == ("ab", ("1",))
    study.fail(study.ask().number, Fault(Cause.NODE_LOST))
    run_trial(study, [0.5])
    assert [(each.attempts, each.work.seconds) for each in study.lost()] == [(1, 3.0), (2, 0.0)], "it had not reported"
    study.close()
    again = open_study(spec, Watcher())
    assert again.lost()[:1] == before
    assert len(again.lost()) == 2
    assert len(again.records()) == 1
