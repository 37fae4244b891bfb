"""Reference and best on equal terms: all images, the same seeds and epochs. The only reader of the test set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data import Split, TrainingSplits, load_first_images, load_test
from fashion_model.source import Source
from search.faults import Fault, SearchBroken
from search.records import FinalRun, ModelName, Predictions, write_beside_then_move
from search.seeds import Stream, derive
from search.stages.trainings import Trainings
from search.trials.job import Job, JobData, JobResult

_GRID: Final = 25  # the document shows the first 25 training images


@dataclass(frozen=True, slots=True)
class FinalPlan:
    """How the finals are run: epochs, how many seeds, and the seed they derive from."""

    epochs: int
    seeds: int
    seed: int

    def seed_list(self) -> tuple[int, ...]:
        """The seeds, the same for both models."""
        return tuple(derive(self.seed, Stream.FINAL, index) for index in range(self.seeds))


@dataclass(frozen=True, slots=True, eq=False)
class FinalData:
    """What the finals need of the data, and the run folder that they fill."""

    source: Source
    splits: TrainingSplits
    run_dir: Path


@dataclass(frozen=True, slots=True, eq=False)
class Finals:
    """What the finals found: the runs of both models, the per-image predictions, the hash of the test labels."""

    runs: tuple[FinalRun, ...]
    predictions: Predictions
    test_sha256: str


def job_count(best: TrainConfig, plan: FinalPlan) -> int:
    """How many trainings the finals make: the reference is not trained twice when it is the best."""
    return plan.seeds * len(_models(best))


def retrain(
    trainings: Trainings,
    best: TrainConfig,
    data: FinalData,
    plan: FinalPlan,
    on_done: Callable[[Job], None],
) -> Finals:
    """Train both models on every seed, score them on the test images, keep each model in `data.run_dir`/models.

    Raises:
        SearchBroken: when a training fails: without it the two models would not be compared on equal terms.
    """
    test = load_test(data.source)
    models = _models(best)
    jobs = [
        _job(f"{name} {index + 1}", config, plan.epochs, seed, data)
        for index, seed in enumerate(plan.seed_list())
        for name, config in models.items()
    ]
    ended = trainings.run(jobs, lambda: JobData(data.splits.together(), test), on_done)
    results = [_require_result(job, result) for job, result in zip(jobs, ended, strict=True)]
    by_model = {name: results[offset :: len(models)] for offset, name in enumerate(models)}
    by_model.setdefault("best", by_model["reference"])
    runs = [run for name in models for run in _keep(name, by_model[name], data.run_dir)]
    if "best" not in models:
        runs += [replace(run, model="best") for run in runs]
    return Finals(
        tuple(runs), _predictions(by_model, test, data.source), hashlib.sha256(test.labels.tobytes()).hexdigest()
    )


def _job(label: str, config: TrainConfig, epochs: int, seed: int, data: FinalData) -> Job:
    return Job(
        label=label,
        config=config,
        epochs=epochs,
        seed=seed,
        keep_model=True,
        data=f"test set, trained on all of split {data.splits.sha256}",
    )


def _require_result(job: Job, result: JobResult | Fault) -> JobResult:
    if isinstance(result, Fault):
        raise SearchBroken(
            f"Every retraining must end. Received: {job.label} failed: {result}. The trace is in log.txt; mend the "
            "cause and resume, or choose another --retrain-seeds."
        )
    return result


def _models(best: TrainConfig) -> dict[ModelName, TrainConfig]:
    return {"reference": REFERENCE} if best == REFERENCE else {"reference": REFERENCE, "best": best}


def _keep(name: ModelName, results: Sequence[JobResult], run_dir: Path) -> list[FinalRun]:
    (run_dir / "models").mkdir(exist_ok=True)
    return [_final_run(name, index, result, run_dir) for index, result in enumerate(results, start=1)]


def _final_run(name: ModelName, index: int, result: JobResult, run_dir: Path) -> FinalRun:
    model_file = f"models/{name}-{index}.keras"
    write_beside_then_move(run_dir / model_file, result.model)
    return FinalRun(
        model=name,
        train=result.train,
        test_loss=result.loss,
        test_accuracy=result.accuracy,
        predict_seconds=result.predict_seconds,
        model_file=model_file,
        model_sha256=hashlib.sha256(result.model).hexdigest(),
        worker=result.work.worker,
        node=result.work.node,
        gpus=result.work.gpus,
        started=result.work.started,
        ended=result.work.ended(),
    )


def _predictions(by_model: dict[ModelName, list[JobResult]], test: Split, source: Source) -> Predictions:
    first = load_first_images(source, _GRID)
    return Predictions(
        labels=test.labels,
        images=test.images,
        reference=np.stack([result.probabilities for result in by_model["reference"]]),
        best=np.stack([result.probabilities for result in by_model["best"]]),
        grid_images=first.images,
        grid_labels=first.labels,
    )
