"""Trials as a search may draw them, before it has: what they will cost follows from it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

import optuna

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.task import Task
from search.command.settings import SamplerName, Settings
from search.study.in_memory import InMemoryStudy
from search.study.portfolio import known_points
from search.study.samplers import Strategy
from search.study.space import RefusedPoint, Space

_MOST: Final = 100  # trials; a longer search is as these are
_GOOD: Final = 0.1  # a known point is as the best of ten random ones


class PlayedTrial(NamedTuple):
    """A trial that may come: after how many epochs it is stopped, or a made-up value where it is not; `is_known` of the
    reference and of the points that are tried before the sampler's, none of which is stopped."""

    config: TrainConfig
    epochs: int
    value: float | None
    is_known: bool


def played_trials(settings: Settings, task: Task) -> Iterator[PlayedTrial]:
    """The known points, then those of the sampler, stopped by the search's own pruner. Their accuracies are made up and
    keep their order from epoch to epoch; those of known points are mostly higher, so that TPE comes to draw points that
    cost as much as they do. Other samplers are taken to draw at random."""
    chance = random.Random(settings.seed)  # noqa: S311 - no secret
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = Space.of(settings, task)
    known = [REFERENCE, *(point.config for point in known_points(settings, space))]
    sampler: SamplerName = "tpe" if settings.sampler == "tpe" else "random"
    strategy = Strategy.of(sampler, settings.pruner, settings.epochs, settings.seed)
    study = InMemoryStudy("played", strategy, [], space)
    for number in range(min(settings.trials, _MOST)):
        with suppress(RefusedPoint):
            is_known = number < len(known)
            trial, config = study.draw_at(known[number], {}) if is_known else study.draw()
            value = chance.random() ** (_GOOD if 0 < number < len(known) else 1.0)
            played = list(study.play(trial.number, [value] * settings.epochs, may_stop=not is_known))
            yield PlayedTrial(config, len(played), played[-1], is_known)
