"""What changed class by class, over all seeds: scores and confusions, tuned minus reference, with what survives.

A score's interval adds, as that of the accuracies does, the sampling of images and the spread between seeds. For a
ratio, the images' part is the infinitesimal jackknife (Efron & Tibshirani 1993, ch. 21), to which a bootstrap over the
images converges; the seeds' part is s²/k, which a bootstrap over k seeds would shrink by (k − 1)/k. A change survives
where its p-value, adjusted by Holm for all scores of all classes, or for all cells, is below 0.05.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from reports.numbers.checks import SEEDS_WANTED
from reports.numbers.statistics import (
    Errors,
    Estimate,
    Floats,
    Variances,
    holm,
    intervals,
    standard_errors,
    two_sided_p,
    variance_of_mean,
)

Labels = npt.NDArray[np.uint8]
Classes = npt.NDArray[np.int64]
SURVIVES: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Tuned minus reference, means over the seeds. `holm_p` is None for one or two runs each: of two, the spread
    is known too badly for the small p that many looks ask for."""

    estimate: Estimate
    holm_p: float | None

    def survives(self) -> bool:
        """Whether it is more than chance would show somewhere among all that is looked at."""
        return self.holm_p is not None and self.holm_p < SURVIVES


@dataclass(frozen=True, slots=True)
class Scores:
    """One class's precision, recall and F1, means over the seeds (fractions)."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """One class: the scores of both models, and their changes (fractions)."""

    name: str
    support: int
    reference: Scores
    best: Scores
    precision: Change
    recall: Change
    f1: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChange:
    """Images of class `true` called `predicted`, means over the seeds (images), and their change."""

    true: str
    predicted: str
    reference: float
    best: float
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Classes in label order, and the cells of the confusion matrix row by row."""

    classes: tuple[ClassChange, ...]
    cells: tuple[CellChange, ...]

    def mistakes(self) -> tuple[CellChange, ...]:
        """The cells off the diagonal, largest change first."""
        off = [cell for cell in self.cells if cell.true != cell.predicted]
        return tuple(sorted(off, key=lambda cell: -abs(cell.change.estimate.value)))


def changes(labels: Labels, models: tuple[Classes, Classes], names: Sequence[str]) -> Changes:
    """Every change. `models` are what reference and best say, (k, n) predicted labels each, which count the c names."""
    return Changes(classes=_class_changes(labels, models, names), cells=_cell_changes(labels, models, names))


def _changes(values: Floats, errors: Errors, seeds: int) -> list[Change]:
    p_values = two_sided_p(values, errors).tolist()
    adjusted: Sequence[float | None] = holm(p_values) if seeds >= SEEDS_WANTED else [None] * len(values)
    every = zip(intervals(values, errors), adjusted, strict=True)
    return [Change(estimate=estimate, holm_p=p_value) for estimate, p_value in every]


def _class_changes(labels: Labels, models: tuple[Classes, Classes], names: Sequence[str]) -> tuple[ClassChange, ...]:
    before, after = (class_scores(labels, runs, len(names)) for runs in models)
    means = [model.by_run.mean(axis=0) for model in (before, after)]
    image = variance_of_mean(after.influence - before.influence)
    parts = (image, *(variance_of_mean(model.by_run) for model in (before, after)))
    flat = [Variances(part.value.ravel(), part.freedom) for part in parts]
    every = _changes((means[1] - means[0]).ravel(), standard_errors(*flat), len(models[0]))
    precision, recall, f1 = (every[kind * len(names) : (kind + 1) * len(names)] for kind in range(3))
    support = np.bincount(labels, minlength=len(names))
    return tuple(
        ClassChange(
            name=name,
            support=int(support[label]),
            reference=Scores(*means[0][:, label].tolist()),
            best=Scores(*means[1][:, label].tolist()),
            precision=precision[label],
            recall=recall[label],
            f1=f1[label],
        )
        for label, name in enumerate(names)
    )


@dataclass(frozen=True, slots=True, eq=False)
class ClassScores:
    """Precision, recall and F1, in that order, of each class: `by_run` (k, 3, c), and by how much each image moves
    their mean over the runs, `influence` (n, 3, c), of mean 0."""

    by_run: Floats
    influence: Floats


def class_scores(labels: Labels, runs: Classes, classes: int) -> ClassScores:
    """A score that has no denominator is 0, as with scikit-learn's zero_division=0, and no image moves it."""
    true = np.eye(classes)[labels]
    by_run, influence = np.zeros((len(runs), 3, classes)), np.zeros((len(labels), 3, classes))
    for index, run in enumerate(runs):
        said = np.eye(classes)[run]
        hits = said * true
        for kind, (part, whole) in enumerate([(hits, said), (hits, true), (2 * hits, said + true)]):
            total = whole.sum(axis=0)
            score = np.divide(part.sum(axis=0), total, out=np.zeros(classes), where=total > 0)
            weight = np.divide(len(labels), total, out=np.zeros(classes), where=total > 0)
            by_run[index, kind] = score
            influence[:, kind] += weight * (part - score * whole) / len(runs)
    return ClassScores(by_run, influence)


def _cell_changes(labels: Labels, models: tuple[Classes, Classes], names: Sequence[str]) -> tuple[CellChange, ...]:
    classes, images = len(names), len(labels)
    true = np.eye(classes)[labels]
    counts = [np.array([np.bincount(labels.astype(np.int64) * classes + run, minlength=classes**2) for run in runs])
              for runs in models]  # fmt: skip
    means = [of_model.mean(axis=0) for of_model in counts]
    # an image's share of the change in the cells of its row, from −1 to 1: its sums and squares by true class
    said = [sum(np.eye(classes)[run] for run in runs) / len(runs) for runs in models]
    share = said[1] - said[0]
    total = means[1] - means[0]
    squares = (true.T @ share**2).ravel()
    image = Variances(images * (squares - total**2 / images) / max(images - 1, 1), images - 1)
    errors = standard_errors(image, *(variance_of_mean(of_model) for of_model in counts))
    every = _changes(total, errors, len(models[0]))
    return tuple(
        CellChange(
            true=names[cell // classes],
            predicted=names[cell % classes],
            reference=float(means[0][cell]),
            best=float(means[1][cell]),
            change=change,
        )
        for cell, change in enumerate(every)
    )
