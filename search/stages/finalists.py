"""Which configuration wins: the best trials, trained again on fresh seeds before one is named.

The best of many noisy scores is best partly by luck (the winner's curse): with 50 trials, noise of 0.25 pt and
configurations 0.3 pt apart, the winner is among the true top five 74% of the time. A score that nobody chose by
has no such luck in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fashion_model.config import TrainConfig
from fashion_model.data import TrainingSplits
from search.faults import Fault, SearchBroken
from search.records import FinalistScore, TrialRecord
from search.seeds import Stream, derive
from search.stages.trainings import Trainings
from search.trials.assignment import TrialPlan
from search.trials.job import Job, JobData, JobResult

_SEEDS_EACH: Final = 2


@dataclass(frozen=True, slots=True)
class Finalist:
    """A complete trial that is in the running."""

    trial: int
    value: float
    config: TrainConfig


def choose_finalists(trials: Sequence[TrialRecord], most: int) -> tuple[Finalist, ...]:
    """The best `most` complete trials by validation accuracy, best first; the earlier of two equal ones."""
    complete = [Finalist(t.number, t.value, t.config) for t in trials if t.value is not None and t.config is not None]
    return tuple(sorted(complete, key=lambda finalist: (-finalist.value, finalist.trial))[:most])


def rescore(
    trainings: Trainings,
    finalists: Sequence[Finalist],
    splits: TrainingSplits,
    plan: TrialPlan,
    on_done: Callable[[Job], None],
) -> tuple[FinalistScore, ...]:
    """Train each finalist on fresh seeds, the same for all, and score it on the validation images.

    A training that fails scores 0 on its seed: a configuration that diverges by bad luck is not the best.

    Raises:
        SearchBroken: when all of them fail.
    """
    seeds = tuple(derive(plan.seed, Stream.FINALIST, index) for index in range(_SEEDS_EACH))
    jobs = [_job(finalist, plan.epochs, seed, splits) for finalist in finalists for seed in seeds]
    results = trainings.run(jobs, lambda: JobData(splits.train, splits.validation), on_done)
    faults = [result for result in results if isinstance(result, Fault)]
    if len(faults) == len(results):
        raise SearchBroken(
            f"Some finalist must train on a fresh seed. Received: all {len(faults)} trainings failed, the first for "
            f"this reason: {faults[0]}. The trace is in log.txt; mend the cause, then resume."
        )
    groups = [results[start : start + _SEEDS_EACH] for start in range(0, len(results), _SEEDS_EACH)]
    return tuple(_score(finalist, seeds, group) for finalist, group in zip(finalists, groups, strict=True))


def winner(scores: Sequence[FinalistScore]) -> FinalistScore:
    """The finalist of the highest mean fresh score; the better in the search of two equal ones."""
    return max(scores, key=lambda score: (score.mean(), score.search_value))


def jobs_count(finalists: int) -> int:
    """How many trainings `rescore` makes."""
    return finalists * _SEEDS_EACH


def _job(finalist: Finalist, epochs: int, seed: int, splits: TrainingSplits) -> Job:
    return Job(
        label=f"trial {finalist.trial}",
        config=finalist.config,
        epochs=epochs,
        seed=seed,
        keep_model=False,
        data=f"validation of split {splits.sha256}",
    )


def _score(finalist: Finalist, seeds: tuple[int, ...], results: Sequence[JobResult | Fault]) -> FinalistScore:
    trained = [result for result in results if isinstance(result, JobResult)]
    return FinalistScore(
        trial=finalist.trial,
        search_value=finalist.value,
        seeds=seeds,
        fresh_values=tuple(result.accuracy if isinstance(result, JobResult) else 0.0 for result in results),
        seconds=sum(result.train.seconds for result in trained),
        cpu_seconds=sum(result.train.cpu_seconds for result in trained),
    )
