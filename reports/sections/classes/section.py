"""Confusion matrices and scores of each class, means over all seeds; tuned minus reference, with what survives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from reports.layout import svg
from reports.layout.section import Section, draw_section
from reports.numbers.changes import CellChange, Change, ClassChange
from reports.numbers.checks import SEEDS_WANTED
from reports.numbers.finished import Finished
from reports.numbers.model_summary import ModelSummary
from reports.numbers.wording import plural, points
from reports.sections.classes.heat import Matrix, count_cells, difference_cells, largest_mistake


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """One line of a classification report: fractions, and the number of images."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


def confusion(finished: Finished) -> Section:
    """The mean matrices, and tuned minus reference; one matrix where the reference is the best."""
    comparison, names, changes = finished.comparison, finished.task.class_names, finished.changes
    means = [mean_matrix(model) for _, model in comparison.models()]
    largest = largest_mistake(*means)
    cells = [count_cells(matrix, largest) for matrix in means]
    values = [cell.change.estimate.value for cell in changes.cells] if changes else []
    difference = np.reshape(values, (-1, len(names))).tolist()
    survivors = [cell for cell in changes.cells if cell.change.survives()] if changes else []
    heading = _one_heading(means[0], names) if changes is None else _confusion_heading(survivors, len(comparison.seeds))
    survives = [cell.change.survives() for cell in changes.cells] if changes else []
    return draw_section(
        "sections/classes/confusion.html", id="confusion", title="Confusion", heading=heading,
        numbers={"comparison.confusion_difference": changes.cells} if changes else {}, names=names, changes=changes,
        seeds=len(comparison.seeds), is_judged=len(comparison.seeds) >= SEEDS_WANTED, survivors=survivors,
        reference_cells=cells[0], best_cells=cells[1], difference_cells=difference_cells(difference, survives),
    )  # fmt: skip


def mean_matrix(model: ModelSummary) -> Matrix:
    """The model's confusion matrix, mean over its runs, in images."""
    mean = np.mean([run.confusion_matrix for run in model.runs], axis=0)
    return tuple(tuple(float(cell) for cell in row) for row in mean)


def _one_heading(mean: Matrix, names: Sequence[str]) -> str:
    classes = range(len(names))
    count, true, said = max((mean[i][j], i, j) for i in classes for j in classes if i != j)
    if not count:
        return "No image is mistaken"
    return f"Most often mistaken: {names[true]} for {names[said]}, {count:.0f} images a run"


def _confusion_heading(survivors: Sequence[CellChange], seeds: int) -> str:
    if seeds < SEEDS_WANTED:
        return f"{plural(seeds, 'run')} each: no change of a class can be told from chance"
    if not survivors:
        return "No cell of the confusion matrix changes by more than chance"
    largest = max(survivors, key=lambda cell: abs(cell.change.estimate.value))
    is_right = largest.true == largest.predicted
    what = f"{largest.true} recognised" if is_right else f"{largest.true} taken for {largest.predicted}"
    cells = f"{plural(len(survivors), 'cell')} {'changes' if len(survivors) == 1 else 'change'} reliably"
    return f"{what}: {largest.reference:.0f} → {largest.best:.0f} images; {cells}"


def scores(finished: Finished) -> Section:
    """Precision, recall and F1 of each class, means over the seeds, and their changes."""
    comparison, changes = finished.comparison, finished.changes
    seeds = len(comparison.seeds)
    lines = [mean_lines(model, finished.task.class_names) for _, model in comparison.models()]
    return draw_section(
        "sections/classes/scores.html", id="scores", title="Scores",
        heading=_hardest(lines[0]) if changes is None else _scores_heading(changes.classes, seeds),
        numbers={"comparison.changes": changes.classes} if changes else {},
        changes=changes, chart=class_changes(changes.classes) if changes else None, seeds=seeds,
        reference=lines[0], best=lines[1], images=comparison.images,
    )  # fmt: skip


def mean_lines(model: ModelSummary, names: Sequence[str]) -> tuple[ClassScore, ...]:
    """The lines of the model's classification reports, means over its runs: classes, macro, weighted."""
    reports = [run.classification_report for run in model.runs]
    keys = [key for key in reports[0] if key != "accuracy"]
    return tuple(
        ClassScore(
            name=name,
            precision=float(np.mean([each[key]["precision"] for each in reports])),
            recall=float(np.mean([each[key]["recall"] for each in reports])),
            f1=float(np.mean([each[key]["f1-score"] for each in reports])),
            support=int(reports[0][key]["support"]),
        )
        for name, key in zip((*names, *keys[-2:]), keys, strict=True)
    )


def _hardest(lines: Sequence[ClassScore]) -> str:
    hardest = min((line for line in lines[:-2] if line.support), key=lambda line: line.f1)
    return f"The hardest class is {hardest.name}, with an F1 of {hardest.f1:.3f}"


def _scores_heading(classes: Sequence[ClassChange], seeds: int) -> str:
    if seeds < SEEDS_WANTED:
        return f"{plural(seeds, 'run')} each: no change of a class can be told from chance"
    reliable = [each.f1.estimate.value for each in classes if each.f1.survives()]
    up, down = sum(value > 0 for value in reliable), sum(value < 0 for value in reliable)
    if not reliable:
        return "F1 changes reliably in no class"
    return f"F1 is reliably higher in {up} of {len(classes)} classes, lower in {down or 'none'}"


def class_changes(classes: Sequence[ClassChange]) -> Markup:
    """Change of F1 in each class with its interval, largest gain on top; grey unless it survives."""
    ordered = sorted(classes, key=lambda each: each.f1.estimate.value)
    figure, (axes,) = svg.new_figure(0.9 + 0.25 * len(ordered))
    for row, each in enumerate(ordered):
        svg.draw_estimate(axes, each.f1.estimate, row, _colour(each.f1), width=3.0)
    axes.axvline(0.0, color=svg.INK, linewidth=1.2)
    svg.name_rows(axes, [each.name for each in ordered])
    axes.set(ylim=(-0.6, len(ordered) - 0.4), xlabel="change of F1, pt (tuned minus reference, mean of the seeds)")
    text = "; ".join(f"{each.name} {points(each.f1.estimate.value)} pt" for each in reversed(ordered))
    return svg.to_svg(figure, name="classes", title="Change of F1 by class", description=text)


def _colour(change: Change) -> str:
    if not change.survives():
        return svg.REFERENCE
    return svg.BEST if change.estimate.value > 0 else svg.WORSE
