"""The page: a finished search's records -> numbers -> pictures -> report.html and report.json.

write_report(Path("runs/<name>"))
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from markupsafe import Markup

from fashion_model.config import CLASS_NAMES
from reports import charts, heat, search_charts
from reports.checks import Check, self_checks
from reports.comparison import Comparison, compare
from reports.cost import Cost, cost
from reports.findings import Findings, findings
from reports.history import SearchNumbers, search_numbers
from reports.pictures import data_uri
from reports.provenance import Provenance, provenance
from reports.rendering import render_page
from reports.report_json import report_json
from search.records import Predictions, SearchOutcome, load_outcome, load_predictions, write_beside_then_move

_ICONS: Final = MappingProxyType({"better": "▲", "no reliable difference": "≈", "worse": "▼"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The page's pictures, as inline SVG."""

    delta: Markup
    seeds: Markup
    classes: Markup
    curves: Markup
    history: Markup
    rungs: Markup
    timeline: Markup
    machines: Markup | None
    influence: Markup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionTables:
    """The three tables' cells: counts of the shown runs, and their signed difference."""

    reference: heat.CellRows
    best: heat.CellRows
    difference: heat.CellRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small image: a training image under its class name, or a test image under its index."""

    name: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that the template shows."""

    comparison: Comparison
    search: SearchNumbers
    cost: Cost
    checks: tuple[Check, ...]
    findings: Findings
    source: Provenance
    figures: Figures
    confusion: ConfusionTables
    grid: tuple[Thumbnail, ...]
    thumbnails: tuple[Thumbnail, ...]

    def thumbnail(self, index: int) -> str:
        """The data URI of one test image that the page shows."""
        return next(thumbnail.uri for thumbnail in self.thumbnails if thumbnail.name == str(index))


def write_report(run_dir: Path) -> Comparison:
    """Write `report.html` and `report.json` into a finished search's folder, and return the comparison.

    Raises:
        RecordError: when outcome.json or predictions.npz is missing, damaged, or they do not belong together.
        OSError: when the folder cannot be written.
    """
    outcome = load_outcome(run_dir / "outcome.json")
    predictions = load_predictions(run_dir / "predictions.npz")
    report = make_report(outcome, predictions)
    numbers = report_json(report.comparison, report.search, report.cost, report.checks, report.source)
    write_beside_then_move(run_dir / "report.html", render(report).encode())
    write_beside_then_move(run_dir / "report.json", numbers)
    return report.comparison


def make_report(outcome: SearchOutcome, predictions: Predictions) -> Report:
    """Numbers first, then pictures.

    Raises:
        RecordError: when the runs and the arrays do not belong together.
    """
    comparison = compare(outcome, predictions)
    search = search_numbers(outcome, comparison.best.accuracy.value)
    spent = cost(outcome)
    checks = self_checks(outcome, predictions, comparison, search)
    return Report(
        comparison=comparison,
        search=search,
        cost=spent,
        checks=checks,
        findings=findings(comparison, search, spent, checks),
        source=provenance(outcome, comparison),
        figures=_figures(outcome, comparison, search, spent),
        confusion=_confusion(comparison),
        grid=_grid(predictions),
        thumbnails=_thumbnails(comparison, predictions),
    )


def render(report: Report) -> str:
    """The page as one self-contained HTML text."""
    return render_page("page.html", r=report, class_names=CLASS_NAMES, icon=_ICONS)


def _figures(outcome: SearchOutcome, comparison: Comparison, search: SearchNumbers, spent: Cost) -> Figures:
    drawn = {
        "delta": charts.difference_interval(comparison),
        "seeds": charts.seed_dots(comparison),
        "classes": charts.class_changes(comparison),
        "curves": charts.learning_curves(comparison, outcome),
        "history": search_charts.history(search),
        "rungs": search_charts.rungs(search),
        "timeline": search_charts.timeline(spent.timeline),
    }
    influence = search.influence
    ranking = search_charts.influence(influence) if influence is not None and influence.ranking else None
    lanes = search_charts.machines(spent.machines) if len(spent.machines.devices) > 1 else None
    return Figures(
        **{name: _safe(drawing) for name, drawing in drawn.items()},
        machines=None if lanes is None else _safe(lanes),
        influence=None if ranking is None else _safe(ranking),
    )


def _safe(drawing: str) -> Markup:
    return Markup(drawing)  # noqa: S704 - svg.py escapes all text


def _confusion(comparison: Comparison) -> ConfusionTables:
    reference, best = comparison.reference.shown().confusion, comparison.best.shown().confusion
    largest = heat.largest_mistake(reference, best)
    return ConfusionTables(
        reference=heat.count_cells(reference, largest),
        best=heat.count_cells(best, largest),
        difference=heat.difference_cells(comparison.confusion_difference),
    )


def _grid(predictions: Predictions) -> tuple[Thumbnail, ...]:
    pairs = zip(predictions.grid_images, predictions.grid_labels, strict=True)
    return tuple(Thumbnail(name=CLASS_NAMES[label], uri=data_uri(image)) for image, label in pairs)


def _thumbnails(comparison: Comparison, predictions: Predictions) -> tuple[Thumbnail, ...]:
    changed = comparison.changed
    examples = (*changed.fixed, *changed.broken, *(example for pair in changed.pairs for example in pair.examples))
    indices = sorted({example.index for example in examples})
    return tuple(Thumbnail(name=str(index), uri=data_uri(predictions.images[index])) for index in indices)
