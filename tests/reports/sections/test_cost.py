"""Cost by stage and the workers' timeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from reports.numbers.finished import finished
from reports.records import AblationStep, TrialRecord
from reports.sections.cost.figures import cost_of
from reports.sections.cost.section import cost, lanes_not_drawn
from tests.reports.conftest import Plan, finish


def test_the_total_is_the_sum_of_the_stages() -> None:
    outcome = finish(Plan()).outcome
    spent = cost_of(outcome)
    cpu = sum(trial.work.cpu_seconds for trial in outcome.trials) + sum(
        score.cpu_seconds for score in outcome.finalists
    )
    cpu += sum(run.train.cpu_seconds for run in outcome.finals)
    assert spent.cpu_hours == pytest.approx(cpu / 3600)
    assert spent.total.wall_seconds == pytest.approx(2.1 + 4800 + 700 + 1220)
    assert spent.total.epochs == sum(stage.epochs or 0 for stage in spent.stages)


def test_retraining_is_counted_on_all_training_images() -> None:
    retrain = cost_of(finish(Plan(epochs=4)).outcome).stages[-1]
    assert retrain.epochs == 2 * 5 * 4
    assert retrain.images == 2 * 5 * 4 * 60_000


def test_an_ablation_and_equal_compute_are_part_of_the_cost() -> None:
    outcome = finish(Plan(epochs=4)).outcome
    step = AblationStep(config=outcome.best_config, values=(0.9, 0.9), trainings=2, cpu_seconds=100.0)
    more = replace(outcome, ablation=(step, step), equal_compute=outcome.finals[:1])
    before, after = cost_of(outcome), cost_of(more)
    assert [stage.name for stage in after.stages] == ["data", "search", "finalists", "ablation", "retrain"]
    assert (after.stages[3].epochs, after.stages[3].images) == (16, 16 * 50_000)
    added = 200.0 + outcome.finals[0].train.cpu_seconds
    assert after.total.cpu_seconds == pytest.approx((before.total.cpu_seconds or 0.0) + added)
    assert after.total.epochs == (before.total.epochs or 0) + 16 + 4


@pytest.mark.parametrize("price", [0.0, 25.16])
def test_money_is_the_price_for_the_wall_time_and_says_where_it_is_from(price: float) -> None:
    search = finish(Plan())
    asked = {**search.outcome.settings, "price_per_hour": price, "price_source": "all machines of <my> file"}
    numbers = finished(replace(search.outcome, settings=asked), search.predictions)
    section, usd = cost(numbers), price * (2.1 + 4800 + 700 + 1220) / 3600
    assert section.heading.endswith(f", {usd:.2f} USD")
    assert f"Money: {price:.2f} USD an hour for all machines together (all machines of &lt;my&gt; file)" in section.html
    assert f"<td>{price * 4800 / 3600:.2f}</td></tr>" in section.html
    assert "USD" not in cost(search.numbers()).html


def at(trial: TrialRecord, ended: str, seconds: float, worker: str) -> TrialRecord:
    work = replace(trial.work, seconds=seconds, worker=worker)
    return replace(trial, ended=f"2026-01-05T09:{ended}+00:00", work=work)


def test_a_busy_share_is_the_trials_time_over_peak_times_span() -> None:
    outcome = finish(Plan()).outcome
    first, second, third = outcome.trials[:3]
    trials = (at(first, "01:00", 60, "a"), at(second, "01:00", 30, "b"), at(third, "02:00", 60, "a"))
    line = cost_of(replace(outcome, trials=trials)).timeline
    assert (line.span_seconds, line.peak) == (120.0, 2)
    assert line.busy_share == pytest.approx(150 / 240)
    assert sorted(lane.busy_share for lane in line.lanes) == pytest.approx([0.25, 1.0])


def test_what_went_into_attempts_without_a_result_is_part_of_the_cost_and_said() -> None:
    search = finish(Plan())
    first, second = search.outcome.trials[:2]
    attempt = at(second, "01:00", 30, "b")
    lost = replace(attempt, number=99, status="FAIL", work=replace(attempt.work, cpu_seconds=7200.0))
    trials = (at(first, "02:00", 60, "a"), at(second, "02:00", 30, "c"))
    outcome = replace(search.outcome, trials=trials, lost=(lost,))
    spent, without = cost_of(outcome), cost_of(replace(outcome, lost=()))
    assert (spent.lost, spent.lost_cpu_seconds) == (1, 7200.0)
    assert spent.cpu_hours == pytest.approx(without.cpu_hours + 2.0)
    assert spent.stages[1].cpu_seconds == pytest.approx((without.stages[1].cpu_seconds or 0.0) + 7200.0)
    lanes = [[(bar.trial, bar.status) for bar in lane.bars] for lane in spent.timeline.lanes]
    assert lanes[-1] == [(99, "FAIL")]
    names = [[lane.worker for lane in each.timeline.lanes] for each in (spent, without)]
    assert names == [["worker 1", "worker 2", "worker 3"], ["worker 1", "worker 2"]], "the same as without it"
    said = "Of the search’s CPU time, 2 h 00 min went into 1 attempt that ended without a result: lost with a worker"
    pages = [cost(finished(replace(search.outcome, lost=each), search.predictions)).html for each in ((lost,), ())]
    assert [said in page for page in pages] == [True, False]
    assert "made again" not in pages[0], "the time budget may have ended before that"


def test_trials_of_less_than_a_second_are_one_at_once() -> None:
    outcome = finish(Plan()).outcome
    first, second = outcome.trials[:2]
    trials = (at(first, "01:00", 0.5, "a"), at(second, "01:02", 0.5, "a"))
    line = cost_of(replace(outcome, trials=trials)).timeline
    assert (line.peak, line.span_seconds) == (1, 2.5)
    assert line.busy_share == pytest.approx(1 / 2.5)


def test_a_search_without_workers_has_an_empty_timeline() -> None:
    outcome = finish(Plan()).outcome
    trials = tuple(replace(trial, work=replace(trial.work, worker="")) for trial in outcome.trials)
    line = cost_of(replace(outcome, trials=trials)).timeline
    assert (line.lanes, line.peak, line.busy_share) == ((), 0, 0.0)


def test_the_retraining_of_a_reference_that_wins_is_counted_once() -> None:
    outcome = finish(Plan(epochs=4, best_config=REFERENCE)).outcome
    retrain = cost_of(outcome).stages[-1]
    assert retrain.epochs == 5 * 4
    assert retrain.cpu_seconds == pytest.approx(sum(run.train.cpu_seconds for run in outcome.runs("reference")))


def test_gpu_hours_are_gpus_times_wall_time_and_gaps_are_between_two_trials_of_a_worker() -> None:
    outcome = finish(Plan()).outcome
    first, second, third = outcome.trials[:3]
    trials = (at(first, "01:00", 60, "a"), at(second, "01:00", 30, "b"), at(third, "02:00", 50, "a"))
    spent = cost_of(replace(outcome, trials=trials, environment=replace(outcome.environment, gpus=4.0)))
    assert spent.gpu_hours == pytest.approx(4 * (2.1 + 4800 + 700 + 1220) / 3600)
    assert spent.timeline.gap_seconds == pytest.approx(10.0)


def test_workers_beyond_32_are_counted_and_said() -> None:
    search = finish(Plan())
    trials = tuple(
        at(replace(search.outcome.trials[1], number=n), "01:00", 30 + n % 2 * 30, f"worker-{n}:1") for n in range(40)
    )
    line = cost_of(replace(search.outcome, trials=trials)).timeline
    said = "The first 32 of 40 workers are drawn; the other 8 ran 8 trials and were busy 75% of the time."
    assert lanes_not_drawn(line) == said
    assert lanes_not_drawn(replace(line, lanes=line.lanes[:32])) == ""
