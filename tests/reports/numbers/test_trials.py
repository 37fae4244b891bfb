"""The trials in numbers: best so far, counts, epochs."""

from __future__ import annotations

import statistics
from dataclasses import replace

import pytest

from reports.numbers.trials import TrialNumbers, trial_numbers
from reports.records import Measurement, SearchOutcome
from tests.reports.conftest import Plan, finish


def trials_of(outcome: SearchOutcome) -> TrialNumbers:
    return trial_numbers(outcome.trials, outcome.finalists, outcome.reference_config, outcome.best_trial)


def test_the_best_so_far_never_falls_and_ends_at_the_best_complete_value() -> None:
    outcome = finish(Plan()).outcome
    numbers = trials_of(outcome)
    steps = [point.best_so_far for point in numbers.trials if point.best_so_far is not None]
    assert steps == sorted(steps)
    assert steps[-1] == max(trial.value for trial in outcome.trials if trial.value is not None)


def test_a_pruned_trial_shows_its_last_value_but_is_never_the_best() -> None:
    outcome = finish(Plan()).outcome
    pruned = next(trial for trial in outcome.trials if trial.status == "PRUNED")
    raised = replace(pruned, measurements=(Measurement(1, 0.999),))
    trials = tuple(raised if trial is pruned else trial for trial in outcome.trials)
    numbers = trials_of(replace(outcome, trials=trials))
    assert next(point for point in numbers.trials if point.number == pruned.number).value == 0.999
    assert all(point.best_so_far is None or point.best_so_far < 0.999 for point in numbers.trials)
    assert pruned.number not in {point.number for point in numbers.top}


def test_a_finalists_mean_and_spread_are_those_of_its_fresh_seeds() -> None:
    outcome = finish(Plan()).outcome
    for found, score in zip(trials_of(outcome).finalists, outcome.finalists, strict=True):
        assert found.fresh_mean == pytest.approx(statistics.mean(score.fresh_values))
        assert found.deviation == pytest.approx(statistics.stdev(score.fresh_values))
        assert found.is_best == (score.trial == outcome.best_trial)


def test_statuses_and_epochs_add_up() -> None:
    outcome = finish(Plan()).outcome
    numbers = trials_of(outcome)
    assert numbers.counts.complete + numbers.counts.pruned + numbers.counts.failed == len(outcome.trials)
    assert numbers.epochs == sum(len(trial.measurements) for trial in outcome.trials)
    assert sum(rung.ended_here * rung.epoch for rung in numbers.rungs) == numbers.epochs
    assert sum(failure.trials for failure in numbers.failures) == numbers.counts.failed
