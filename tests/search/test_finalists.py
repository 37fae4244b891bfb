"""Finalists: the best complete trials, scored on seeds that chose nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE
from fashion_model.data import TrainingSplits
from search.faults import Cause, Fault, SearchBroken
from search.records import FinalistScore, Status, TrialRecord
from search.seeds import Stream, derive
from search.stages.finalists import Finalist, choose_finalists, jobs_count, rescore, winner
from search.stages.trainings import Trainings
from search.trials.assignment import TrialPlan
from search.trials.checkpoints import CheckpointStore
from search.trials.job import Job

from .somewhere import Somewhere

PLAN = TrialPlan(trials=4, epochs=3, seed=5)
SEEDS = tuple(derive(5, Stream.FINALIST, index) for index in range(2))
FINALISTS = [Finalist(trial, 0.9, replace(REFERENCE, dense_units=trial + 1)) for trial in (3, 8)]
DIVERGED = Fault(Cause.NON_FINITE, "training loss nan after epoch 2")


class Unlucky(Somewhere):
    """A place where every training that is in `at` diverges."""

    def __init__(self, *at: tuple[str, int]) -> None:
        super().__init__()
        self.at = at

    def outcome(self, job: Job) -> Fault | None:
        return DIVERGED if (job.label, job.seed) in self.at else None


def scores(place: Somewhere, splits: TrainingSplits, folder: Path) -> tuple[FinalistScore, ...]:
    trainings = Trainings(folder / "trainings", lambda: place, CheckpointStore(str(folder)))
    return rescore(trainings, FINALISTS, splits, PLAN, lambda job: None)


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


def test_each_finalist_is_trained_on_the_same_fresh_seeds_and_scored_on_the_validation_images(
    tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    place = Somewhere()
    found = scores(place, tiny_splits, tmp_path)
    assert [(s.trial, s.search_value, s.seeds, s.fresh_values) for s in found] == [
        (3, 0.9, SEEDS, (0.9, 0.9)),
        (8, 0.9, SEEDS, (0.9, 0.9)),
    ]
    assert [(s.seconds, s.cpu_seconds) for s in found] == [(6.0, 5.0)] * 2
    assert len(place.asked) == jobs_count(2) == 4
    assert {(job.epochs, job.keep_model, job.data) for job in place.asked} == {
        (3, False, f"validation of split {tiny_splits.sha256}")
    }


def test_a_training_that_fails_scores_0_on_its_seed(tiny_splits: TrainingSplits, tmp_path: Path) -> None:
    found = scores(Unlucky(("trial 3", SEEDS[1])), tiny_splits, tmp_path)
    assert [s.fresh_values for s in found] == [(0.9, 0.0), (0.9, 0.9)]
    assert found[0].mean() == 0.45
    assert (found[0].seconds, found[1].seconds) == (3.0, 6.0)
    assert winner(found).trial == 8


def test_where_all_fail_the_search_is_broken_and_the_first_reason_is_told(
    tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    every = [(f"trial {finalist.trial}", seed) for finalist in FINALISTS for seed in SEEDS]
    expected = (
        r"Some finalist must train on a fresh seed\. Received: all 4 trainings failed, .*: non-finite loss: training"
    )
    with pytest.raises(SearchBroken, match=expected):
        scores(Unlucky(*every), tiny_splits, tmp_path)
    assert scores(Somewhere(), tiny_splits, tmp_path)[0].fresh_values == (0.9, 0.9)  # mended, and resumed
