"""The trials in numbers, however far the search has come: every one, best so far, counts, epochs, finalists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fashion_model.config import TrainConfig
from reports.numbers.privacy import worker_names
from reports.numbers.wording import changed_settings, plural
from reports.records import FinalistScore, Origin, Status, TrialRecord

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
    origin: Origin
    is_best: bool
    seconds: float
    cpu_seconds: float
    worker: str
    reason: str
    attempts: int
    lineage: int | None
    note: str
    changed: str

    def remarks(self) -> str:
        """Why it ended, how often it was started, what happened on the way; empty where all went well."""
        first = "" if self.lineage is None else f", the first as trial {self.lineage}"
        attempts = f"{plural(self.attempts, 'attempt')}{first}" if self.attempts > 1 else ""
        return "; ".join(text for text in (self.reason, attempts, self.note) if text)


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
    """How many trials ended at this epoch, and how many reached it."""

    epoch: int
    ended_here: int
    reached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistNumbers:
    """A finalist's validation accuracy in the search and on fresh seeds. `deviation` is None for one seed."""

    trial: int
    search_value: float
    fresh_mean: float
    fresh_values: tuple[float, ...]
    deviation: float | None
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialNumbers:
    """All that can be said of the trials alone.

    `epochs_unpruned` is how many epochs they would have taken without pruning, `full_epochs` how many a complete trial
    takes, and `restarted` how many trials were started more than once. `earlier` holds trials of earlier runs that the
    search learned from; none of the other numbers counts them.
    """

    trials: tuple[TrialPoint, ...]
    earlier: tuple[TrialPoint, ...]
    counts: StatusCounts
    restarted: int
    failures: tuple[Counted, ...]
    top: tuple[TrialPoint, ...]
    rungs: tuple[Rung, ...]
    epochs: int
    epochs_unpruned: int
    full_epochs: int
    finalists: tuple[FinalistNumbers, ...]


def trial_numbers(
    trials: Sequence[TrialRecord],
    finalists: Sequence[FinalistScore],
    reference: TrainConfig,
    best: int | None,
    earlier: Sequence[TrialRecord] = (),
) -> TrialNumbers:
    """Every number of the trials. `best` is the number of the best trial, None if there is none, and `earlier` are
    trials of other runs."""
    points = _points(trials, reference, best)
    ended = Counter(point.status for point in points)
    complete = [point for point in points if point.status == "COMPLETE" and point.value is not None]
    full = max([point.epochs for point in points if point.status == "COMPLETE"], default=0)
    return TrialNumbers(
        trials=points,
        earlier=_points(earlier, reference, None),
        counts=StatusCounts(complete=ended["COMPLETE"], pruned=ended["PRUNED"], failed=ended["FAIL"]),
        # a trial that was repeated under another number is counted once
        restarted=len({p.number if p.lineage is None else p.lineage for p in points if p.attempts > 1}),
        failures=_failures(points),
        top=tuple(sorted(complete, key=lambda point: -(point.value or 0.0))[:TOP_TRIALS]),
        rungs=_rungs(points),
        epochs=sum(point.epochs for point in points),
        epochs_unpruned=full * sum(point.status != "FAIL" for point in points)
        + sum(point.epochs for point in points if point.status == "FAIL"),
        full_epochs=full,
        finalists=tuple(_finalist(score, best) for score in finalists if score.fresh_values),
    )


def reference_trial(trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """The reference's trial: the last complete one, else the last one. A repeated reference has another number."""
    references = sorted((trial for trial in trials if trial.is_reference), key=lambda trial: trial.number)
    complete = [trial for trial in references if trial.status == "COMPLETE"]
    return next(reversed(complete or references), None)


def epochs_of(trial: TrialRecord) -> int:
    """Epochs that the trial finished."""
    return max((epoch for epoch, _ in trial.measurements), default=0)


def _points(trials: Sequence[TrialRecord], reference: TrainConfig, chosen: int | None) -> tuple[TrialPoint, ...]:
    names = worker_names(trials)
    points: list[TrialPoint] = []
    best: float | None = None
    for trial in sorted(trials, key=lambda trial: trial.number):
        value = trial.value
        if value is None and trial.measurements:
            value = trial.measurements[-1].value
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
                origin=trial.origin,
                is_best=trial.number == chosen,
                seconds=trial.work.seconds,
                cpu_seconds=trial.work.cpu_seconds,
                worker=names.label(trial.work.worker),
                reason=names.clean(trial.reason),
                attempts=trial.attempts,
                lineage=trial.lineage,
                note=names.clean(trial.work.note),
                changed=changed_settings(reference, trial.config),
            )
        )
    return tuple(points)


def _failures(points: Sequence[TrialPoint]) -> tuple[Counted, ...]:
    counted = Counter(point.reason or "no reason recorded" for point in points if point.status == "FAIL")
    return tuple(Counted(text=text, trials=trials) for text, trials in counted.most_common())


def _rungs(points: Sequence[TrialPoint]) -> tuple[Rung, ...]:
    last = [point.epochs for point in points]
    return tuple(
        Rung(epoch=epoch, ended_here=last.count(epoch), reached=sum(value >= epoch for value in last))
        for epoch in range(1, max(last, default=0) + 1)
    )


def _finalist(score: FinalistScore, best: int | None) -> FinalistNumbers:
    mean, count = score.mean(), len(score.fresh_values)
    squares = sum((value - mean) ** 2 for value in score.fresh_values)
    return FinalistNumbers(
        trial=score.trial,
        search_value=score.search_value,
        fresh_mean=mean,
        fresh_values=score.fresh_values,
        deviation=(squares / (count - 1)) ** 0.5 if count > 1 else None,
        is_best=score.trial == best,
    )
