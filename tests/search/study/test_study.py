"""The study as the record of truth: statuses, reasons, intermediate values, the reference once and never pruned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from search.study.open_study import StudySpec, open_study
from search.study.space import Space
from search.study.study import SearchStudy
from search.worker.faults import Cause, Fault, SearchBroken
from tests.search.conftest import WORK, RunTrial, Watcher, in_optuna, on_every_database

RAISED = Fault(Cause.RAISED, "ValueError: no")
pytestmark = on_every_database


def test_the_reference_is_trial_0_and_is_asked_for_once(study: SearchStudy, run_trial: RunTrial) -> None:
    first = study.ask()
    assert (first.number, first.lineage, first.config) == (0, 0, REFERENCE)
    study.report(0, 1, 0.5)
    study.finish(0, WORK, pruned=False)
    for _ in range(5):
        run_trial(study, [0.1])
    assert [record.number for record in study.records() if record.is_reference] == [0]


def test_a_complete_trial_keeps_value_and_every_epoch(study: SearchStudy, run_trial: RunTrial) -> None:
    number = run_trial(study, [0.1, 0.2, 0.3])
    record = study.records()[0]
    assert (record.number, record.status, record.reason, record.value) == (number, "COMPLETE", "", 0.3)
    assert record.measurements == ((1, 0.1), (2, 0.2), (3, 0.3))
    assert (record.work.worker, record.work.seconds, record.work.cpu_seconds) == ("host:1", 2.0, 1.5)
    assert (record.attempts, record.lineage, record.work.note) == (1, None, "")


def test_a_pruned_trial_keeps_its_epochs_and_has_no_value(study: SearchStudy, run_trial: RunTrial) -> None:
    for _ in range(3):
        run_trial(study, [0.9] * 9)
    run_trial(study, [0.1] * 9)
    record = study.records()[-1]
    assert (record.status, record.value, record.measurements) == ("PRUNED", None, ((1, 0.1),))
    assert record.reason == "pruned after epoch 1"


def test_a_failed_trial_keeps_its_reason_its_epochs_and_its_work(study: SearchStudy) -> None:
    number = study.ask().number
    study.report(number, 1, 0.4)
    study.fail(number, Fault(Cause.NON_FINITE, "training loss nan after epoch 2"), WORK)
    record = study.records()[0]
    assert (record.status, record.value, record.measurements) == ("FAIL", None, ((1, 0.4),))
    assert record.reason == "non-finite loss: training loss nan after epoch 2"
    assert (record.work.worker, record.work.started) == ("host:1", "2026-01-01T00:00:00+00:00")


def test_trials_left_open_end_as_failed_with_the_reason(study: SearchStudy) -> None:
    numbers = [study.ask().number for _ in range(3)]
    assert study.fail_unfinished(RAISED) == 3
    reason = "raised: ValueError: no"
    assert [(r.number, r.status, r.reason) for r in study.records()] == [(n, "FAIL", reason) for n in numbers]
    assert study.fail_unfinished(RAISED) == 0


def test_a_refused_point_is_no_trial_and_leaves_no_gap(spec: StudySpec) -> None:
    wide = Space(lines=["base_filters = 16 to 128, step 16"])
    study = open_study(replace(spec, space=wide), Watcher())
    assert [study.ask().number for _ in range(20)] == list(range(20))
    draws = [trial.user_attrs.get("draw", trial.number) for trial in in_optuna(spec).trials]
    assert max(draws) > 19, "some points were refused"
    assert [trial.number for trial in in_optuna(spec).trials] == list(range(20))
    assert study.counts.running == 20


def test_a_space_that_admits_no_point_ends_the_search_with_the_reason(spec: StudySpec) -> None:
    none = Space(max_params=500)
    study = open_study(replace(spec, space=none), Watcher())
    assert study.ask().config == REFERENCE
    with pytest.raises(SearchBroken, match=r"at most 500 parameters; this point needs [\d,]+\. Loosen --fix, --space"):
        study.ask()


def test_counts_and_records_are_the_same_after_the_study_is_opened_again(
    spec: StudySpec, study: SearchStudy, run_trial: RunTrial
) -> None:
    for value in (0.9, 0.95, 0.97, 0.1):
        run_trial(study, [value] * 9)
    study.fail(study.ask().number, RAISED, WORK)
    assert study.left(8) == 3
    study.ask()
    counts, records = study.counts, study.records()
    assert (counts.complete, counts.pruned, counts.failed, counts.running) == (3, 1, 1, 1)
    assert (counts.ended(), counts.epochs, study.left(8)) == (5, 28, 2)
    assert (counts.best_value, counts.best_trial) == (0.97, records[2].number)
    assert [record.status for record in records] == ["COMPLETE", "COMPLETE", "COMPLETE", "PRUNED", "FAIL"]
    again = open_study(spec, Watcher())
    assert (again.counts.ended(), again.counts.running, again.counts.epochs) == (5, 0, 28)
    assert (again.counts.best_value, again.counts.best_trial) == (0.97, counts.best_trial)
    assert again.left(8) == 3
    assert again.records() == records
    for value in (0.98, 0.99):  # the trial that was under way, and a new one
        run_trial(again, [value])
    assert again.records()[:-2] == records
    assert [(record.value, record.is_reference) for record in again.records()[-2:]] == [(0.98, False), (0.99, False)]


def test_a_trial_that_somebody_else_has_enqueued_is_no_result_and_is_left_waiting(
    spec: StudySpec, run_trial: RunTrial
) -> None:
    run_trial(open_study(spec, Watcher()), [0.5])
    in_optuna(spec).enqueue_trial({"conv_blocks": 3})
    study = open_study(spec, Watcher())
    assert (study.counts.ended(), study.left(3)) == (1, 2)
    assert run_trial(study, [0.6]) == 2
    for found in (study, open_study(spec, Watcher())):
        assert [(record.number, record.value) for record in found.records()] == [(0, 0.5), (2, 0.6)]
    assert in_optuna(spec).trials[1].state.name == "WAITING"


def test_of_two_equal_values_the_earlier_is_the_best(study: SearchStudy, run_trial: RunTrial) -> None:
    first = run_trial(study, [0.5])
    run_trial(study, [0.5])
    assert study.counts.best_trial == first


def test_the_observer_sees_each_change_and_each_end(study: SearchStudy, watcher: Watcher, run_trial: RunTrial) -> None:
    run_trial(study, [0.5, 0.6])
    assert [(c.running, c.complete, c.epochs) for c in watcher.counts] == [(1, 0, 0), (1, 0, 1), (1, 0, 2), (0, 1, 2)]
    assert [(r.number, r.status) for r in watcher.records] == [(0, "COMPLETE")]


def test_a_trial_that_ended_cannot_be_reported_on(study: SearchStudy, run_trial: RunTrial) -> None:
    number = run_trial(study, [0.5])
    with pytest.raises(KeyError, match=str(number)):
        study.report(number, 2, 0.6)


def test_too_many_failures_in_a_row_end_the_search_with_the_last_reason(spec: StudySpec, run_trial: RunTrial) -> None:
    study = open_study(replace(spec, most_failures=3), Watcher())
    for _ in range(2):
        study.fail(study.ask().number, RAISED)
    run_trial(study, [0.5])  # one that ends well: the count begins again
    for index in range(3):
        number = study.ask().number
        study.fail(number, Fault(Cause.RAISED, f"ValueError: {index}"))
    expected = rf"Fewer than 3 trials in a row may fail\. Received: .* trial {number}: raised: ValueError: 2\. Mend"
    with pytest.raises(SearchBroken, match=expected) as error:
        study.ask()
    assert study.broken is error.value
    assert open_study(replace(spec, most_failures=3), Watcher()).ask().number > number  # it may have been mended
