"""Complete trials of earlier runs in a new study: sampler and pruner learn from them, and no result is one of them.

They come before the first trial, in the order of the runs and of their numbers there, each in one write.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from optuna.trial import TrialState

from fashion_model.config import TrainConfig
from reports.records import Work
from search.study.attempts import ORIGIN, WARM_STARTED, End, is_warm_started
from search.study.in_memory import InMemoryStudy
from search.study.storage.durable import Durable


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierTrial:
    """A complete trial: which one it was, its configuration, its validation accuracy after each epoch, its end."""

    source: str
    config: TrainConfig
    values: tuple[float, ...]
    ended: str


def bring(earlier: Iterable[EarlierTrial], memory: InMemoryStudy, durable: Durable) -> None:
    """Add those that the study does not have yet; all must be points of its space.

    Raises:
        StorageError: when the study cannot be written.
    """
    there = {End.of(trial).work.note for trial in memory.trials() if is_warm_started(trial)}
    for each in earlier:
        if each.source not in there:
            work, cost = Work(note=each.source), memory.cost(each.config)
            end = End(state=TrialState.COMPLETE, work=work, ended=each.ended, cost=cost)
            trial = memory.add_complete(each.config, each.values, end, {ORIGIN: WARM_STARTED})
            for _ in range(durable.begin(trial)):
                memory.skip()
