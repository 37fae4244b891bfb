"""The time budget of a command: when the search must end so that finalists, retraining and report still fit.

What the stages after the search will take is forecast from the trials measured so far, again after each of them. If
that is more than half of the budget, what no verdict needs gives way first, then the finalists' race, then
retrainings, down to three seeds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cluster.connect import started_on_this_machine
from cluster.resources import usable_cores
from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import VALIDATION_SHARE
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST, Task
from search.command.settings import Settings, SettingsError
from search.command.terminal.progress import Left, StageProgress
from search.stages.cost import FIRST_SEEDS, RACE_SEEDS, REPORT_SECONDS, RunCost, Stage, Terms

LEAST_RETRAIN_SEEDS: Final = 3
START_SECONDS: Final = 5.0  # of the workers, and again of those that retrain
_FINALIST_SEEDS: Final = (RACE_SEEDS, FIRST_SEEDS, 1)  # a race to its end, its first round alone, one training each
_SHARE_AFTER: Final = 0.5  # of the budget; if all that follows the search takes more, some of it gives way
_MARGIN: Final = 1.1  # two trainings of one configuration differ by that much
# Of one core, twice what search/study/space.py measured: no budget is refused that a fast machine could keep
_MULTIPLY_ADDS_A_SECOND: Final = 2.2e10


@dataclass(slots=True)
class Budget:
    """The time that a command may take, from the construction on; without --time-budget any."""

    settings: Settings
    cost: RunCost
    started: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds; infinite without a budget."""
        seconds = self.settings.time_budget
        return float("inf") if seconds is None else self.started + seconds - time.monotonic()

    def limit(self) -> float | None:
        """For how many seconds the search may go on: to the end of the budget until a trial is complete, without which
        there is no result; None without a budget."""
        left = self.left()
        if left == float("inf"):
            return None
        terms = self.terms(_SHARE_AFTER * (self.settings.time_budget or 0.0))
        return max(left - (self._seconds(self.cost.after(terms)) if self.cost.has_complete() else 0.0), 0.001)

    def terms(self, seconds: float | None = None) -> Terms:
        """The best that fit into what is left, or into so many seconds; else the least."""
        available = self.left() if seconds is None else seconds
        every = list(_terms(self.settings.retrain_seeds))
        return next((each for each in every if self._seconds(self.cost.after(each)) <= available), every[-1])

    def remaining(self, stage: str, progress: StageProgress) -> Left | None:
        """How long the run still takes; None where that cannot be said."""
        if self.settings.time_budget is None:
            return self.cost.left(stage, progress, next(_terms(self.settings.retrain_seeds)))
        left = self.cost.left(stage, progress, self.terms(_SHARE_AFTER * self.settings.time_budget))
        return left and left.within(self.left())

    def allows_more_seeds(self) -> bool:
        """Whether there is time for one more training of each finalist, and for every retraining after it."""
        return self._seconds(self.cost.after(Terms(1, self.settings.retrain_seeds, has_extras=False))) <= self.left()

    def allows_extras(self, best: TrainConfig, stage: str) -> bool:
        """Whether from a stage on there is time for what no verdict needs, ablation and equal compute."""
        stages = self.cost.after(Terms(1, self.settings.retrain_seeds), best)
        first = [each.name for each in stages].index(stage)
        return self._seconds(stages[first:]) <= self.left()

    def retrain_seeds(self, best: TrainConfig) -> int:
        """On how many seeds reference and best are retrained in the time that is left; at least on three, if so many
        were asked for, whatever they take."""
        every = sorted({each.retrain_seeds for each in _terms(self.settings.retrain_seeds)}, reverse=True)
        needed = {seeds: self.cost.after(Terms(1, seeds, has_extras=False), best)[2:] for seeds in every}
        return next((seeds for seeds in every if self._seconds(needed[seeds]) <= self.left()), every[-1])

    def _seconds(self, stages: Sequence[Stage]) -> float:
        return _MARGIN * sum(stage.wall(self.cost.places) for stage in stages) + START_SECONDS


def _terms(retrain_seeds: int) -> Iterator[Terms]:
    yield Terms(RACE_SEEDS, retrain_seeds)
    for seeds in _FINALIST_SEEDS:
        yield Terms(seeds, retrain_seeds, has_extras=False)
    for seeds in range(retrain_seeds - 1, min(LEAST_RETRAIN_SEEDS, retrain_seeds) - 1, -1):
        yield Terms(_FINALIST_SEEDS[-1], seeds, has_extras=False)


def require_enough_time(settings: Settings, images: int, cores: int | None, task: Task = FASHION_MNIST) -> None:
    """Refuse a budget in which not even a search of two trials would come to a report, or the one trial that is asked
    for. `cores` None means unknown, as on a cluster or with GPUs.

    Raises:
        SettingsError: with the least that would do, estimated from the sizes.
    """
    if settings.time_budget is None:
        return
    least = least_seconds(settings, images, cores, task)
    if settings.time_budget < least:
        seeds = min(LEAST_RETRAIN_SEEDS, settings.retrain_seeds)
        trials, models = ("one trial", "one model") if settings.trials == 1 else ("two trials", "two models")
        raise SettingsError(
            f"--time-budget must be at least {_rounded(least)}, estimated from the sizes: start, {trials} of "
            f"{settings.epochs} epochs, retraining of {models}, {seeds} times each, and the report. "
            f"Received: {_rounded(settings.time_budget)}. Give more time, or fewer --epochs or a smaller --train-size."
        )


def own_cores(settings: Settings) -> int | None:
    """The cores that trainings will have, where that is known before Ray starts: on this machine, without GPUs."""
    is_here = settings.local or (settings.address is None and started_on_this_machine() is None)
    return usable_cores() if is_here and not Path("/dev/nvidiactl").exists() else None


def least_seconds(settings: Settings, images: int, cores: int | None, task: Task) -> float:
    """What a search of two trials, or of the one asked for, takes at least, on so many cores, with its report."""
    fixed = START_SECONDS + REPORT_SECONDS / 2
    if cores is None:
        return fixed
    trained = images * (1 - 1 / VALIDATION_SHARE) * settings.epochs
    training = trained * network_of(REFERENCE, task).multiply_adds / _MULTIPLY_ADDS_A_SECOND
    cost = RunCost(replace(settings, trials=min(settings.trials, 2), ablate=None), task)
    cost.measured(REFERENCE, training, settings.epochs, 0.0)
    terms = Terms(1, min(LEAST_RETRAIN_SEEDS, settings.retrain_seeds), has_extras=False)
    stages = cost.search(), *cost.after(terms)[:-1]
    return fixed + sum(sum(stage.trainings) for stage in stages) / cores


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds < 600 else f"{seconds / 60:.0f}m"
