"""A finished search: its records, and the numbers that several sections draw on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fashion_model.task import FASHION_MNIST, Task
from reports.numbers.changes import Changes, changes
from reports.numbers.checks import MODELS
from reports.numbers.comparison import Comparison, compare
from reports.numbers.trials import TrialNumbers, trial_numbers
from reports.records import ModelName, Predictions, SearchOutcome, load_outcome, load_predictions


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What is known of Fashion-MNIST alone: the document's claim and its terms, and what others have measured.

    `best_published` is the best test accuracy of a network with at most a million parameters, and `test_gap` by how
    much the test images are harder than held-out training images, with no selection at all. All are fractions.
    """

    test_accuracy: float = 0.92
    epochs: int = 10
    training_images: int = 60_000
    test_images_per_class: int = 1000
    best_published: float = 0.955
    test_gap: float = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """The winner's accuracy three times: as the search saw it, on fresh seeds (both validation), on the test set."""

    search_value: float | None
    fresh_mean: float | None
    fresh_seeds: int
    test_mean: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """What every section of the finished page is made from. `document` is None for images of one's own, `changes` where
    the reference is the best. `right` says of each run of a model whether it is right about each test image, (k, n);
    `mean` are a model's class probabilities of each, mean over its runs, (n, c), 0 where one is not finite."""

    outcome: SearchOutcome
    predictions: Predictions
    task: Task
    document: Document | None
    comparison: Comparison
    right: Mapping[ModelName, npt.NDArray[np.bool_]]
    mean: Mapping[ModelName, npt.NDArray[np.float32]]
    changes: Changes | None
    trials: TrialNumbers
    winner: Winner


def finished_run(run_dir: Path) -> Finished:
    """The shared numbers of the finished search in a run folder.

    Raises:
        RecordError: when outcome.json or predictions.npz is missing, damaged, or they do not belong together.
    """
    return finished(load_outcome(run_dir / "outcome.json"), load_predictions(run_dir / "predictions.npz"))


def finished(outcome: SearchOutcome, predictions: Predictions) -> Finished:
    """The shared numbers of a finished search.

    Raises:
        RecordError: when the runs and the arrays do not belong together.
    """
    comparison = compare(outcome, predictions)
    task, said = outcome.data.task, (predictions.reference.argmax(axis=2), predictions.best.argmax(axis=2))
    changed = None if comparison.same_configuration else changes(predictions.labels, said, task.class_names)
    return Finished(
        outcome=outcome,
        predictions=predictions,
        task=task,
        document=Document() if task == FASHION_MNIST else None,
        comparison=comparison,
        right={"reference": said[0] == predictions.labels, "best": said[1] == predictions.labels},
        mean={model: np.nan_to_num(predictions.of(model).mean(axis=0)) for model in MODELS},
        changes=changed,
        trials=trial_numbers(
            outcome.trials, outcome.finalists, outcome.reference_config, outcome.best_trial, outcome.warm_started
        ),
        winner=_winner(outcome, comparison.best.test_accuracy.value),
    )


def _winner(outcome: SearchOutcome, test_mean: float) -> Winner:
    trial = next((trial for trial in outcome.trials if trial.number == outcome.best_trial), None)
    score = next((score for score in outcome.finalists if score.trial == outcome.best_trial), None)
    return Winner(
        search_value=score.search_value if score else (trial.value if trial else None),
        fresh_mean=score.mean() if score else None,
        fresh_seeds=len(score.fresh_values) if score else 0,
        test_mean=test_mean,
    )
