"""The arithmetic of the best model over time: what counts, the best so far, and the service's share of the budget."""

from __future__ import annotations

from math import inf, isinf
from statistics import median

import pytest

from benchmarks.seekers.task import Ended, Task, read, tell
from benchmarks.time_to_good import Found, Search, TimeToGood, tables, within


def found(seeker: str, seed: int, *points: tuple[float, float]) -> Search:
    return Search(seeker=seeker, seed=seed, found=tuple(Found(*point) for point in points))


def result(*searches: Search) -> TimeToGood:
    return TimeToGood(budget_seconds=100.0, images=600, epochs=2, searches=searches)


def test_only_trials_that_ended_within_the_budget_count_in_order_of_time() -> None:
    ended = [Ended(1_090.0, 0.9), Ended(1_020.0, 0.8), Ended(1_100.5, 0.99)]
    assert within(ended, begun=1_000.0, budget_seconds=100.0) == (Found(20.0, 0.8), Found(90.0, 0.9))


def test_the_best_over_time_only_rises() -> None:
    search = found("service", 0, (10.0, 0.7), (20.0, 0.6), (30.0, 0.7), (40.0, 0.9), (50.0, 0.8))
    assert search.best_over_time() == (Found(10.0, 0.7), Found(40.0, 0.9))
    assert search.best() == 0.9
    assert [search.seconds_to(accuracy) for accuracy in (0.5, 0.7, 0.8, 0.9)] == [10.0, 10.0, 40.0, 40.0]
    assert isinf(search.seconds_to(0.91))


def test_a_search_without_a_full_trial_has_a_best_of_0_which_the_first_trial_of_another_reaches() -> None:
    assert found("keras_tuner", 0).best() == 0.0
    assert found("keras_tuner", 0).best_over_time() == ()
    assert isinf(found("service", 0).seconds_to(0.0))
    assert found("service", 0, (10.0, 0.1)).seconds_to(0.0) == 10.0


def test_the_share_of_the_budget_is_taken_with_the_same_seed_and_is_infinite_where_not_reached() -> None:
    measured = result(
        found("keras_tuner", 0, (80.0, 0.8)),
        found("service", 0, (10.0, 0.7), (30.0, 0.8)),
        found("keras_tuner", 1, (90.0, 0.9)),
        found("service", 1, (60.0, 0.85)),
        found("service", 2, (40.0, 0.9)),
        found("keras_tuner", 2, (50.0, 0.6)),
    )
    shares = measured.shares_of_budget("keras_tuner")
    assert shares == (0.3, inf, 0.4)
    assert median(shares) == 0.4
    row = next(line for line in tables(measured).splitlines() if "KerasTuner" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == [
        "1",
        "0.800",
        "0.600 to 0.900",
        "40%",
        "30% to not reached",
    ]


def test_a_table_without_the_service_has_no_shares() -> None:
    row = tables(result(found("keras_tuner", 0, (80.0, 0.8)))).splitlines()[2]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "(c) KerasTuner",
        "1",
        "0.800",
        "0.800 to 0.800",
        "",
        "",
    ]


def test_what_is_told_is_read_among_other_lines_and_a_torn_one_is_passed_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(0.75)
    told = capsys.readouterr().out
    (ended,) = read(f"Trial status: 1 RUNNING\n{told}{told[:-6]}")
    assert ended.accuracy == 0.75


def test_a_task_survives_its_command_line() -> None:
    task = Task.of(["3", "600", "2"])
    assert (task.seed, task.images, task.epochs) == (3, 600, 2)
    assert Task.of(task.arguments()) == task
