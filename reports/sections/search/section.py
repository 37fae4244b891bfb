"""All trials of a finished search, and what became of the winner's accuracy."""

from __future__ import annotations

from reports.layout.section import Section, draw_section
from reports.numbers.finished import Finished, Winner
from reports.numbers.trials import TrialNumbers
from reports.numbers.wording import count, percent, plural
from reports.sections.search.front import front_of, front_plot
from reports.sections.search.picture import curves, history, rungs
from reports.sections.search.settings import by_setting


def search(finished: Finished) -> Section:
    """History and curves, finalists, settings, epochs, and every trial."""
    trials, winner, outcome, front = finished.trials, finished.winner, finished.outcome, front_of(finished)
    return draw_section(
        "sections/search/search.html", id="search", title="Search", heading=_heading(trials),
        numbers={"search": trials, "search.winner": winner, "search.front": front}, s=trials, front=front,
        document=finished.document,
        history_plot=history(trials, "chosen"), curves_plot=curves(outcome.trials, outcome.best_trial, "chosen"),
        by_setting=by_setting(outcome.trials, outcome.best_trial), rungs_plot=rungs(trials),
        front_chart=front_plot(outcome), rungs_heading=_rungs_heading(trials), winner_heading=_winner_heading(winner),
    )  # fmt: skip


def _heading(search: TrialNumbers) -> str:
    best = max((point.best_so_far for point in search.trials if point.best_so_far is not None), default=None)
    trials = plural(len(search.trials), "trial")
    if best is None:
        return f"{trials}, none of which ran to its end"
    return f"{trials} reached at best {percent(best)} on the validation images"


def _winner_heading(winner: Winner) -> str:
    if winner.search_value is None or winner.fresh_mean is None:
        return f"The winner was not scored again before the test; there it has {percent(winner.test_mean)}"
    became = f"{percent(winner.fresh_mean)} on fresh seeds and {percent(winner.test_mean)} on the test set"
    return f"The winner’s {percent(winner.search_value)} in the search became {became}"


def _rungs_heading(search: TrialNumbers) -> str:
    saved = search.epochs_unpruned - search.epochs
    if saved <= 0:
        return "No trial was stopped early"
    share = percent(saved / search.epochs_unpruned, 0)
    return f"Stopping early saved {count(saved)} of {count(search.epochs_unpruned)} epochs ({share})"
