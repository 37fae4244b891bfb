"""The search in numbers: every trial, best so far, counts by status, epochs, the winner's curse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from fashion_model.config import TrainConfig
from reports.influence import SettingInfluence, setting_influence
from reports.privacy import WorkerNames, worker_names
from search.records import FinalistScore, SearchOutcome, Status, TrialRecord

TOP_TRIALS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPoint:
    """One trial. `value` is the validation accuracy after its last epoch, of whatever status; None if it reached none.

    `best_so_far` is the best `value` of the COMPLETE trials up to this one, in order of their numbers.
    """

    number: int
    status: Status
    value: float | None
    epochs: int
    best_so_far: float | None
    is_reference: bool
    is_best: bool
    seconds: float
    cpu_seconds: float
    worker: str
    reason: str
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCounts:
    """Trials by how they ended."""

    complete: int
    pruned: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A text and how many trials it belongs to."""

    text: str
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """Trials whose last epoch this was, and trials that got so far or farther."""

    epoch: int
    ended_here: int
    reached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A finalist's validation accuracy in the search and on fresh seeds. `deviation` is None for one seed."""

    trial: int
    search_value: float
    fresh_mean: float
    fresh_values: tuple[float, ...]
    deviation: float | None
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WinnersCurse:
    """The winner's accuracy three times: as the search saw it, on fresh seeds (both validation), on the test set."""

    search_value: float | None
    fresh_mean: float | None
    fresh_seeds: int
    test_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    """One field of the configuration, as text, for both models."""

    name: str
    reference: str
    best: str
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchNumbers:
    """All the page says of the search. `epochs_unpruned` is what its epochs would have been without pruning."""

    trials: tuple[TrialPoint, ...]
    counts: StatusCounts
    failures: tuple[Counted, ...]
    top: tuple[TrialPoint, ...]
    rungs: tuple[Rung, ...]
    epochs: int
    epochs_unpruned: int
    full_epochs: int
    finalists: tuple[Finalist, ...]
    winner: WinnersCurse
    parameters: tuple[ParameterRow, ...]
    influence: SettingInfluence | None


def search_numbers(outcome: SearchOutcome, best_test_accuracy: float) -> SearchNumbers:
    """Every number of the search. `best_test_accuracy` is the best's mean over its retrainings (fraction)."""
    names = worker_names(outcome.trials)
    points = _points(outcome, names)
    full = max([point.epochs for point in points if point.status == "COMPLETE"], default=0)
    complete = [point for point in points if point.status == "COMPLETE" and point.value is not None]
    return SearchNumbers(
        trials=points,
        counts=_counts(points),
        failures=_failures(points),
        top=tuple(sorted(complete, key=lambda point: -(point.value or 0.0))[:TOP_TRIALS]),
        rungs=_rungs(points),
        epochs=sum(point.epochs for point in points),
        epochs_unpruned=full * sum(point.status != "FAIL" for point in points)
        + sum(point.epochs for point in points if point.status == "FAIL"),
        full_epochs=full,
        finalists=tuple(_finalist(score, outcome.best_trial) for score in outcome.finalists),
        winner=_winners_curse(outcome, best_test_accuracy),
        parameters=parameter_rows(outcome.reference_config, outcome.best_config),
        influence=setting_influence(outcome.trials),
    )


def _points(outcome: SearchOutcome, names: WorkerNames) -> tuple[TrialPoint, ...]:
    points, best = [], None
    for trial in sorted(outcome.trials, key=lambda trial: trial.number):
        value = last_value(trial)
        if trial.status == "COMPLETE" and value is not None:
            best = value if best is None else max(best, value)
        points.append(
            TrialPoint(
                number=trial.number,
                status=trial.status,
                value=value,
                epochs=epochs_of(trial),
                best_so_far=best,
                is_reference=trial.is_reference,
                is_best=trial.number == outcome.best_trial,
                seconds=trial.seconds,
                cpu_seconds=trial.cpu_seconds,
                worker=names.label(trial.worker),
                reason=names.clean(trial.reason),
                changed=_changed(outcome.reference_config, trial.config),
            )
        )
    return tuple(points)


def last_value(trial: TrialRecord) -> float | None:
    """The validation accuracy after the trial's last epoch; None if it reached none."""
    if trial.value is not None:
        return trial.value
    return trial.intermediate[-1][1] if trial.intermediate else None


def epochs_of(trial: TrialRecord) -> int:
    """Epochs that the trial finished."""
    return max((epoch for epoch, _ in trial.intermediate), default=0)


def _counts(points: Sequence[TrialPoint]) -> StatusCounts:
    counted = Counter(point.status for point in points)
    return StatusCounts(complete=counted["COMPLETE"], pruned=counted["PRUNED"], failed=counted["FAIL"])


def _failures(points: Sequence[TrialPoint]) -> tuple[Counted, ...]:
    counted = Counter(point.reason or "no reason recorded" for point in points if point.status == "FAIL")
    return tuple(Counted(text=text, trials=trials) for text, trials in counted.most_common())


def _rungs(points: Sequence[TrialPoint]) -> tuple[Rung, ...]:
    last = [point.epochs for point in points]
    return tuple(
        Rung(epoch=epoch, ended_here=last.count(epoch), reached=sum(value >= epoch for value in last))
        for epoch in range(1, max(last, default=0) + 1)
    )


def _finalist(score: FinalistScore, best_trial: int) -> Finalist:
    mean, count = score.mean(), len(score.fresh_values)
    squares = sum((value - mean) ** 2 for value in score.fresh_values)
    return Finalist(
        trial=score.trial,
        search_value=score.search_value,
        fresh_mean=mean,
        fresh_values=score.fresh_values,
        deviation=(squares / (count - 1)) ** 0.5 if count > 1 else None,
        is_best=score.trial == best_trial,
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


def parameter_rows(reference: TrainConfig, best: TrainConfig) -> tuple[ParameterRow, ...]:
    """Every field of both configurations, in the order of TrainConfig."""
    return tuple(
        ParameterRow(name=field.name, reference=value_text(before), best=value_text(after), differs=before != after)
        for field in fields(TrainConfig)
        for before, after in [(getattr(reference, field.name), getattr(best, field.name))]
    )


def value_text(value: object) -> str:
    """A parameter's value in few characters: 0.00123, 5e-05, yes, adam."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _changed(reference: TrainConfig, config: TrainConfig | None) -> str:
    """What sets a configuration apart from the reference, in one line."""
    if config is None:
        return "no valid configuration"
    rows = [row for row in parameter_rows(reference, config) if row.differs]
    return ", ".join(f"{row.name} {row.best}" for row in rows) or "the reference"
