"""The Optuna study as the record of truth: what to try next, what was seen, how each trial ended.

Whoever runs trials (search/on_ray.py, search/in_process.py) does so through four calls: `ask`, `report`,
`finish` and `fail`. Nothing about a trial is kept anywhere else, so that whatever runs them may die at any time.
No Ray and no Keras here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import optuna
from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import TrainConfig
from search.records import Status, TrialRecord
from search.space import RefusedPoint, reference_parameters, suggest

_STATUS: Final[Mapping[TrialState, Status]] = {
    TrialState.COMPLETE: "COMPLETE",
    TrialState.PRUNED: "PRUNED",
    TrialState.FAIL: "FAIL",
}
_MOST_REFUSALS: Final = 10_000  # in a row; three points in ten are refused, so more means that nothing fits


@dataclass(frozen=True, slots=True)
class Assignment:
    """A trial to run: its number in the study and its configuration."""

    number: int
    config: TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Who ran a trial, from when (ISO-8601 UTC) and for how long, in wall and CPU seconds."""

    worker: str
    started: str
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Where a study stands. `best_value` is the best full-length validation accuracy so far, of trial `best_trial`."""

    complete: int = 0
    pruned: int = 0
    failed: int = 0
    running: int = 0
    epochs: int = 0
    best_value: float | None = None
    best_trial: int | None = None

    def ended(self) -> int:
        """Trials that count towards `--trials`."""
        return self.complete + self.pruned + self.failed


class Observer(Protocol):
    """Watches a study, to show its progress."""

    def changed(self, counts: Counts) -> None:
        """A trial began, reported or ended."""

    def ended(self, record: TrialRecord) -> None:
        """A trial ended."""


class SearchStudy:
    """A study whose first trial is the reference and whose every ended trial says how it ended.

    A point that the space refuses for its cost is told to Optuna as FAIL with the rule it breaks, and another is
    drawn in its place: it costs no training and counts as no trial.
    """

    def __init__(self, study: optuna.Study, observer: Observer) -> None:
        self._study, self._observer = study, observer
        self._open: dict[int, optuna.Trial] = {}
        if not any("reference" in trial.user_attrs for trial in study.get_trials(deepcopy=False)):
            study.enqueue_trial(reference_parameters(), user_attrs={"reference": True})

    def ask(self) -> Assignment:
        """The next trial.

        Raises:
            RuntimeError: when the space refuses every point that the sampler draws.
        """
        for _ in range(_MOST_REFUSALS):
            trial = self._study.ask()
            try:
                config = suggest(trial)
            except RefusedPoint as refusal:
                trial.set_user_attr("refused", str(refusal))
                self._study.tell(trial, state=TrialState.FAIL)
                continue
            trial.set_user_attr("config", config.to_dict())
            self._open[trial.number] = trial
            self._observer.changed(self.counts())
            return Assignment(trial.number, config)
        raise RuntimeError(
            f"The space must admit some point. Received: {_MOST_REFUSALS} refused in a row. Widen search/space.py."
        )

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Record the validation accuracy after an epoch (from 1). Returns whether to prune: never the reference."""
        trial = self._open[number]
        trial.report(value, epoch)
        self._observer.changed(self.counts())
        return "reference" not in trial.user_attrs and trial.should_prune()

    def finish(self, number: int, work: Work, *, pruned: bool) -> None:
        """End a trial with its last reported value; a pruned one keeps only its intermediate values."""
        trial = self._open.pop(number)
        last_epoch, value = max(self._frozen(number).intermediate_values.items())
        trial.set_user_attr("work", _as_dict(work))
        if pruned:
            trial.set_user_attr("reason", f"pruned after epoch {last_epoch}")
            self._end(trial, TrialState.PRUNED)
        else:
            self._end(trial, TrialState.COMPLETE, value)

    def fail(self, number: int, reason: str, work: Work | None = None) -> None:
        """End a trial as FAIL for this reason."""
        trial = self._open.pop(number)
        trial.set_user_attr("reason", reason)
        if work is not None:
            trial.set_user_attr("work", _as_dict(work))
        self._end(trial, TrialState.FAIL)

    def fail_unfinished(self, reason: str) -> int:
        """End every trial still open as FAIL. Returns how many there were."""
        unfinished = list(self._open)
        for number in unfinished:
            self.fail(number, reason)
        return len(unfinished)

    def counts(self) -> Counts:
        """Where the study stands."""
        trials = self._trials(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
        by_state = {state: sum(trial.state is state for trial in trials) for state in TrialState}
        best = max((t for t in trials if t.state is TrialState.COMPLETE), key=_value, default=None)
        return Counts(
            complete=by_state[TrialState.COMPLETE],
            pruned=by_state[TrialState.PRUNED],
            failed=by_state[TrialState.FAIL],
            running=by_state[TrialState.RUNNING],
            epochs=sum(len(trial.intermediate_values) for trial in trials),
            best_value=best.value if best else None,
            best_trial=best.number if best else None,
        )

    def refused(self) -> int:
        """How many points the space refused for their cost."""
        return sum("refused" in trial.user_attrs for trial in self._study.get_trials(deepcopy=False))

    def records(self) -> tuple[TrialRecord, ...]:
        """Every ended trial, by number."""
        return tuple(_record(trial) for trial in self._trials(*_STATUS))

    def _end(self, trial: optuna.Trial, state: TrialState, value: float | None = None) -> None:
        self._study.tell(trial, value, state=state)
        self._observer.changed(self.counts())
        self._observer.ended(_record(self._frozen(trial.number)))

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        trials = self._study.get_trials(deepcopy=False, states=states)
        return [trial for trial in trials if "refused" not in trial.user_attrs]

    def _frozen(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]


def _value(trial: FrozenTrial) -> float:
    return trial.value if trial.value is not None else -math.inf


def _as_dict(work: Work) -> dict[str, Any]:
    return {"worker": work.worker, "started": work.started, "seconds": work.seconds, "cpu_seconds": work.cpu_seconds}


def _record(trial: FrozenTrial) -> TrialRecord:
    work = trial.user_attrs.get("work", {})
    config = trial.user_attrs.get("config")
    return TrialRecord(
        number=trial.number,
        status=_STATUS[trial.state],
        reason=trial.user_attrs.get("reason", ""),
        config=TrainConfig.from_dict(config) if config is not None else None,
        # Optuna gives a pruned trial the value of its last epoch, which is no full-length result
        value=trial.value if trial.state is TrialState.COMPLETE else None,
        intermediate=tuple(sorted(trial.intermediate_values.items())),
        is_reference="reference" in trial.user_attrs,
        worker=work.get("worker", ""),
        started=work.get("started", _utc(trial.datetime_start)),
        ended=_utc(trial.datetime_complete),
        seconds=work.get("seconds", 0.0),
        cpu_seconds=work.get("cpu_seconds", 0.0),
    )


def _utc(moment: datetime | None) -> str:
    """Optuna stores local time without a zone."""
    return "" if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
