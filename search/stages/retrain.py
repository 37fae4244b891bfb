"""The stage retrain: reference and best on equal terms: all images, the same seeds and epochs. The only reader of the
test set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import Source, Split
from reports.records import NO_RUNS, FinalRun, ModelName, Predictions, Winner, knee, save_record, write_beside_then_move
from search.command.settings import counted
from search.stages.cost import EQUAL_COMPUTE_SEEDS, equal_compute_epochs
from search.stages.data import Data
from search.stages.run import Finalist, Run
from search.stages.trainer import Trainer, outside_the_study
from search.worker.assignment import Assignment
from search.worker.faults import Fault, SearchBroken
from search.worker.seeds import Stream, derive_each
from search.worker.training_run import FinishedTraining, Images

_GRID: Final = 25  # the document shows the first 25 training images
_BEST_FILE: Final = "models/best.keras"
_COMPARED: Final = ("reference", "best")  # by the verdict


def retrain(run: Run, trainer: Trainer, data: Data, best: Finalist) -> Predictions:
    """Train the models on every seed, score them on the test images, keep each in the folder models/ and in `run`.

    The knee and equal compute, which no verdict needs, are left out where one of their trainings fails.

    Raises:
        SearchBroken: when a training of the reference or the best fails: without it the two would not be compared on
            equal terms.
    """
    run.stage = "retrain"
    test = data.source.read_test()
    models = _models(best.config, _knee(run, best))
    finals, longer = _assignments(run, models, data), _equal_compute(run, best.config, data)
    assignments = [*finals, *longer]
    size = f"{counted(run.settings.retrain_seeds, 'seed')}, {counted(len(assignments), 'training')}"
    both = "" if best.config == REFERENCE else f" and trial {best.trial}"
    both += " and the front's knee" if "knee" in models else ""
    run.progress.say(f"  the reference{both} on all training images, {size}")
    if longer:
        longest = f"{len(longer)} of the reference for {counted(longer[0].epochs, 'epoch')}"
        run.progress.say(f"  of them {longest}, which take as much computing as the best")
    with run.progress.counting(len(assignments), stage=run.stage):
        ended = trainer.run(assignments, lambda: Images(data.splits.together(), test), run.count_trainings())
    by_model: dict[ModelName, list[FinishedTraining]] = {}
    for offset, name in enumerate(models):
        seeds = slice(offset, len(finals), len(models))
        by_model[name] = _finished(run, name, assignments[seeds], ended[seeds])
    equal = _finished(run, "equal compute", longer, ended[len(finals) :])
    by_model.setdefault("best", by_model["reference"])
    kept = {name: _keep(name, by_model[name], run.folder.path) for name in models}
    _keep_best(run, best, by_model["best"])
    kept.setdefault("best", tuple(replace(final, model="best") for final in kept["reference"]))
    run.finals, run.knee = kept["reference"] + kept["best"], kept.get("knee", ())
    run.equal_compute = tuple(_record("reference", each) for each in equal)
    return replace(_predictions(by_model, test, data.source), equal_compute=_probabilities(equal))


def _knee(run: Run, best: Finalist) -> TrainConfig | None:
    """The configuration of the front's knee; None where there is none, or a time budget is short."""
    point = knee(run.front())
    if point is None or not run.budget.allows_extras(best.config, run.stage):
        return None
    return next(trial.config for trial in run.trials if trial.number == point.trial)


def _models(best: TrainConfig, knee_point: TrainConfig | None) -> dict[ModelName, TrainConfig]:
    """No configuration is trained twice: the reference may be the best, and either of them the knee."""
    models: dict[ModelName, TrainConfig] = {"reference": REFERENCE}
    if best != REFERENCE:
        models["best"] = best
    if knee_point is not None and knee_point not in models.values():
        models["knee"] = knee_point
    return models


def _assignments(run: Run, models: dict[ModelName, TrainConfig], data: Data) -> list[Assignment]:
    scored_on = _scored_on(data)
    return [
        outside_the_study(f"{name} {index}", config, run.settings.epochs, seed, data=scored_on, keep_model=True)
        for index, seed in enumerate(_seeds(run), start=1)
        for name, config in models.items()
    ]


def _equal_compute(run: Run, best: TrainConfig, data: Data) -> list[Assignment]:
    """The reference for as many epochs as cost what the best's do; none where the best costs no more, or a time budget
    is short."""
    epochs = equal_compute_epochs(run.settings.epochs, best, run.task)
    if not epochs or not run.budget.allows_extras(best, run.stage):
        return []
    scored_on = _scored_on(data)
    return [
        outside_the_study(f"reference, {epochs} epochs", REFERENCE, epochs, seed, data=scored_on, keep_model=False)
        for seed in _seeds(run)[:EQUAL_COMPUTE_SEEDS]
    ]


def _seeds(run: Run) -> tuple[int, ...]:
    return derive_each(run.settings.seed, Stream.FINAL, run.settings.retrain_seeds)


def _scored_on(data: Data) -> str:
    return f"test set, trained on all of split {data.splits.sha256}; the model takes images from 0 to 255"


def _finished(
    run: Run, name: str, assignments: Sequence[Assignment], ended: Sequence[FinishedTraining | Fault]
) -> list[FinishedTraining]:
    """The trainings of one name; none where one of them failed and no verdict needs them."""
    pairs = zip(assignments, ended, strict=True)
    failed = [f"{assignment.label} failed: {end}" for assignment, end in pairs if isinstance(end, Fault)]
    if failed and name in _COMPARED:
        raise SearchBroken(
            f"Every retraining must end, so that the models are compared on equal terms. Received: {failed[0]}. "
            "The trace is in log.txt; fix the cause, or have fewer --retrain-seeds, and resume."
        )
    if failed:
        run.progress.warn(f"{name} is left out: {failed[0]}; the trace is in log.txt")
    return [] if failed else [each for each in ended if isinstance(each, FinishedTraining)]


def _keep(name: ModelName, results: Sequence[FinishedTraining], run_dir: Path) -> tuple[FinalRun, ...]:
    (run_dir / "models").mkdir(exist_ok=True)
    return tuple(_final_run(name, index, result, run_dir) for index, result in enumerate(results, start=1))


def _final_run(name: ModelName, index: int, result: FinishedTraining, run_dir: Path) -> FinalRun:
    model_file = f"models/{name}-{index}.keras"
    write_beside_then_move(run_dir / model_file, result.model)
    return replace(_record(name, result), model_file=model_file, model_sha256=hashlib.sha256(result.model).hexdigest())


def _record(name: ModelName, result: FinishedTraining) -> FinalRun:
    return FinalRun(
        model=name,
        train=result.train,
        test_loss=result.loss,
        test_accuracy=result.accuracy,
        predict_seconds=result.predict_seconds,
        model_file="",
        model_sha256="",
        takes_pixels=True,
        work=result.work,
    )


def _keep_best(run: Run, best: Finalist, results: Sequence[FinishedTraining]) -> None:
    """The winner as the user takes it: the model of the first seed once more, under a plain name, and best.json."""
    write_beside_then_move(run.folder.path / _BEST_FILE, results[0].model)
    accuracies = tuple(result.accuracy for result in results)
    fresh = next((score.mean() for score in run.scores if score.trial == best.trial), best.value)
    winner = Winner(
        study=run.settings.name,
        trial=best.trial,
        config=best.config,
        validation_accuracy=fresh,
        test_accuracy=sum(accuracies) / len(accuracies),
        seeds=tuple(result.train.seed for result in results),
        test_accuracies=accuracies,
        model_file=_BEST_FILE,
        model_sha256=hashlib.sha256(results[0].model).hexdigest(),
        task=run.task,
    )
    save_record(winner, run.folder.path / "best.json")


def _predictions(by_model: dict[ModelName, list[FinishedTraining]], test: Split, source: Source) -> Predictions:
    first = source.read_training()
    return Predictions(
        labels=test.labels,
        images=test.images,
        reference=_probabilities(by_model["reference"]),
        best=_probabilities(by_model["best"]),
        knee=_probabilities(by_model.get("knee", ())),
        grid_images=first.images[:_GRID],
        grid_labels=first.labels[:_GRID],
    )


def _probabilities(results: Sequence[FinishedTraining]) -> npt.NDArray[np.float32]:
    return np.stack([result.probabilities for result in results]) if results else NO_RUNS
