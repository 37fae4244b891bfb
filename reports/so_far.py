"""What a search that has not ended has found so far: its state in, numbers and a sentence out. No test result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fashion_model.config import REFERENCE
from reports.facts import Fact, setting_facts
from reports.privacy import without_credentials, without_folders, worker_names
from reports.trials import Finalist, StatusCounts, TrialNumbers, reference_trial, trial_numbers
from reports.wording import fixed, percent, plural
from search.records import SearchState, Status, TrialRecord

_PARTICIPLES: Final = ("interrupted", "stopped", "ended", "paused", "cancelled", "terminated", "killed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """The best trial so far. `fresh_mean` is its mean over fresh seeds once it was chosen by them, until then None."""

    trial: int
    value: float
    fresh_mean: float | None
    is_reference: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSoFar:
    """How the reference ended in the search; `value` is None unless it is complete."""

    trial: int
    status: Status
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What was run, when, how it goes on: fit to be shared."""

    study: str
    command: str
    resume: str
    started: str
    saved: str
    settings: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoFar:
    """All that the interim page says. `stopped` is a clause that says why the search stopped."""

    headline: str
    sentence: str
    stopped: str
    stage: str
    trials_planned: int
    trials_ended: int
    waiting: int
    best: Leader | None
    reference: ReferenceSoFar | None
    search: TrialNumbers
    origin: Origin


def so_far(state: SearchState) -> SoFar:
    """Every number of the interim report."""
    best, reference = _leader(state), _reference(state.trials)
    numbers = trial_numbers(state.trials, state.finalists, REFERENCE, best.trial if best else None)
    stopped = _stopped(worker_names(state.trials).clean(state.ending))
    found = f"{_found(state, numbers.counts, best)}{_beside(best, reference)}"
    return SoFar(
        headline=_headline(state, best),
        sentence=f"{found}.{_come_to(state.stage, numbers.finalists)} No test result yet: {stopped}.",
        stopped=stopped,
        stage=state.stage,
        trials_planned=state.trials_planned,
        trials_ended=len(state.trials),
        waiting=state.waiting,
        best=best,
        reference=reference,
        search=numbers,
        origin=_origin(state),
    )


def _leader(state: SearchState) -> Leader | None:
    """The best complete trial; once the finalists are scored, the one of them that fresh seeds chose."""
    complete = {trial.number: trial for trial in state.trials if trial.status == "COMPLETE" and trial.value is not None}
    scored = [score for score in state.finalists if score.fresh_values and score.trial in complete]
    if state.stage == "retrain" and scored:
        score = max(scored, key=lambda score: (score.mean(), score.search_value))
        chosen = complete[score.trial].is_reference
        return Leader(trial=score.trial, value=score.search_value, fresh_mean=score.mean(), is_reference=chosen)
    best = max(complete.values(), key=lambda trial: (trial.value or 0.0, -trial.number), default=None)
    if best is None:
        return None
    return Leader(trial=best.number, value=best.value or 0.0, fresh_mean=None, is_reference=best.is_reference)


def _reference(trials: Sequence[TrialRecord]) -> ReferenceSoFar | None:
    trial = reference_trial(trials)
    return None if trial is None else ReferenceSoFar(trial=trial.number, status=trial.status, value=trial.value)


def _stopped(ending: str) -> str:
    """`ending` as a clause without a full stop: "interrupted by Ctrl-C" is "the search was interrupted by Ctrl-C"."""
    text = " ".join(ending.split()).rstrip(".")
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


def _beside(best: Leader | None, reference: ReferenceSoFar | None) -> str:
    if best is None or best.is_reference:
        return ""
    if reference is None:
        return " (the reference has not ended)"
    return f" (the reference: {fixed(reference.value)})" if reference.value is not None else " (the reference failed)"


def _come_to(stage: str, finalists: Sequence[Finalist]) -> str:
    if stage == "finalists":
        verb = "has" if len(finalists) == 1 else "have"
        scored = f"{plural(len(finalists), 'finalist')} {verb}" if finalists else "No finalist has"
        return f" {scored} been scored again on fresh seeds."
    return " The retraining of the reference and the winner is not complete." if stage == "retrain" else ""


def _headline(state: SearchState, best: Leader | None) -> str:
    if best is None:
        return f"{_ended(state)}; none is complete" if state.trials else "No trial has ended yet"
    if best.fresh_mean is not None:
        return f"Trial {best.trial} was chosen with {percent(best.fresh_mean)} on fresh seeds, and is not yet tested"
    ended = f"{len(state.trials):,} of {plural(state.trials_planned, 'trial')}"
    return f"Best so far: {percent(best.value)} on the validation images, after {ended}"


def _origin(state: SearchState) -> Origin:
    return Origin(
        study=without_folders(state.study),
        command=without_credentials(state.command),
        resume=without_credentials(state.resume),
        started=state.started,
        saved=state.saved,
        settings=setting_facts(state.settings, state.command),
    )
