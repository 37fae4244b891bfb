"""The study as the record of truth: statuses, reasons, intermediate values, the reference once and never pruned."""

from __future__ import annotations

from collections.abc import Callable

import optuna
import pytest

from fashion_model.config import REFERENCE
from search.storage import StudySpec, open_study
from search.study import SearchStudy

from .conftest import WORK, Watcher

RunTrial = Callable[[SearchStudy, list[float]], int]


def test_the_reference_is_trial_0_and_is_asked_for_once(study: SearchStudy, run_trial: RunTrial) -> None:
    first = study.ask()
    assert (first.number, first.config) == (0, REFERENCE)
    study.report(0, 1, 0.5)
    study.finish(0, WORK, pruned=False)
    for _ in range(5):
        run_trial(study, [0.1])
    assert [record.number for record in study.records() if record.is_reference] == [0]


def test_opening_a_study_again_does_not_ask_for_the_reference_again(spec: StudySpec, run_trial: RunTrial) -> None:
    run_trial(open_study(spec, Watcher()), [0.5])
    again = open_study(spec, Watcher())
    assert again.records()[0].config is not None
    assert again.ask().number > 0
    again.fail_unfinished("test")
    assert sum(record.is_reference for record in again.records()) == 1


def test_a_complete_trial_keeps_value_and_every_epoch(study: SearchStudy, run_trial: RunTrial) -> None:
    number = run_trial(study, [0.1, 0.2, 0.3])
    record = study.records()[0]
    assert (record.number, record.status, record.reason, record.value) == (number, "COMPLETE", "", 0.3)
    assert record.intermediate == ((1, 0.1), (2, 0.2), (3, 0.3))
    assert (record.worker, record.seconds, record.cpu_seconds) == ("host:1", 2.0, 1.5)


def test_a_pruned_trial_keeps_its_epochs_and_has_no_value(study: SearchStudy, run_trial: RunTrial) -> None:
    for _ in range(3):
        run_trial(study, [0.9] * 9)
    run_trial(study, [0.1] * 9)
    record = study.records()[-1]
    assert (record.status, record.value, record.intermediate) == ("PRUNED", None, ((1, 0.1),))
    assert record.reason == "pruned after epoch 1"


def test_a_pruned_trial_counts_as_pruned_in_optuna_too(
    study: SearchStudy, spec: StudySpec, run_trial: RunTrial
) -> None:
    for value in (0.9, 0.9, 0.9, 0.1):
        run_trial(study, [value] * 9)
    stored = optuna.load_study(study_name=spec.name, storage=spec.url)
    assert [trial.state.name for trial in stored.trials if "refused" not in trial.user_attrs][-1] == "PRUNED"


def test_the_reference_is_never_pruned(study: SearchStudy) -> None:
    reference = study.ask().number
    others = [study.ask().number for _ in range(4)]
    for number in others:
        study.report(number, 1, 0.9)
    assert not study.report(reference, 1, 0.0)
    assert study.report(study.ask().number, 1, 0.0)  # anybody else would be


def test_a_failed_trial_keeps_its_reason_and_its_epochs(study: SearchStudy) -> None:
    number = study.ask().number
    study.report(number, 1, 0.4)
    study.fail(number, "non-finite training loss (nan) after epoch 2", WORK)
    record = study.records()[0]
    assert (record.status, record.value, record.intermediate) == ("FAIL", None, ((1, 0.4),))
    assert record.reason == "non-finite training loss (nan) after epoch 2"


def test_trials_left_open_end_as_failed_with_the_reason(study: SearchStudy) -> None:
    numbers = [study.ask().number for _ in range(3)]
    assert study.fail_unfinished("interrupted") == 3
    assert [(r.number, r.status, r.reason) for r in study.records()] == [(n, "FAIL", "interrupted") for n in numbers]
    assert study.fail_unfinished("interrupted") == 0


def test_a_refused_point_is_stored_with_its_rule_but_is_no_trial(spec: StudySpec, study: SearchStudy) -> None:
    numbers = [study.ask().number for _ in range(20)]
    assert study.refused() > 0
    assert study.counts().running == 20
    stored = optuna.load_study(study_name=spec.name, storage=spec.url).trials
    refused = [trial for trial in stored if "refused" in trial.user_attrs]
    assert len(refused) == study.refused()
    assert {trial.number for trial in refused}.isdisjoint(numbers)
    assert all(trial.state.name == "FAIL" and "at most" in trial.user_attrs["refused"] for trial in refused)


def test_counts_add_up(study: SearchStudy, run_trial: RunTrial) -> None:
    for value in (0.9, 0.95, 0.97, 0.1):
        run_trial(study, [value] * 9)
    study.fail(study.ask().number, "test")
    study.ask()
    counts = study.counts()
    assert (counts.complete, counts.pruned, counts.failed, counts.running) == (3, 1, 1, 1)
    assert (counts.ended(), counts.epochs) == (5, 28)
    assert counts.best_value == 0.97
    assert counts.best_trial == study.records()[2].number


def test_the_observer_sees_each_change_and_each_end(study: SearchStudy, watcher: Watcher, run_trial: RunTrial) -> None:
    run_trial(study, [0.5, 0.6])
    assert [(c.running, c.complete, c.epochs) for c in watcher.counts] == [(1, 0, 0), (1, 0, 1), (1, 0, 2), (0, 1, 2)]
    assert [(r.number, r.status) for r in watcher.records] == [(0, "COMPLETE")]


def test_records_are_the_same_after_the_study_is_opened_again(
    spec: StudySpec, study: SearchStudy, run_trial: RunTrial
) -> None:
    for value in (0.9, 0.8, 0.7, 0.1):
        run_trial(study, [value] * 9)
    assert open_study(spec, Watcher()).records() == study.records()


def test_a_trial_that_ended_cannot_be_reported_on(study: SearchStudy, run_trial: RunTrial) -> None:
    number = run_trial(study, [0.5])
    with pytest.raises(KeyError, match=str(number)):
        study.report(number, 2, 0.6)
