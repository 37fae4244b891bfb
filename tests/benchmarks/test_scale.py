"""What is read off a search of trials that sleep: the arithmetic, and the search itself on a few of them."""

from __future__ import annotations

import pytest

from benchmarks.scale import Mark, Scale, tables
from tests.processes import python


def mark(trial: int, *, seconds: float, ask_ms: float) -> Mark:
    return Mark(
        trial=trial,
        seconds=seconds,
        cpu_seconds=0.05 * trial,
        trials_per_second=12.5,
        ask_ms=ask_ms,
        report_ms=3.0,
        finish_ms=2.0,
        peak_mebibytes=300.4,
        database_mebibytes=4.25,
    )


def scale(*marks: Mark) -> Scale:
    return Scale(nodes=8, slots=200, first_seconds=66.2, attempts=0, reports=0, marks=marks)


def test_a_mark_shows_the_rate_since_the_start_and_the_drivers_cpu_a_trial() -> None:
    text = tables(scale(mark(1_000, seconds=250.0, ask_ms=20.0)))
    row = next(line for line in text.splitlines() if line.startswith("| 1,000"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["1,000", "4.0", "12.5", "50", "20.0", "3.0", "2.0", "300", "4.2"]
    assert text.endswith("The first trial ended 66 s after the start.")


def test_the_last_trials_are_compared_with_those_before_trial_1000() -> None:
    text = tables(scale(mark(1_000, seconds=250.0, ask_ms=20.0), mark(10_000, seconds=800.0, ask_ms=45.0)))
    assert text.endswith("`ask`, `report` and `finish` of trial 10,000 cost 2.00 × those of trial 1,000.")


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_of_a_few_trials_is_marked_at_its_end_with_what_they_cost() -> None:
    done = python("-m", "benchmarks.scale", "--trials", 6, "--slots", 2, IDLE_EPOCH_SECONDS="0.2")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("| 6 "))
    cells = [float(cell) for cell in row.strip("| ").split("|")]
    assert 0 < cells[1] <= 10, "two at a time, of a fifth of a second each at the least"
    assert all(cost > 0 for cost in cells[3:7])
    assert cells[3] >= sum(cells[4:7]) > 0, "what a trial costs has the three calls in it"
