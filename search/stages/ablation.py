"""The stage ablation: which of the winner's changes mattered.

From the reference to the winner one change after another is made, first that of which most is expected (Fawcett and
Hoos 2016, "Analysing differences between algorithm configurations through ablation"). What to expect, a random forest
says that has learned every measured epoch of the search (Biedenkapp et al. 2017, "Efficient parameter importance
analysis via ablation with surrogates"). The forest only orders the changes: the first few are trained on fresh seeds
and scored on the validation images. All others are one last step, whose end, the winner, the finalists' race trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Final

from fashion_model.config import REFERENCE, ConfigError, TrainConfig
from fashion_model.data.splits import TrainingSplits
from fashion_model.network import network_of
from fashion_model.task import Task
from reports.records import AblationStep, TrialRecord
from search.command.settings import counted
from search.stages.cost import Ablation, ablation_size
from search.stages.run import Finalist, Run
from search.stages.trainer import Trainer, outside_the_study
from search.worker.assignment import Assignment
from search.worker.seeds import Stream, derive_each
from search.worker.training_run import FinishedTraining, Images

# What makes sense only with another setting, or means something else with another value of it, changes with it
_FOLLOW: Final[Mapping[str, tuple[str, ...]]] = {
    "optimizer": ("learning_rate", "momentum", "weight_decay"),
    "schedule": ("warmup_fraction",),
    "dense_layers": ("dense_units", "dense_dropout"),
    "base_filters": ("filter_growth",),
    "padding": ("residual",),
    "use_ema": ("ema_momentum",),
}
_TREES: Final = 100

Predict = Callable[[Sequence[TrainConfig]], Sequence[float]]


def ablate(run: Run, trainer: Trainer, splits: TrainingSplits, best: Finalist) -> None:
    """Train the first steps from the reference to the best. Leaves them in `run`; none where nothing is to be told."""
    run.stage = "ablation"
    size = choose_size(run, len(changes(best.config)))
    if not size.steps:
        return
    points = path(best.config, surrogate(run.trials, run.settings.epochs), run.task)
    if size.steps < len(points):
        points = [*points[: size.steps], best.config]
    configs = (REFERENCE, *points)
    known = [_known_values(run, config) for config in configs]
    most = [*[size.seeds] * len(points), 0]  # the race has trained the winner
    assignments = [_assignments(run, splits, *each) for each in zip(configs, known, most, strict=True)]
    total = sum(map(len, assignments))
    run.progress.say(f"  which change mattered: {counted(len(points), 'step')}, {counted(total, 'training')}")
    with run.progress.counting(total, stage=run.stage):
        every = [assignment for of_one in assignments for assignment in of_one]
        results = iter(trainer.run(every, lambda: Images(splits.train, splits.validation), run.count_trainings()))
    run.ablation = tuple(
        _step(config, values, [next(results) for _ in of_one])
        for config, values, of_one in zip(configs, known, assignments, strict=True)
    )


def choose_size(run: Run, most: int) -> Ablation:
    """For `most` changes, by the trainings that this run makes."""
    settings = run.settings
    outside = sum(len(score.seeds) for score in run.scores) + 2 * settings.retrain_seeds
    trainings = sum(len(trial.measurements) for trial in run.trials) / settings.epochs + outside
    return ablation_size(settings, most, trainings, len(_reference_values(run.trials)))


def changes(best: TrainConfig) -> tuple[tuple[str, ...], ...]:
    """The settings in which `best` differs from the reference, those that belong together in one change."""
    names = [each.name for each in fields(TrainConfig) if getattr(best, each.name) != getattr(REFERENCE, each.name)]
    leader = {follower: first for first in names for follower in _FOLLOW.get(first, ())}
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(leader.get(name, name), []).append(name)
    return tuple(map(tuple, groups.values()))


def path(best: TrainConfig, predict: Predict, task: Task) -> list[TrainConfig]:
    """The configurations after each change, the last being `best`: at each step the change of which most is expected.

    Where none of those left gives a network by itself, they are made together.
    """
    found, left = [REFERENCE], list(changes(best))
    while left:
        options = [(names, moved) for names in left for moved in _moved(found[-1], best, names, task)]
        if not options:
            return [*found[1:], best]
        values = predict([moved for _, moved in options])
        names, moved = options[max(range(len(options)), key=lambda index: values[index])]
        left.remove(names)
        found.append(moved)
    return found[1:]


def _moved(config: TrainConfig, best: TrainConfig, names: Sequence[str], task: Task) -> Iterator[TrainConfig]:
    try:
        moved = replace(config, **{name: getattr(best, name) for name in names})
        network_of(moved, task)
    except ConfigError:
        return
    yield moved


def surrogate(trials: Sequence[TrialRecord], epochs: int) -> Predict:
    """What accuracy to expect of configurations after `epochs`, from every epoch that the trials measured."""
    from sklearn.ensemble import RandomForestRegressor  # a second to load, and only this needs it

    measured = [(trial.config, each) for trial in trials if trial.config for each in trial.measurements]
    forest = RandomForestRegressor(n_estimators=_TREES, random_state=0, n_jobs=1)
    forest.fit([(*config.as_numbers(), each.epoch) for config, each in measured], [each.value for _, each in measured])
    return lambda configs: [float(value) for value in forest.predict([(*c.as_numbers(), epochs) for c in configs])]


def _assignments(
    run: Run, splits: TrainingSplits, config: TrainConfig, known: Sequence[float], seeds: int
) -> list[Assignment]:
    """As many trainings as `seeds` lack of the values that are known, on the seeds that come after the race's."""
    data, epochs, raced = f"validation of split {splits.sha256}", run.settings.epochs, len(_fresh_values(run, config))
    return [
        outside_the_study("ablation", config, epochs, seed, data=data, keep_model=False)
        for seed in derive_each(run.settings.seed, Stream.FINALIST, raced + max(0, seeds - len(known)))[raced:]
    ]


def _known_values(run: Run, config: TrainConfig) -> tuple[float, ...]:
    raced = (value for value in _fresh_values(run, config) if value)  # 0: a training that failed
    return (*(_reference_values(run.trials) if config == REFERENCE else ()), *raced)


def _reference_values(trials: Sequence[TrialRecord]) -> tuple[float, ...]:
    """The reference's value in the search: one training like any other, since nobody chose the reference by it."""
    return tuple(trial.value for trial in trials if trial.is_reference and trial.value is not None)[:1]


def _fresh_values(run: Run, config: TrainConfig) -> tuple[float, ...]:
    """What a finalist of this configuration had in the race; nothing where there is none."""
    trials = {trial.number for trial in run.trials if trial.config == config}
    return next((score.fresh_values for score in run.scores if score.trial in trials), ())


def _step(config: TrainConfig, known: tuple[float, ...], results: Sequence[object]) -> AblationStep:
    finished = [result for result in results if isinstance(result, FinishedTraining)]
    return AblationStep(
        config=config,
        values=(*known, *(result.accuracy for result in finished)),
        trainings=len(results),
        cpu_seconds=sum(result.train.cpu_seconds for result in finished),
    )
