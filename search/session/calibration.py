"""`--dry-run --calibrate`: half a minute of real training, for a forecast that needs no earlier run.

The reference and the costliest of the points that a search would draw train on made-up images, in as many processes as
trials would run at a time; the points between follow from their multiply-adds. Which trials are stopped early is played
through (search/study/played.py).
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import VALIDATION_SHARE, Split
from fashion_model.network import network_of
from fashion_model.task import Task
from search.command.terminal.log import noise_to
from search.session.forecast import Forecast, Job, in_stages
from search.stages.cost import RunCost
from search.study.played import played_trials

_IMAGES: Final = 640  # twenty of the smallest batches, five of the largest
_SECONDS: Final = 4.0  # for each of the two configurations, once it is compiled
_LEAST_EPOCHS: Final = 3  # the first of them compiles
_MOST_EPOCHS: Final = 10_000
_MOST_PROCESSES: Final = 16


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds until a training is compiled, and then for an image trained and one validated; and its cores in use."""

    start: float
    training: float
    validation: float
    cores: float

    def full_training(self, images: int, epochs: int) -> float:
        """Seconds of all epochs, with one image in six held out."""
        held_out = images / VALIDATION_SHARE
        return self.start + epochs * ((images - held_out) * self.training + held_out * self.validation)


def calibrated(job: Job, measure: Callable[[Sequence[TrainConfig], Job], list[Pace]] | None = None) -> Forecast:
    """The forecast by trainings of a few seconds, or by paces that another `measure` knows."""
    drawn = list(played_trials(job.settings, job.task))
    dearest = max((trial.config for trial in drawn), key=lambda config: network_of(config, job.task).multiply_adds)
    paces = (measure or measured)((REFERENCE, dearest), job)
    rough, cost = (RunCost(job.settings, job.task, job.concurrent) for _ in range(2))
    epochs = job.settings.epochs
    for config, pace in zip((REFERENCE, dearest), paces, strict=True):
        rough.measured(config, pace.full_training(job.images, epochs), epochs, None)
    for trial in drawn:
        cost.measured(trial.config, rough.training(trial.config) * trial.epochs / epochs, trial.epochs, trial.value)
    speeds = " and ".join(f"{1 / pace.training:,.0f}" for pace in paces)
    basis = f"a calibration: reference and costliest point train {speeds} images a second, {job.concurrent} at a time"
    return Forecast(in_stages(job, cost, statistics.fmean(pace.cores for pace in paces)), basis)


def measured(configs: Sequence[TrainConfig], job: Job) -> list[Pace]:
    """The pace of each configuration, the slowest of the processes counting."""
    count = 1 if job.each.gpus else min(job.concurrent, _MOST_PROCESSES)
    threads = 0 if job.settings.local else job.each.threads()
    with noise_to(Path(os.devnull)), ProcessPoolExecutor(count, get_context("spawn")) as pool:
        every = [pool.submit(_paces, configs, job.task, threads) for _ in range(count)]
        paces = zip(*(each.result() for each in every), strict=True)
        return [max(of_one, key=lambda pace: pace.training) for of_one in paces]


def _paces(configs: Sequence[TrainConfig], task: Task, threads: int) -> list[Pace]:
    """In a process of its own, which uses so many threads; 0 means all."""
    from fashion_model.training.devices import use_threads

    if threads:
        use_threads(threads)
    chance = np.random.default_rng(0)
    images = chance.integers(0, 256, (_IMAGES, *task.array_shape), dtype=np.uint8)
    labels = chance.integers(0, task.classes, _IMAGES, dtype=np.uint8)
    return [_pace(config, Split(images, labels, task)) for config in configs]


def _pace(config: TrainConfig, split: Split) -> Pace:
    from fashion_model.training.training import Budget, Training

    training = Training(config, split, Budget(_MOST_EPOCHS, 0))
    compiled = 0.0
    for result in training.run(split):
        compiled = compiled or training.result.seconds
        if result.epoch >= _LEAST_EPOCHS and training.result.seconds - compiled > _SECONDS:
            break
    done = training.result
    _, *epochs = done.epochs
    trained, validated = (
        statistics.median(seconds)
        for seconds in zip(*((e.train_seconds, e.validation_seconds) for e in epochs), strict=True)
    )
    return Pace(
        start=max(0.0, compiled - trained - validated),
        training=trained / len(split),
        validation=validated / len(split),
        cores=done.cpu_seconds / done.seconds,
    )
