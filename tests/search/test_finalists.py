"""Finalists: the best complete trials, scored on seeds that chose nothing."""

from __future__ import annotations

from dataclasses import replace

from fashion_model.config import REFERENCE
from search.finalists import choose_finalists, winner
from search.records import FinalistScore, Status, TrialRecord


def record(number: int, value: float | None, status: Status = "COMPLETE") -> TrialRecord:
    return TrialRecord(
        number=number,
        status=status,
        reason="",
        config=replace(REFERENCE, dense_units=number + 1),
        value=value,
        intermediate=((1, value or 0.99),),
        is_reference=number == 0,
        worker="",
        started="",
        ended="",
        seconds=0.0,
        cpu_seconds=0.0,
    )


def score(trial: int, search_value: float, *fresh: float) -> FinalistScore:
    return FinalistScore(
        trial=trial, search_value=search_value, seeds=(1, 2), fresh_values=fresh, seconds=1.0, cpu_seconds=1.0
    )


def test_the_best_complete_trials_are_chosen_best_first() -> None:
    trials = [record(0, 0.90), record(1, 0.95), record(2, 0.93), record(3, 0.94)]
    assert [f.trial for f in choose_finalists(trials, 3)] == [1, 3, 2]


def test_a_pruned_or_failed_trial_is_never_a_finalist() -> None:
    trials = [record(0, 0.90), record(1, None, "PRUNED"), record(2, None, "FAIL")]
    assert [f.trial for f in choose_finalists(trials, 3)] == [0]


def test_of_two_equal_trials_the_earlier_comes_first() -> None:
    assert [f.trial for f in choose_finalists([record(2, 0.9), record(1, 0.9)], 1)] == [1]


def test_the_winner_is_chosen_by_fresh_scores_not_by_the_search() -> None:
    lucky, steady = score(1, 0.99, 0.90, 0.91), score(2, 0.93, 0.93, 0.92)
    assert winner([lucky, steady]) == steady
    assert steady.mean() == 0.925


def test_equal_fresh_scores_are_decided_by_the_search() -> None:
    assert winner([score(1, 0.91, 0.9, 0.9), score(2, 0.92, 0.9, 0.9)]).trial == 2
