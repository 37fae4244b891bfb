"""Cost by stage and the workers' timeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.cost import cost
from reports.page import make_report, render
from search.records import TrialRecord
from tests.reports.conftest import Finish, Plan


def test_the_total_is_the_sum_of_the_stages(make: Finish) -> None:
    outcome = make(Plan()).outcome
    spent = cost(outcome)
    cpu = sum(trial.cpu_seconds for trial in outcome.trials) + sum(score.cpu_seconds for score in outcome.finalists)
    cpu += sum(run.train.cpu_seconds for run in outcome.finals)
    assert spent.cpu_hours == pytest.approx(cpu / 3600)
    assert spent.total.wall_seconds == pytest.approx(2.1 + 4800 + 700 + 1220)
    assert spent.total.epochs == sum(stage.epochs or 0 for stage in spent.stages)


def test_retraining_is_counted_on_all_training_images(make: Finish) -> None:
    retrain = cost(make(Plan(epochs=4)).outcome).stages[-1]
    assert retrain.epochs == 2 * 5 * 4
    assert retrain.images == 2 * 5 * 4 * 60_000


def at(trial: TrialRecord, ended: str, seconds: float, worker: str) -> TrialRecord:
    return replace(trial, ended=f"2026-01-05T09:{ended}+00:00", seconds=seconds, worker=worker)


def test_a_busy_share_is_the_trials_time_over_peak_times_span(make: Finish) -> None:
    outcome = make(Plan()).outcome
    first, second, third = outcome.trials[:3]
    trials = (at(first, "01:00", 60, "a"), at(second, "01:00", 30, "b"), at(third, "02:00", 60, "a"))
    line = cost(replace(outcome, trials=trials)).timeline
    assert (line.span_seconds, line.peak) == (120.0, 2)
    assert line.busy_share == pytest.approx(150 / 240)
    assert sorted(lane.busy_share for lane in line.lanes) == pytest.approx([0.25, 1.0])


def test_what_went_into_attempts_that_were_made_again_is_part_of_the_cost_and_told(make: Finish) -> None:
    finished = make(Plan())
    first, second = finished.outcome.trials[:2]
    lost = replace(at(second, "01:00", 30, "b"), number=99, status="FAIL", cpu_seconds=7200.0)
    trials = (at(first, "02:00", 60, "a"), at(second, "02:00", 30, "c"))
    outcome = replace(finished.outcome, trials=trials, lost=(lost,))
    spent, without = cost(outcome), cost(replace(outcome, lost=()))
    assert (spent.lost, spent.lost_cpu_seconds) == (1, 7200.0)
    assert spent.cpu_hours == pytest.approx(without.cpu_hours + 2.0)
    assert spent.stages[1].cpu_seconds == pytest.approx((without.stages[1].cpu_seconds or 0.0) + 7200.0)
    lanes = [[(bar.trial, bar.status) for bar in lane.bars] for lane in spent.timeline.lanes]
    assert lanes[-1] == [(99, "FAIL")]
    names = [[lane.worker for lane in each.timeline.lanes] for each in (spent, without)]
    assert names == [["worker 1", "worker 2", "worker 3"], ["worker 1", "worker 2"]], "the same as without it"
    told = "Of the search’s CPU time, 2 h 00 min went into 1 attempt lost"
    pages = [render(make_report(replace(finished.outcome, lost=each), finished.predictions)) for each in ((lost,), ())]
    assert [told in page for page in pages] == [True, False]


def test_a_search_without_workers_has_an_empty_timeline(make: Finish) -> None:
    outcome = make(Plan()).outcome
    trials = tuple(replace(trial, worker="") for trial in outcome.trials)
    line = cost(replace(outcome, trials=trials)).timeline
    assert (line.lanes, line.peak, line.busy_share) == ((), 0, 0.0)
