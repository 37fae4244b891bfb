"""Every retraining's accuracy with what else can be asked of them, and the learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports.layout import svg
from reports.layout.section import Section, draw_section
from reports.numbers.comparison import Comparison
from reports.numbers.finished import Document, Finished
from reports.numbers.model_summary import ModelSummary
from reports.numbers.statistics import (
    Estimate,
    accuracy_difference,
    mean_accuracy,
    permutation_p,
    probability_better,
)
from reports.numbers.trials import reference_trial
from reports.numbers.wording import points
from reports.records import ModelName, SearchOutcome, TrialRecord

_NAMES: Final = MappingProxyType({"reference": "Reference", "best": "Tuned"})


def runs(finished: Finished) -> Section:
    """Test accuracy by seed, and other tests of the same question, which one set of runs does not answer."""
    comparison = finished.comparison
    correct = [[run.correct for run in model.runs] for _, model in comparison.models()]
    one = comparison.same_configuration
    permuted, share = (None, None) if one else (permutation_p(*correct), probability_better(*correct))
    equal = equal_compute(finished)
    numbers = {
        "models.reference": comparison.reference,
        "models.best": comparison.best,
        "comparison.permutation_p": permuted,
        "comparison.probability_better": share,
        "comparison.equal_compute": equal,
    }
    return draw_section(
        "sections/retrainings/runs.html", id="runs", title="Runs", heading=_runs_heading(comparison, share),
        numbers=numbers, c=comparison, models=comparison.distinct(), names=_NAMES,
        chart=seed_dots(comparison, finished.document), permutation_p=permuted, probability_better=share,
        equal=equal,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualCompute:
    """The reference, trained for so many epochs that they take as many multiply-adds as the best's training.

    `difference` is the best minus it; `cpu_share` is its CPU time, measured, as a share of the best's.
    """

    epochs: int
    seeds: int
    accuracy: Estimate
    difference: Estimate
    cpu_share: float


def equal_compute(finished: Finished) -> EqualCompute | None:
    """None where the best costs no more than the reference, and in older runs."""
    runs, predictions, best = finished.outcome.equal_compute, finished.predictions, finished.outcome.runs("best")
    if not runs or len(predictions.equal_compute) != len(runs):
        return None
    right = predictions.equal_compute.argmax(axis=2) == predictions.labels
    seconds = [np.mean([run.train.cpu_seconds for run in each]) for each in (runs, best)]
    return EqualCompute(
        epochs=len(runs[0].train.epochs),
        seeds=len(runs),
        accuracy=mean_accuracy(right),
        difference=accuracy_difference(right, finished.right["best"]).estimate,
        cpu_share=float(seconds[0] / seconds[1]) if seconds[1] else 0.0,
    )


def _runs_heading(comparison: Comparison, share: float | None) -> str:
    """Says that one is better only where the verdict does."""
    seeds = len(comparison.seeds)
    if seeds == 1:
        return "One run each: the spread between runs is not known"
    if share is None or comparison.verdict not in ("better", "worse"):
        spread = " and ".join(
            f"{points(model.seed_deviation or 0.0).lstrip('+')} pt" for _, model in comparison.distinct()
        )
        return f"From seed to seed the accuracy varies by {spread} (SD)"
    if share in (0.0, 1.0):
        winner, loser = ("tuned", "reference") if share == 1.0 else ("reference", "tuned")
        return f"Every {winner} run beats every {loser} run"
    return f"A tuned run beats a reference run in {share:.0%} of the {seeds * seeds} pairings"


def curves(finished: Finished) -> Section:
    """How the retrainings learned, and the search's trials of the same configurations."""
    return draw_section(
        "sections/retrainings/curves.html", id="curves", title="Curves", heading="How the networks learned",
        chart=learning_curves(finished.comparison, finished.outcome),
    )  # fmt: skip


def seed_dots(comparison: Comparison, document: Document | None) -> Markup:
    """Test accuracy of every run as a dot, the mean as a bar, the document's claim as a dashed line."""
    shown = comparison.distinct()
    figure, (axes,) = svg.new_figure(0.9 + 0.5 * len(shown))
    for row, (name, model) in enumerate(reversed(shown)):
        _draw_runs(axes, row, model, svg.MODEL_COLOURS[name])
    if document is not None:
        claim = 100 * document.test_accuracy
        axes.axvline(claim, color=svg.MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"document’s claim {claim:.0f}%", (claim, len(shown) - 0.45), ha="center", va="bottom", color=svg.MUTED
        )
    svg.name_rows(axes, [_NAMES[name] for name, _ in reversed(shown)])
    axes.set(ylim=(-0.75, len(shown) - 0.4), xlabel="test accuracy, %")
    listed = [
        f"{_NAMES[name]}: {', '.join(f'{100 * run.test_accuracy:.2f}%' for run in model.runs)}; "
        f"mean {100 * model.test_accuracy.value:.2f}%."
        for name, model in shown
    ]
    return svg.to_svg(figure, name="seeds", title="Test accuracy by seed", description=" ".join(listed))


def _draw_runs(axes: Axes, row: int, model: ModelSummary, colour: str) -> None:
    values, mean = [100 * run.test_accuracy for run in model.runs], 100 * model.test_accuracy.value
    svg.draw_estimate(axes, model.test_accuracy, row - 0.2, colour, width=2.5)
    axes.plot(values, np.full(len(values), row + 0.14), "o", color=colour, markersize=7, markeredgecolor=svg.CARD)
    axes.annotate(
        f"mean {mean:.2f}%", (mean, row - 0.24),
        xytext=(0, -5), textcoords="offset points", ha="center", va="top", color=svg.INK,
    )  # fmt: skip


def learning_curves(comparison: Comparison, outcome: SearchOutcome) -> Markup:
    """Left: training accuracy of every retraining, thin, and the mean. Right: validation accuracy in the search."""
    figure, (retrained, searched) = svg.new_figure(2.9, columns=2)
    ends = []
    for name, model in comparison.distinct():
        _draw_retrainings(retrained, name, model)
        ends.append(f"{_NAMES[name]}: {100 * model.train_accuracy():.2f}%")
    for name, trial in _search_trials(outcome):
        if trial.measurements:
            epochs, values = zip(*trial.measurements, strict=True)
            _draw_curve(searched, name, epochs, values)
    retrained.set_ylabel("retraining: training accuracy, %")
    searched.set_ylabel("search trial: validation accuracy, %")
    for axes in (retrained, searched):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        svg.add_legend(axes)
    text = "Mean training accuracy after the last epoch. " + "; ".join(ends)
    return svg.to_svg(figure, name="curves", title="Learning curves", description=text)


def _draw_retrainings(axes: Axes, name: ModelName, model: ModelSummary) -> None:
    runs = [[epoch.train_accuracy for epoch in run.epochs] for run in model.runs]
    colour = svg.MODEL_COLOURS[name]
    for run in runs:
        axes.plot(range(1, len(run) + 1), np.multiply(100, run), color=colour, linewidth=0.8, alpha=0.45)
    shortest = min(map(len, runs))
    mean = np.mean([run[:shortest] for run in runs], axis=0)
    _draw_curve(axes, name, range(1, shortest + 1), mean.tolist())


def _draw_curve(axes: Axes, name: ModelName, epochs: Sequence[int], values: Sequence[float]) -> None:
    colour = svg.MODEL_COLOURS[name]
    axes.plot(epochs, np.multiply(100, values), "-o", color=colour, linewidth=2, markersize=3.5, label=_NAMES[name])


def _search_trials(outcome: SearchOutcome) -> Iterator[tuple[ModelName, TrialRecord]]:
    if (reference := reference_trial(outcome.trials)) is not None:
        yield "reference", reference
    for trial in outcome.trials:
        if trial.number == outcome.best_trial and not trial.is_reference:
            yield "best", trial
