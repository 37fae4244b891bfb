"""Pictures of the comparison: records of numbers in, inline SVG out. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fashion_model.result import EpochResult
from reports import svg
from reports.comparison import Comparison
from reports.model_summary import ModelSummary
from reports.statistics import Estimate
from reports.trials import reference_trial
from reports.wording import points
from search.records import SearchOutcome, TrialRecord

CLAIM = 0.92
"""Test accuracy that the model's document claims."""
_NAMES = {"reference": "Reference", "best": "Tuned"}
_COLOURS = {"reference": svg.REFERENCE, "best": svg.BEST}


def difference_interval(comparison: Comparison) -> str:
    """The primary difference as a point and a bar on a line with a mark at zero."""
    figure, (axes,) = svg.new_figure(1.05, width_inches=4.9)
    estimate = comparison.difference.estimate
    _interval(axes, estimate, 0.0, _sign_colour(estimate), width=5.0)
    axes.axvline(0.0, color=svg.INK, linewidth=1.2)
    reach = 1.25 * max(abs(estimate.low), abs(estimate.high), 0.002) * 100
    axes.set(
        xlim=(min(-0.2 * reach, estimate.low * 125), max(0.2 * reach, estimate.high * 125)), ylim=(-1, 1), yticks=[]
    )
    axes.set_xlabel("tuned minus reference, pt of test accuracy (0 = no difference)")
    text = f"{points(estimate.value)} pt, 95% interval {points(estimate.low)} to {points(estimate.high)} pt."
    return svg.to_svg(figure, svg.Caption(name="delta", title="Difference in test accuracy", description=text))


def seed_dots(comparison: Comparison) -> str:
    """Test accuracy of every run as a dot, the mean as a bar, the document's claim as a dashed line."""
    figure, (axes,) = svg.new_figure(1.9)
    for row, model in enumerate((comparison.best, comparison.reference)):
        colour, values = _COLOURS[model.name], [100 * run.accuracy.value for run in model.runs]
        _interval(axes, model.accuracy, row - 0.2, colour, width=2.5)
        axes.plot(values, np.full(len(values), row + 0.14), "o", color=colour, markersize=7, markeredgecolor=svg.CARD)
        axes.annotate(
            f"mean {100 * model.accuracy.value:.2f}%", (100 * model.accuracy.value, row - 0.24),
            xytext=(0, -5), textcoords="offset points", ha="center", va="top", color=svg.INK,
        )  # fmt: skip
    axes.axvline(100 * CLAIM, color=svg.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.annotate("document’s claim 92%", (100 * CLAIM, 1.55), ha="center", va="bottom", color=svg.MUTED)
    axes.set(ylim=(-0.75, 1.6), yticks=[0, 1], yticklabels=["Tuned", "Reference"], xlabel="test accuracy, %")
    axes.tick_params(axis="y", labelcolor=svg.INK)
    axes.grid(axis="y", visible=False)
    return svg.to_svg(
        figure, svg.Caption(name="seeds", title="Test accuracy by seed", description=_seed_text(comparison))
    )


def _seed_text(comparison: Comparison) -> str:
    def listed(model: ModelSummary) -> str:
        values = ", ".join(f"{100 * run.accuracy.value:.2f}%" for run in model.runs)
        return f"{_NAMES[model.name]}: {values}; mean {100 * model.accuracy.value:.2f}%."

    return f"{listed(comparison.reference)} {listed(comparison.best)}"


def class_changes(comparison: Comparison) -> str:
    """Change of F1 in each class with its interval, largest gain on top, beside a line at zero."""
    figure, (axes,) = svg.new_figure(3.4)
    ordered = sorted(comparison.changes.classes, key=lambda change: change.f1.value)
    for row, change in enumerate(ordered):
        _interval(axes, change.f1, row, _sign_colour(change.f1), width=3.0)
    axes.axvline(0.0, color=svg.INK, linewidth=1.2)
    axes.set(
        yticks=range(len(ordered)), yticklabels=[change.name for change in ordered], ylim=(-0.6, len(ordered) - 0.4)
    )
    axes.tick_params(axis="y", labelcolor=svg.INK)
    axes.set_xlabel("change of F1, pt (tuned minus reference, mean of the seeds)")
    axes.grid(axis="y", visible=False)
    text = "; ".join(f"{change.name} {points(change.f1.value)} pt" for change in reversed(ordered))
    return svg.to_svg(figure, svg.Caption(name="classes", title="Change of F1 by class", description=text))


def _sign_colour(estimate: Estimate) -> str:
    """Blue when surely better, orange when surely worse, grey when the interval includes zero."""
    if estimate.low > 0.0:
        return svg.BEST
    return svg.WORSE if estimate.high < 0.0 else svg.REFERENCE


def _interval(axes: Axes, estimate: Estimate, row: float, colour: str, width: float) -> None:
    low, high = 100 * estimate.low, 100 * estimate.high
    axes.plot([low, high], [row, row], color=colour, linewidth=width, solid_capstyle="round", alpha=0.55)
    axes.plot([100 * estimate.value], [row], "D", color=colour, markersize=5.5, markeredgecolor=svg.CARD)


def learning_curves(comparison: Comparison, outcome: SearchOutcome) -> str:
    """Left: training accuracy of every retraining, thin, and the mean. Right: validation accuracy in the search."""
    figure, (retrained, searched) = svg.new_figure(2.9, columns=2)
    for model in (comparison.reference, comparison.best):
        _retraining_curves(retrained, model)
    for name, trial in _search_trials(outcome):
        steps = [(epoch, 100 * value) for epoch, value in trial.intermediate]
        if steps:
            searched.plot(
                *zip(*steps, strict=True), "-o", color=_COLOURS[name], linewidth=2, markersize=3.5, label=_NAMES[name]
            )
    retrained.set_ylabel("retraining: training accuracy, %")
    searched.set_ylabel("search trial: validation accuracy, %")
    for axes in (retrained, searched):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        svg.add_legend(axes, columns=2)
    return svg.to_svg(figure, svg.Caption(name="curves", title="Learning curves", description=_curve_text(comparison)))


def _retraining_curves(axes: Axes, model: ModelSummary) -> None:
    colour, runs = _COLOURS[model.name], [_train_accuracy(run.epochs) for run in model.runs]
    for run in runs:
        axes.plot(range(1, len(run) + 1), run, color=colour, linewidth=0.8, alpha=0.45)
    shortest = min(map(len, runs))
    mean = np.mean([run[:shortest] for run in runs], axis=0)
    axes.plot(range(1, shortest + 1), mean, "-o", color=colour, linewidth=2, markersize=3.5, label=_NAMES[model.name])


def _train_accuracy(epochs: Sequence[EpochResult]) -> list[float]:
    return [100 * epoch.train_accuracy for epoch in epochs]


def _search_trials(outcome: SearchOutcome) -> list[tuple[str, TrialRecord]]:
    reference = reference_trial(outcome.trials)
    best = [trial for trial in outcome.trials if trial.number == outcome.best_trial and not trial.is_reference]
    return ([("reference", reference)] if reference else []) + [("best", trial) for trial in best]


def _curve_text(comparison: Comparison) -> str:
    ends = [
        f"{_NAMES[model.name]}: {100 * np.mean([run.epochs[-1].train_accuracy for run in model.runs]):.2f}%"
        for model in (comparison.reference, comparison.best)
        if all(run.epochs for run in model.runs)
    ]
    return "Mean training accuracy after the last epoch. " + "; ".join(ends)
