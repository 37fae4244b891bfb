"""What a search will take, stage by stage: by the most similar run that ended on a machine like this one.

Its trials are scaled by what there is to train: images, epochs, trials, seeds. A run whose trainings are ten times
larger or smaller says too little, and so does one of another pruner, other limits of a network or other resources:
better no forecast than that, or --calibrate (calibration.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.resources import ClusterSize, TrialResources
from fashion_model.task import Task
from reports.records import Environment, RecordError, SearchOutcome, load_outcome
from search.command.settings import Settings
from search.run_folder.environment import environment
from search.stages.budget import START_SECONDS
from search.stages.cost import RACE_SEEDS, RunCost, Stage, Terms, whole_seconds

_SIMILAR: Final = 10.0
_SAME: Final = (
    "local",
    "pruner",
    "cpus_per_trial",
    "gpus_per_trial",
    "size",  # and the user's own limits: with other ones a network costs up to thirty times as much
    "max_params",
    "max_multiply_adds",
)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be forecast: the settings, how many images there are for training and validation and what they show,
    and the machine with what a trial takes of it."""

    settings: Settings
    images: int
    task: Task
    size: ClusterSize
    each: TrialResources
    concurrent: int


@dataclass(frozen=True, slots=True)
class StageForecast:
    """Wall time, the core-hours and GPU-hours of the trainings, and what the machines cost meanwhile (USD), where
    their price is known."""

    name: str
    wall_seconds: float
    core_hours: float
    gpu_hours: float
    usd: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The stages, and what the forecast rests on."""

    stages: tuple[StageForecast, ...]
    basis: str


def forecast(job: Job) -> Forecast | None:
    """The forecast by the most similar run in the folder of runs; None where no run is similar enough."""
    outcomes = [(path, outcome, _ratio(job, outcome)) for path, outcome in _outcomes(Path(job.settings.output))]
    here = environment(job.size)
    similar = [each for each in outcomes if _is_similar(job, here, each[1], each[2])]
    if not similar:
        return None
    path, outcome, ratio = min(similar, key=lambda each: abs(math.log(each[2])) + _other_count(job, each[1]))
    work = [trial.work for trial in outcome.trials]
    cores = sum(each.cpu_seconds for each in work) / sum(each.seconds for each in work)
    cost = _cost(job, outcome, ratio)
    return Forecast(in_stages(job, cost, cores), f"{path.parent} ({len(outcome.trials)} trials)")


def in_stages(job: Job, cost: RunCost, cores: float) -> tuple[StageForecast, ...]:
    """Every stage of a run whose trials cost so much; a training keeps so many cores busy."""
    price = job.settings.price_per_hour

    def of(stage: Stage, *, trains: bool = True) -> StageForecast:
        wall, hours = stage.wall(job.concurrent), sum(stage.trainings) / 3600 if trains else 0.0
        usd = None if price is None else price * wall / 3600
        return StageForecast(stage.name, wall, hours * cores, hours * job.each.gpus, usd)

    *after, report = cost.usual(Terms(RACE_SEEDS, job.settings.retrain_seeds))
    start = of(Stage("start", (START_SECONDS,)), trains=False)
    return (start, of(cost.search()), *map(of, after), of(report, trains=False))


def _outcomes(runs: Path) -> Iterator[tuple[Path, SearchOutcome]]:
    for path in runs.glob("*/outcome.json"):
        with suppress(RecordError):
            yield path, load_outcome(path)


def _ratio(job: Job, outcome: SearchOutcome) -> float:
    """How much larger a training is than one of that run."""
    images = outcome.data.train_count + outcome.data.validation_count
    return job.images * job.settings.epochs / (images * float(outcome.settings["epochs"]))


def _is_similar(job: Job, here: Environment, outcome: SearchOutcome, ratio: float) -> bool:
    there = outcome.environment
    settings = job.settings.to_dict()
    return (
        1 / _SIMILAR <= ratio <= _SIMILAR
        and outcome.data.task == job.task
        and (here.processor, here.cpus, here.gpus, here.nodes) == (there.processor, there.cpus, there.gpus, there.nodes)
        and all(outcome.settings.get(name) == settings[name] for name in _SAME)
    )


def _other_count(job: Job, outcome: SearchOutcome) -> float:
    return abs(math.log(job.settings.trials / len(outcome.trials)))


def _cost(job: Job, outcome: SearchOutcome, ratio: float) -> RunCost:
    """What is known by the trials of that run, as many as there are to be: the first ones are pruned the least."""
    cost = RunCost(job.settings, job.task, job.concurrent)
    epochs = job.settings.epochs / float(outcome.settings["epochs"])
    for trial in outcome.trials[: job.settings.trials]:
        cost.measured(trial.config, whole_seconds(trial) * ratio, len(trial.measurements) * epochs, trial.value)
    return cost
