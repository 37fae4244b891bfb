"""The jobs that every contender does: the same configurations, images and epochs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import optuna

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data import TrainingSplits, find_source, load_training
from search.space import RefusedPoint, suggest

_IMAGES_OF_AN_EPOCH: Final = 60_000  # a trial-epoch, the unit of every figure, is one pass over so many images
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Job:
    """Train `configs` first points of a fixed list, the reference among them, for `epochs` over `images` images."""

    name: str
    configs: int
    epochs: int
    images: int

    def trial_epochs(self) -> float:
        """The work in it, in passes over 60,000 images."""
        return self.configs * self.epochs * self.images / _IMAGES_OF_AN_EPOCH

    def gflop(self) -> float:
        """The multiply-adds of the networks in it, forward and twice backward, in 10^9 operations."""
        images = self.epochs * self.images
        return sum(6 * point.multiply_adds() * images for point in self.points()) / 1e9

    def points(self) -> tuple[TrainConfig, ...]:
        """The configurations: the reference, then random points of the space."""
        return _points()[: self.configs]

    def splits(self) -> TrainingSplits:
        """The images to train on and a fifth as many to validate on."""
        return load_training(find_source(), seed=_SEED, size=self.images * 6 // 5)


JOBS: Final[Mapping[str, Job]] = {
    job.name: job
    for job in (
        Job("tiny", configs=3, epochs=1, images=3_000),
        Job("short", configs=8, epochs=2, images=12_000),  # what pruned trials are like
        Job("long", configs=4, epochs=3, images=50_000),
    )
}


@cache
def _points() -> tuple[TrainConfig, ...]:
    """What plain `model.fit` on arrays can train: without augmentation, label smoothing and averaged weights."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=_SEED))
    found = [REFERENCE]
    while len(found) < max(job.configs for job in JOBS.values()):
        with suppress(RefusedPoint):
            drawn = suggest(study.ask())
            found.append(replace(drawn, augmentation="none", label_smoothing=0.0, use_ema=False, ema_momentum=0.0))
    return tuple(found)
