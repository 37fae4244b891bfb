"""Which trials are in the running, and which of them wins on fresh seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from fashion_model.data.splits import TrainingSplits
from reports.records import FinalistScore, Measurement, Status, TrialRecord, best_finalist
from search.stages.finalists import choose_finalists, find_best, most_trainings, rescore
from search.stages.run import Finalist, Run
from search.stages.trainer import outside_the_study
from search.worker.assignment import Assignment
from search.worker.faults import Cause, Fault, SearchBroken
from search.worker.seeds import Stream, derive
from search.worker.training_run import FinishedTraining

from ..somewhere import Somewhere, result
from .conftest import TrainerAt

SEEDS = tuple(derive(5, Stream.FINALIST, index) for index in range(4))
FINALISTS = [Finalist(trial, 0.9, replace(REFERENCE, dense_units=trial + 1)) for trial in (3, 8)]
DIVERGED = Fault(Cause.NON_FINITE, "training loss nan after epoch 2")


class Unlucky(Somewhere):
    """A place where every training that is in `at` diverges."""

    def __init__(self, *at: tuple[str, int]) -> None:
        super().__init__()
        self.at = at

    def outcome(self, assignment: Assignment) -> Fault | None:
        return DIVERGED if (assignment.label, assignment.seed) in self.at else None


def record(number: int, value: float | None, status: Status = "COMPLETE") -> TrialRecord:
    return TrialRecord(
        number=number,
        status=status,
        reason="",
        config=replace(REFERENCE, dense_units=number + 1),
        value=value,
        measurements=(Measurement(1, value or 0.99),),
        is_reference=number == 0,
        ended="",
    )


class Scoring(Somewhere):
    """A place where a training of a finalist has the next of its accuracies, and the one that is `lost` has none."""

    def __init__(self, lost: tuple[str, int] = ("", 0), /, **accuracies: Sequence[float]) -> None:
        super().__init__()
        self.lost = lost
        self.accuracies = {name.replace("_", " "): dict(zip(SEEDS, a, strict=False)) for name, a in accuracies.items()}

    def outcome(self, assignment: Assignment) -> FinishedTraining | Fault:
        if (assignment.label, assignment.seed) == self.lost:
            return Fault(Cause.NODE_LOST, "a spot machine")
        return replace(result(assignment), accuracy=self.accuracies[assignment.label][assignment.seed])


def score(trial: int, search_value: float, *fresh: float) -> FinalistScore:
    seeds = tuple(range(len(fresh)))
    return FinalistScore(
        trial=trial, search_value=search_value, seeds=seeds, fresh_values=fresh, seconds=1.0, cpu_seconds=1.0
    )


def test_the_best_complete_trials_are_chosen_best_first() -> None:
    trials = [record(0, 0.90), record(1, 0.95), record(2, 0.93), record(3, 0.94)]
    assert [f.trial for f in choose_finalists(trials, 3)] == [1, 3, 2]


def test_a_pruned_or_failed_trial_is_never_a_finalist() -> None:
    trials = [record(0, 0.90), record(1, None, "PRUNED"), record(2, None, "FAIL")]
    assert [f.trial for f in choose_finalists(trials, 3)] == [0]


def test_of_two_equal_trials_the_earlier_comes_first() -> None:
    assert [f.trial for f in choose_finalists([record(2, 0.9), record(1, 0.9)], 1)] == [1]


def test_a_configuration_that_was_tried_twice_is_one_finalist() -> None:
    trials = [record(0, 0.90), record(1, 0.95), replace(record(2, 0.96), config=record(1, None).config)]
    assert [(f.trial, f.value) for f in choose_finalists(trials, 3)] == [(2, 0.96), (0, 0.90)]


def test_the_winner_is_chosen_by_fresh_scores_not_by_the_search() -> None:
    lucky, steady = score(1, 0.99, 0.90, 0.91), score(2, 0.93, 0.93, 0.92)
    assert best_finalist([lucky, steady]) == steady
    assert steady.mean() == 0.925


def test_equal_fresh_scores_are_decided_by_the_search() -> None:
    assert best_finalist([score(1, 0.91, 0.9, 0.9), score(2, 0.92, 0.9, 0.9)]).trial == 2


def test_each_finalist_is_trained_on_the_same_fresh_seeds_and_scored_on_the_validation_images(
    run: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    place = Somewhere()
    found = rescore(run, trainer_at(place), FINALISTS, tiny_splits)
    assert [(s.trial, s.search_value, s.seeds, s.fresh_values) for s in found] == [
        (3, 0.9, SEEDS[:2], (0.9, 0.9)),
        (8, 0.9, SEEDS[:2], (0.9, 0.9)),
    ]
    assert [(s.seconds, s.cpu_seconds) for s in found] == [(6.0, 5.0)] * 2
    data = f"validation of split {tiny_splits.sha256}"
    assert place.asked[::-1] == [
        outside_the_study(f"trial {f.trial}", f.config, 3, seed, data=data, keep_model=False)
        for f in FINALISTS
        for seed in SEEDS[:2]
    ]
    assert place.images is not None
    assert (place.images.train, place.images.held_out) == (tiny_splits.train, tiny_splits.validation)


def test_a_close_race_has_more_seeds_and_no_more_than_the_most(
    run: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    even = Scoring(trial_3=(0.90, 0.92, 0.91, 0.92), trial_8=(0.92, 0.90, 0.91, 0.91))
    found = rescore(run, trainer_at(even), FINALISTS, tiny_splits)
    assert [s.fresh_values for s in found] == [(0.90, 0.92, 0.91, 0.92), (0.92, 0.90, 0.91, 0.91)]
    assert [s.seeds for s in found] == [SEEDS, SEEDS]
    assert len(even.asked) == most_trainings(2) == 8
    assert best_finalist(found).trial == 3
    again = Scoring()
    assert rescore(run, trainer_at(again), FINALISTS, tiny_splits) == found
    assert again.asked == [], "a resumed race trains nothing again"


def test_a_finalist_alone_is_trained_once(run: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits) -> None:
    alone = Scoring(trial_3=(0.90, 0.92))
    (score,) = rescore(run, trainer_at(alone), FINALISTS[:1], tiny_splits)
    assert score.fresh_values == (0.90,)
    assert len(alone.asked) == most_trainings(1) == 1


def test_a_training_that_fails_scores_0_on_its_seed(
    run: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    found = rescore(run, trainer_at(Unlucky(("trial 3", SEEDS[1]))), FINALISTS, tiny_splits)
    assert [s.fresh_values for s in found] == [(0.9, 0.0), (0.9, 0.9)]
    assert found[0].mean() == 0.45
    assert (found[0].seconds, found[1].seconds) == (3.0, 6.0)
    assert best_finalist(found).trial == 8


@pytest.mark.parametrize("seed", SEEDS[1:3], ids=["in the first round", "later"])
def test_no_finalist_loses_by_what_it_ran_on(
    run: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits, seed: int
) -> None:
    even = {"trial_3": (0.90, 0.92, 0.91, 0.92), "trial_8": (0.92, 0.90, 0.91, 0.91)}
    with pytest.raises(SearchBroken, match=r"by what it ran on\. Received: 1 of . trainings lost, .*: a spot machine"):
        rescore(run, trainer_at(Scoring(("trial 3", seed), **even)), FINALISTS, tiny_splits)
    resumed = rescore(run, trainer_at(Scoring(**even)), FINALISTS, tiny_splits)
    assert [score.fresh_values for score in resumed] == list(even.values())


def test_where_all_fail_the_search_is_broken_and_the_first_reason_is_told(
    run: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    every = [(f"trial {finalist.trial}", seed) for finalist in FINALISTS for seed in SEEDS[:2]]
    expected = (
        r"Some finalist must train on a fresh seed, .* Received: all 4 trainings failed, .*: non-finite loss: training"
    )
    with pytest.raises(SearchBroken, match=expected):
        rescore(run, trainer_at(Unlucky(*every)), FINALISTS, tiny_splits)
    found = rescore(run, trainer_at(Somewhere()), FINALISTS, tiny_splits)
    assert found[0].fresh_values == (0.9, 0.9)  # mended, and resumed


def test_without_a_complete_trial_there_is_no_best(
    run: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits
) -> None:
    run.trials = (record(0, None, "FAIL"),)
    with pytest.raises(SearchBroken, match=r"Some trial must complete. Received: none of 1\."):
        find_best(run, trainer_at(Somewhere()), tiny_splits)


def test_the_best_is_kept_with_the_scores_of_all(run: Run, trainer_at: TrainerAt, tiny_splits: TrainingSplits) -> None:
    run.trials = (record(0, 0.90), record(1, 0.95), record(2, 0.93))
    best = find_best(run, trainer_at(Unlucky(("trial 1", SEEDS[0]))), tiny_splits)
    assert (best.trial, best.value, run.stage) == (2, 0.93, "finalists")
    assert [s.trial for s in run.scores] == [1, 2, 0]
