"""What a search under way has found so far, in one sentence, and why there is no test result."""

from __future__ import annotations

from typing import Final

from reports.layout.section import Section, draw_section
from reports.numbers.privacy import worker_names
from reports.numbers.so_far import Leader, ReferenceSoFar, SoFar
from reports.numbers.trials import StatusCounts
from reports.numbers.wording import fixed, percent, plural
from reports.records import SearchState

_PARTICIPLES: Final = ("interrupted", "stopped", "ended", "paused", "cancelled", "terminated", "killed")


def result_so_far(so_far: SoFar) -> Section:
    """The interim page's first section, whose heading is the page's."""
    state, heading, sentence = so_far.state, _heading(so_far.state, so_far.best), sentence_of(so_far)
    numbers = {
        "headline": heading,
        "sentence": sentence,
        "stopped": _stopped(state),
        "stage": state.stage,
        "trials_planned": state.trials_planned,
        "trials_ended": len(state.trials),
        "waiting": state.waiting,
        "best": so_far.best,
        "reference": so_far.reference,
    }
    return draw_section(
        "sections/result/so_far.html", id="result", title="So far", heading=heading, numbers=numbers,
        sentence=sentence, stopped=_stopped(state), state=state, best=so_far.best, reference=so_far.reference,
        is_chosen=so_far.is_chosen(),
    )  # fmt: skip


def sentence_of(so_far: SoFar) -> str:
    """How far the search has come, what is best, and why it stopped."""
    state, best = so_far.state, so_far.best
    found = f"{_found(state, so_far.trials.counts, best)}{_reference_value(best, so_far.reference)}"
    return f"{found}.{_stage(state.stage)} No test result yet: {_stopped(state)}."


def _stopped(state: SearchState) -> str:
    """Why, as a clause without a full stop: "interrupted by Ctrl-C" becomes "the search was interrupted by Ctrl-C"."""
    text = " ".join(worker_names(state.trials).clean(state.ending).split()).rstrip(".")
    if not text:
        return "the search has not ended"
    return f"the search was {text}" if text.split()[0].lower() in _PARTICIPLES else text


def _ended(state: SearchState) -> str:
    ended, planned = len(state.trials), state.trials_planned
    verb = "has" if ended == 1 else "have"
    if not ended:
        return f"No trial has ended yet, of {planned:,} planned"
    if ended == planned:
        return "The only trial has ended" if planned == 1 else f"All {planned:,} trials have ended"
    return (
        f"{ended:,} of {planned:,} trials {verb} ended" if ended < planned else f"{plural(ended, 'trial')} {verb} ended"
    )


def _found(state: SearchState, counts: StatusCounts, best: Leader | None) -> str:
    ended = _ended(state)
    if best is not None and best.fresh_mean is not None:
        fresh = f"with {fixed(best.fresh_mean)} validation accuracy on fresh seeds"
        return f"{ended}; {_named(best)} was chosen, {fresh} and {fixed(best.value)} in the search"
    if best is not None:
        return f"{ended}; the best so far is {_named(best)} with {fixed(best.value)} validation accuracy"
    if len(state.trials) == 1:
        return f"{ended}: it {'failed' if counts.failed else 'was stopped early'}"
    how = [(counts.failed, "failed"), (counts.pruned, "stopped early")]
    words = " and ".join(f"{number:,} {word}" for number, word in how if number)
    return f"{ended}, none of which ran to its end ({words})" if state.trials else ended


def _named(best: Leader) -> str:
    return f"the reference itself, trial {best.trial}," if best.is_reference else f"trial {best.trial}"


def _reference_value(best: Leader | None, reference: ReferenceSoFar | None) -> str:
    if best is None or best.is_reference:
        return ""
    if reference is None:
        return " (the reference has not ended)"
    return f" (the reference: {fixed(reference.value)})" if reference.value is not None else " (the reference failed)"


def _stage(stage: str) -> str:
    if stage == "finalists":  # their scores are recorded together, at the end of the stage
        return " The finalists’ trainings on fresh seeds are not complete."
    return (
        " The retraining of the reference and the winner is not complete." if stage in ("ablation", "retrain") else ""
    )


def _heading(state: SearchState, best: Leader | None) -> str:
    if best is None:
        return f"{_ended(state)}; none is complete" if state.trials else "No trial has ended yet"
    if best.fresh_mean is not None:
        return f"Trial {best.trial} was chosen with {percent(best.fresh_mean)} on fresh seeds, and is not yet tested"
    ended = f"{len(state.trials):,} of {plural(state.trials_planned, 'trial')}"
    return f"Best so far: {percent(best.value)} on the validation images, after {ended}"
