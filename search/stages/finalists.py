"""The stage finalists: the best trials race on fresh seeds before one of them is named the best.

The best of many noisy scores is best partly by luck (the winner's curse): with 50 trials, noise of 0.25 pt and
configurations 0.3 pt apart, the winner is among the true top five 74% of the time. A score that was not
chosen by has no such luck in it.

The race is successive rejects (Audibert and Bubeck 2010) with an early stop: all train on two seeds; then, seed by
seed, the last of three or more leaves, and so does whoever is clearly behind. In simulated searches of that kind it
takes 7.7 trainings for three finalists and names the best of them as often as 9 shared out evenly
(tests/search/stages/test_race.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from fashion_model.config import TrainConfig
from fashion_model.data.splits import TrainingSplits
from reports.records import FinalistScore, TrialRecord, best_finalist, seed_spread
from search.command.settings import counted
from search.stages.cost import FIRST_SEEDS, most_seeds
from search.stages.run import Finalist, Run
from search.stages.trainer import Trainer, outside_the_study
from search.worker.assignment import Assignment
from search.worker.faults import RETRIES, Fault, SearchBroken
from search.worker.seeds import Stream, derive_each
from search.worker.training_run import FinishedTraining, Images

_CLOSE: Final = 0.7  # standard errors of the difference to the leader


def find_best(run: Run, trainer: Trainer, splits: TrainingSplits) -> Finalist:
    """The finalist that is best on fresh seeds. Leaves the scores of all in `run`.

    Raises:
        SearchBroken: when no trial is complete, or all trainings fail.
    """
    run.stage = "finalists"
    finalists = choose_finalists(run.trials, run.settings.finalists)
    if not finalists:
        raise SearchBroken(
            f"Some trial must complete. Received: none of {len(run.trials)}. Their reasons are in trials.csv."
        )
    most = most_trainings(len(finalists))
    what = f"{counted(len(finalists), 'finalist')} on fresh seeds, up to {counted(most, 'training')}"
    run.progress.stage("retrain", what)
    with run.progress.counting(most, stage=run.stage):
        run.scores = rescore(run, trainer, finalists, splits)
    for score in run.scores:
        fresh = f"{score.mean():.4f} on {counted(len(score.seeds), 'fresh seed')}"
        compared = f"{score.search_value:.4f} in the search, {fresh}"
        run.progress.say(f"  trial {score.trial}: {compared}")
    best = best_finalist(run.scores).trial
    return next(finalist for finalist in finalists if finalist.trial == best)


def choose_finalists(trials: Sequence[TrialRecord], most: int) -> tuple[Finalist, ...]:
    """The best `most` configurations by validation accuracy of a complete trial, best first; the earlier of two equal
    ones. One that was tried twice is one finalist."""
    complete = [Finalist(t.number, t.value, t.config) for t in trials if t.value is not None and t.config is not None]
    distinct: dict[TrainConfig, Finalist] = {}
    for each in sorted(complete, key=lambda finalist: (-finalist.value, finalist.trial)):
        distinct.setdefault(each.config, each)
    return tuple(distinct.values())[:most]


def rescore(
    run: Run, trainer: Trainer, finalists: Sequence[Finalist], splits: TrainingSplits
) -> tuple[FinalistScore, ...]:
    """Train the finalists on fresh seeds, in each round the same for all, and score them on the validation images.

    A training that fails by its own doing scores 0 on its seed: a configuration that diverges by bad luck is not the
    best.

    Raises:
        SearchBroken: when all of the first round fail, or what a training ran on is lost: that says nothing about it.
    """
    on_done, racing = run.count_trainings(), list(finalists)
    results: dict[int, list[FinishedTraining | Fault]] = {each.trial: [] for each in finalists}
    scores: tuple[FinalistScore, ...] = ()
    first = min(FIRST_SEEDS, most_seeds(len(finalists)), run.budget.terms().finalist_seeds)
    while racing:
        before = len(results[racing[0].trial])
        seeds = derive_each(run.settings.seed, Stream.FINALIST, max(before + 1, first))[before:]
        assignments = [_assignment(each, run.settings.epochs, seed, splits) for each in racing for seed in seeds]
        ended = trainer.run(assignments, lambda: Images(splits.train, splits.validation), on_done)
        _require_told(ended, is_first=not scores)
        for index, each in enumerate(racing):
            results[each.trial] += ended[index * len(seeds) : (index + 1) * len(seeds)]
        scores = tuple(_score(each, run.settings.seed, results[each.trial]) for each in finalists)
        left = contenders(scores) if run.budget.allows_more_seeds() else ()
        racing = [each for each in finalists if each.trial in left]
    return scores


def contenders(scores: Sequence[FinalistScore]) -> frozenset[int]:
    """The trials that train on one more seed; none where the order is clear, or the trainings are used up."""
    seeds = max(len(score.seeds) for score in scores)
    racing = sorted((score for score in scores if len(score.seeds) == seeds), key=lambda score: -score.mean())
    if len(racing) > 2:
        racing.pop()
    spread, _ = seed_spread(score.fresh_values for score in scores)
    near = _CLOSE * spread * math.sqrt(2 / seeds)
    left = [score.trial for score in racing if racing[0].mean() - score.mean() < near]
    spent = sum(len(score.seeds) for score in scores)
    return frozenset(left if len(left) > 1 and spent + len(left) <= most_trainings(len(scores)) else ())


def most_trainings(finalists: int) -> int:
    """How many trainings `rescore` makes at most."""
    return finalists * most_seeds(finalists)


def _require_told(results: Sequence[FinishedTraining | Fault], *, is_first: bool) -> None:
    """That the results say something about the finalists, the first ones also something good."""
    faults = [result for result in results if isinstance(result, Fault)]
    lost = [fault for fault in faults if RETRIES[fault.cause] != 0]
    what = f"{len(lost)} of {len(results)} trainings lost, the first for this reason: {lost[0]}" if lost else ""
    if is_first and faults and len(faults) == len(results):
        what = f"all {len(faults)} trainings failed, the first for this reason: {faults[0]}"
    if what:
        raise SearchBroken(
            f"Some finalist must train on a fresh seed, and none may lose by what it ran on. Received: {what}. "
            "The trace is in log.txt; fix the cause, then resume."
        )


def _assignment(finalist: Finalist, epochs: int, seed: int, splits: TrainingSplits) -> Assignment:
    data = f"validation of split {splits.sha256}"
    return outside_the_study(f"trial {finalist.trial}", finalist.config, epochs, seed, data=data, keep_model=False)


def _score(finalist: Finalist, seed: int, results: Sequence[FinishedTraining | Fault]) -> FinalistScore:
    finished = [result for result in results if isinstance(result, FinishedTraining)]
    return FinalistScore(
        trial=finalist.trial,
        search_value=finalist.value,
        seeds=derive_each(seed, Stream.FINALIST, len(results)),
        fresh_values=tuple(result.accuracy if isinstance(result, FinishedTraining) else 0.0 for result in results),
        seconds=sum(result.train.seconds for result in finished),
        cpu_seconds=sum(result.train.cpu_seconds for result in finished),
    )
