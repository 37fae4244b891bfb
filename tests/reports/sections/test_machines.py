"""Machines and GPUs: what ran where, when, and how busy each was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.numbers.finished import finished
from reports.records import SearchOutcome, TrialRecord, Work
from reports.sections.cost.machines import Machines, machines
from reports.sections.cost.section import cost, machines_heading
from tests.reports.conftest import Plan, finish

FIRST, SECOND = "aa" * 28, "bb" * 28


def at(trial: TrialRecord, start: str, seconds: float, node: str, *gpus: str, host: str = "") -> TrialRecord:
    """The trial, on these GPUs of that node from `start` on (minutes and seconds)."""
    started = f"2026-01-05T09:{start}.000+00:00"
    return replace(trial, work=Work(started=started, seconds=seconds, worker=f"{host or node}:1", node=node, gpus=gpus))


@pytest.fixture
def outcome() -> SearchOutcome:
    """Two machines with GPUs: two trials share one GPU, one trial has two, and the search lasts 200 s."""
    made = finish(Plan()).outcome
    a, b, c, d = made.trials[:4]
    trials = (
        at(a, "00:00", 100, FIRST, "0"),
        at(b, "00:20", 60, FIRST, "0"),
        at(c, "01:40", 50, FIRST, "0"),
        at(d, "02:00", 80, SECOND, "0", "1"),
    )
    started = "2026-01-05T10:00:00+00:00"
    work = Work(started=started, seconds=120, worker=f"{SECOND}:9", node=SECOND, gpus=("1",))
    return replace(made, trials=trials, finals=(replace(made.finals[0], work=work),))


def rows(numbers: Machines) -> list[tuple[object, ...]]:
    return [(device.node, device.name, device.trials, device.retrainings) for device in numbers.devices]


def test_each_gpu_has_its_trials_and_retrainings(outcome: SearchOutcome) -> None:
    numbers = machines(outcome)
    assert rows(numbers) == [("node 1", "GPU 0", 3, 0), ("node 2", "GPU 0", 1, 0), ("node 2", "GPU 1", 1, 1)]
    assert (numbers.nodes, numbers.gpus, numbers.span_seconds) == (2, 3, 200.0)


def test_a_gpu_is_busy_while_some_trial_is_on_it_and_counts_how_many(outcome: SearchOutcome) -> None:
    shared, *pair = machines(outcome).devices
    assert (shared.spans, shared.busy_seconds) == (((0.0, 150.0),), 150.0)
    assert shared.busy_share == pytest.approx(0.75)
    assert shared.at_once == pytest.approx(210 / 150)
    for device in pair:
        assert (device.first, device.last, device.at_once) == (120.0, 200.0, 1.0)
        assert device.busy_share == pytest.approx(0.4)
    assert machines(outcome).busy_share == pytest.approx((0.75 + 0.4 + 0.4) / 3)


def test_a_devices_images_a_second_and_where_the_trials_time_went_come_from_their_work(outcome: SearchOutcome) -> None:
    assert machines(outcome).trial_time is None, "older records do not say"
    assert [device.images_a_second for device in machines(outcome).devices] == [None] * 3
    trials = tuple(
        replace(
            trial,
            work=replace(trial.work, trained_epochs=3, train_seconds=0.8 * seconds, compile_seconds=0.3 * seconds),
        )
        for trial, seconds in zip(outcome.trials, (100, 60, 50, 80), strict=True)
    )
    numbers = machines(replace(outcome, trials=trials))
    # three trials in 150 s; one trial in 80 s, half of each batch on each GPU
    rates = [3 * 3 * 50_000 / 150, 3 * 25_000 / 80, 3 * 25_000 / 80]
    assert [device.images_a_second for device in numbers.devices] == pytest.approx(rates)
    assert numbers.trial_time is not None
    time = numbers.trial_time
    assert (time.compiling, time.training, time.other) == pytest.approx((0.3, 0.5, 0.2))


def test_a_pause_between_two_trials_is_not_busy(outcome: SearchOutcome) -> None:
    a, b, *_ = outcome.trials
    trials = (at(a, "00:00", 30, FIRST), at(b, "01:00", 30, FIRST))
    (device,) = machines(replace(outcome, trials=trials, finals=())).devices
    assert (device.name, device.spans) == ("CPU", ((0.0, 30.0), (60.0, 90.0)))
    assert device.busy_share == pytest.approx(60 / 90)


def test_retrainings_that_are_listed_for_both_models_ran_once(outcome: SearchOutcome) -> None:
    twice = (*outcome.finals, *(replace(run, model="best") for run in outcome.finals))
    assert rows(machines(replace(outcome, finals=twice, best_config=outcome.reference_config))) == rows(
        machines(outcome)
    )


def test_in_older_runs_the_host_stands_for_the_machine() -> None:
    numbers = machines(finish(Plan()).outcome)
    assert [(device.node, device.name) for device in numbers.devices] == [("node 1", "CPU"), ("node 2", "CPU")]
    assert sum(device.trials for device in numbers.devices) == 14
    assert sum(device.retrainings for device in numbers.devices) == 0


@pytest.mark.parametrize(("start", "machines_seen"), [("01:40", 1), ("01:39", 2)], ids=["after", "beside"])
def test_a_machine_whose_ray_was_started_anew_for_a_resumed_run_is_one(start: str, machines_seen: int) -> None:
    made = finish(Plan()).outcome
    a, b = made.trials[:2]
    trials = at(a, "00:00", 100, FIRST, host="box"), at(b, start, 100, SECOND, host="box")
    numbers = machines(replace(made, trials=trials, finals=()))
    assert (numbers.nodes, [device.trials for device in numbers.devices]) == (
        machines_seen,
        [2 // machines_seen] * machines_seen,
    )
    assert numbers.busy_share == pytest.approx(1.0 if machines_seen == 1 else 0.5, abs=0.01)


def test_the_page_shows_a_row_a_gpu_and_names_no_machine(outcome: SearchOutcome) -> None:
    search = finish(Plan())
    trials = (*outcome.trials, *search.outcome.trials[4:])
    works = [replace(each.work, node=each.work.node or FIRST, gpus=each.work.gpus or ("3",)) for each in trials]
    trials = tuple(replace(trial, work=work) for trial, work in zip(trials, works, strict=True))
    changed = replace(search.outcome, trials=trials)
    page = cost(finished(changed, search.predictions)).html
    heading = machines_heading(machines(changed))
    assert page.count('<th scope="row">node 1</th>') == 2
    assert page.count('<th scope="row">node 2</th>') == 2
    assert heading in page
    assert 'id="machines-title"' in page
    assert heading.startswith("4 GPUs of 2 machines, busy ")
    assert FIRST not in page
    assert SECOND not in page


def test_machines_of_one_worker_each_are_drawn_once_and_listed() -> None:
    page = cost(finish(Plan()).numbers()).html
    assert page.count('id="timeline-title"') == page.count('id="machines-table"') == 1
    assert 'id="machines-title"' not in page


@pytest.mark.parametrize(("hosts", "said"), [(("host",), True), (("host", "other"), False)])
def test_one_devices_pace_stands_for_the_search_only_where_it_was_alone(hosts: tuple[str, ...], said: bool) -> None:
    search = finish(Plan())
    works = [
        replace(trial.work, worker=f"{hosts[trial.number % len(hosts)]}:1", trained_epochs=2, train_seconds=5.0)
        for trial in search.outcome.trials
    ]
    trials = tuple(replace(trial, work=work) for trial, work in zip(search.outcome.trials, works, strict=True))
    page = cost(finished(replace(search.outcome, trials=trials), search.predictions)).html
    assert "went into passes over the training images" in page
    assert ("While it was busy, CPU trained on " in page) == said


def test_a_gpu_was_busy_with_an_attempt_that_was_made_again_elsewhere(outcome: SearchOutcome) -> None:
    lost = replace(at(outcome.trials[3], "00:50", 20, SECOND, "1"), status="FAIL", number=99)
    _, alone, both = machines(replace(outcome, lost=(lost,))).devices
    assert (alone.trials, alone.spans) == (1, ((120.0, 200.0),))
    assert (both.trials, both.spans) == (2, ((50.0, 70.0), (120.0, 200.0)))
    assert both.busy_share == pytest.approx(0.5)


def test_one_machine_without_gpus_needs_no_table() -> None:
    search = finish(Plan())
    trials = tuple(replace(trial, work=replace(trial.work, worker="host:1")) for trial in search.outcome.trials)
    outcome = replace(search.outcome, trials=trials)
    page = cost(finished(outcome, search.predictions)).html
    assert 'id="machines-title"' not in page
    assert "machines-table" not in page
    assert machines_heading(machines(outcome)).startswith("1 machine, busy")
