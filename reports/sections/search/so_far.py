"""The trials of a search under way."""

from __future__ import annotations

from reports.layout.section import Section, draw_section
from reports.numbers.so_far import SoFar
from reports.sections.search.picture import curves, history


def search_so_far(so_far: SoFar) -> Section:
    """History and curves, finalists if there are any, and every trial."""
    trials, best = so_far.trials, so_far.best
    heading = "What the trials have shown so far" if trials.trials else "Nothing to show yet"
    ringed = "chosen" if so_far.is_chosen() else "in the lead"
    return draw_section(
        "sections/search/so_far.html", id="search", title="Search", heading=heading,
        numbers={"search": trials}, s=trials, ringed=ringed,
        history_plot=history(trials, ringed) if trials.trials else None,
        curves_plot=curves(so_far.state.trials, best.trial if best else None, ringed),
    )  # fmt: skip
