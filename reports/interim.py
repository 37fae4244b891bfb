"""The interim page: the state of a search that has not ended -> numbers -> pictures -> report.html and report.json.

write_interim(Path("runs/<name>"))

The command has ten seconds for it after Ctrl-C, so nothing is loaded here that this page does not show.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from markupsafe import Markup

from reports.json_text import json_text
from reports.rendering import render_page
from reports.so_far import SoFar, so_far
from reports.trials import TrialNumbers
from search.records import SearchState, load_state, write_beside_then_move


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The page's pictures, as inline SVG. `history` is None where no trial has reached a value."""

    history: Markup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterimReport:
    """Everything that the template shows. `ringed` says what the best trial's ring in the picture means."""

    numbers: SoFar
    ringed: str
    figures: Figures


def write_interim(run_dir: Path) -> str:
    """Write `report.html` and `report.json` of a search that has not ended, and return in words how far it came.

    Raises:
        RecordError: when state.json is missing, damaged or of another schema.
        OSError: when the folder cannot be written.
    """
    report = make_interim(load_state(run_dir / "state.json"))
    write_beside_then_move(run_dir / "report.html", render_page("interim.html", r=report).encode())
    write_beside_then_move(run_dir / "report.json", json_text(asdict(report.numbers), finished=False))
    return report.numbers.sentence


def make_interim(state: SearchState) -> InterimReport:
    """Numbers first, then pictures."""
    numbers = so_far(state)
    ringed = "chosen" if numbers.best and numbers.best.fresh_mean is not None else "in the lead"
    return InterimReport(numbers=numbers, ringed=ringed, figures=Figures(history=_history(numbers.search, ringed)))


def _history(numbers: TrialNumbers, ringed: str) -> Markup | None:
    if all(point.value is None for point in numbers.trials):
        return None
    from reports import search_charts  # Matplotlib: half a second that a page without a picture need not pay

    return Markup(search_charts.history(numbers, ringed))  # noqa: S704 - svg.py escapes all text
