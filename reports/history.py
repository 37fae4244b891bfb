"""A finished search in numbers: its trials, the winner's curse, the winner's settings and which settings mattered."""

from __future__ import annotations

from dataclasses import dataclass, fields

from reports.influence import SettingInfluence, setting_influence
from reports.parameters import ParameterRow, parameter_rows
from reports.trials import TrialNumbers, trial_numbers
from search.records import SearchOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class WinnersCurse:
    """The winner's accuracy three times: as the search saw it, on fresh seeds (both validation), on the test set."""

    search_value: float | None
    fresh_mean: float | None
    fresh_seeds: int
    test_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchNumbers(TrialNumbers):
    """All the page says of the search: the trials' numbers, and those that only its end gives."""

    winner: WinnersCurse
    parameters: tuple[ParameterRow, ...]
    influence: SettingInfluence | None


def search_numbers(outcome: SearchOutcome, best_test_accuracy: float) -> SearchNumbers:
    """Every number of the search. `best_test_accuracy` is the best's mean over its retrainings (fraction)."""
    told = trial_numbers(outcome.trials, outcome.finalists, outcome.reference_config, outcome.best_trial)
    return SearchNumbers(
        **{field.name: getattr(told, field.name) for field in fields(told)},
        winner=_winners_curse(outcome, best_test_accuracy),
        parameters=parameter_rows(outcome.reference_config, outcome.best_config),
        influence=setting_influence(outcome.trials),
    )


def _winners_curse(outcome: SearchOutcome, test_mean: float) -> WinnersCurse:
    trial = next((trial for trial in outcome.trials if trial.number == outcome.best_trial), None)
    score = next((score for score in outcome.finalists if score.trial == outcome.best_trial), None)
    return WinnersCurse(
        search_value=score.search_value if score else (trial.value if trial else None),
        fresh_mean=score.mean() if score else None,
        fresh_seeds=len(score.fresh_values) if score else 0,
        test_mean=test_mean,
    )
