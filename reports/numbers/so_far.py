"""A search that has not ended: its state, and the numbers that several sections draw on. No test result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fashion_model.config import REFERENCE
from reports.numbers.trials import TrialNumbers, reference_trial, trial_numbers
from reports.records import SearchState, Status, TrialRecord, best_finalist


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
class SoFar:
    """What every section of the interim page is made from."""

    state: SearchState
    best: Leader | None
    reference: ReferenceSoFar | None
    trials: TrialNumbers

    def is_chosen(self) -> bool:
        """Whether the best trial is the winner, chosen by fresh seeds."""
        return self.best is not None and self.best.fresh_mean is not None


def so_far(state: SearchState) -> SoFar:
    """The shared numbers of a search that has not ended."""
    best = _leader(state)
    leader = best.trial if best else None
    numbers = trial_numbers(state.trials, state.finalists, REFERENCE, leader, state.warm_started)
    return SoFar(state=state, best=best, reference=_reference(state.trials), trials=numbers)


def _leader(state: SearchState) -> Leader | None:
    """The best complete trial; once the finalists are scored, the one of them that fresh seeds chose."""
    complete = {trial.number: trial for trial in state.trials if trial.status == "COMPLETE" and trial.value is not None}
    scored = [score for score in state.finalists if score.fresh_values and score.trial in complete]
    if state.stage in ("ablation", "retrain") and scored:
        score = best_finalist(scored)
        chosen = complete[score.trial].is_reference
        return Leader(trial=score.trial, value=score.search_value, fresh_mean=score.mean(), is_reference=chosen)
    best = max(complete.values(), key=lambda trial: (trial.value or 0.0, -trial.number), default=None)
    if best is None:
        return None
    return Leader(trial=best.number, value=best.value or 0.0, fresh_mean=None, is_reference=best.is_reference)


def _reference(trials: Sequence[TrialRecord]) -> ReferenceSoFar | None:
    trial = reference_trial(trials)
    return None if trial is None else ReferenceSoFar(trial=trial.number, status=trial.status, value=trial.value)
