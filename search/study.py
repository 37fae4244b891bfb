"""The Optuna study as the record of truth: what to try next, what was seen, how each trial ended.

Whoever runs trials (search/places/on_ray.py, search/places/in_process.py) does so through four calls: `ask`, `report`,
`finish` and `fail`. Nothing about a trial is kept anywhere else, so that whatever runs them may die at any time:
opening the study again ends what was left open, and starts it again as often as its fault allows.
No Ray and no Keras here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import TrainConfig
from search.faults import Cause, Fault, SearchBroken, StorageError, StudyBusy
from search.interrupt import whole
from search.records import TrialRecord
from search.sampling.drawing import Drawing
from search.space import RefusedPoint, reference_parameters
from search.storage.durable import Durable
from search.storage.rows import Rows
from search.storage.stored import (
    END,
    LINE,
    REFERENCE,
    End,
    Line,
    is_lost,
    is_result,
    record_of,
    to_start_again,
)
from search.trials.assignment import Assignment, Work

_MOST_REFUSALS: Final = 10_000  # in a row; three points in ten are refused, so more means that nothing fits


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

    def with_result(self, record: TrialRecord) -> Counts:
        """The counts with one more result."""
        ended = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}[record.status]
        counts = replace(self, **{ended: getattr(self, ended) + 1}, epochs=self.epochs + len(record.intermediate))
        if record.value is None or (self.best_value is not None and record.value <= self.best_value):
            return counts
        return replace(counts, best_value=record.value, best_trial=record.number)


class Observer(Protocol):
    """Watches a study, to show its progress."""

    def changed(self, counts: Counts) -> None:
        """A trial began, reported or ended."""

    def ended(self, record: TrialRecord) -> None:
        """A trial ended with a result."""

    def starts_again(self, record: TrialRecord) -> None:
        """A trial ended without one, and will be started again."""


@dataclass(slots=True)
class _Open:
    """A trial under way."""

    number: int
    line: Line
    is_reference: bool
    values: dict[int, float] = field(default_factory=dict)
    work: Work = field(default_factory=Work)


class SearchStudy:
    """A study whose first trial is the reference and whose every ended trial says how it ended.

    Each change is made in memory first, where points are drawn and trials compared, and then in the database, in one
    transaction. A point that the space refuses for its cost is no trial: another is drawn in its place.

    Whatever makes the study unusable (StorageError, StudyBusy, SearchBroken) is raised and kept in `broken`, because
    Ray Tune wraps what its searcher raises.
    """

    def __init__(self, drawing: Drawing, rows: Rows, durable: Durable, observer: Observer, most_failures: int) -> None:
        self._drawing, self._rows, self._durable, self._observer = drawing, rows, durable, observer
        self._most_failures, self._failures = most_failures, 0
        self._open: dict[int, _Open] = {}
        self._records: dict[int, TrialRecord] = {}
        self._lost: list[TrialRecord] = []
        self.counts = Counts()
        self.broken: Exception | None = None
        with self._changing():
            self._begin(drawing.trials())

    def _begin(self, trials: list[FrozenTrial]) -> None:
        self._has_reference = any(REFERENCE in trial.user_attrs for trial in trials)
        for trial in filter(is_result, trials):
            self._count(record_of(trial))
        self._lost += map(record_of, filter(is_lost, trials))
        self._again = to_start_again(trials)
        self.orphans = 0
        for trial in (trial for trial in trials if trial.state is TrialState.RUNNING):
            self._adopt(trial)

    def _adopt(self, trial: FrozenTrial) -> None:
        """End a trial that a driver left running when it died."""
        self.orphans += 1
        values = dict(trial.intermediate_values)
        self._open[trial.number] = _Open(trial.number, Line.of(trial), REFERENCE in trial.user_attrs, values)
        self.counts = replace(self.counts, running=self.counts.running + 1, epochs=self.counts.epochs + len(values))
        self.fail(trial.number, Fault(Cause.ORPHANED))

    def ask(self) -> Assignment:
        """The next trial: one that is to be started again, or else a new one.

        Raises:
            SearchBroken: when too many trials in a row have failed, or the space refuses every point that is drawn.
            StorageError: when the study cannot be written.
        """
        with self._changing():
            self._require_some_success()
            trial, config = self._next()
            self._durable.write(lambda: self._rows.begin(trial))
            line = Line.of(trial)
            self._open[trial.number] = _Open(trial.number, line, REFERENCE in trial.user_attrs)
            self._change(running=1)
            return Assignment(trial.number, line.first, config)

    def report(self, number: int, epoch: int, value: float, work: Work | None = None) -> bool:
        """Record the validation accuracy after an epoch (from 1). Returns whether to prune.

        `work` is what has been done up to now: all that will be known of an attempt whose worker is then lost.
        Prunes never the reference, and no trial for an epoch that an earlier attempt at it has passed.
        """
        with self._changing():
            opened = self._open[number]
            self._drawing.report(number, epoch, value)
            may_stop = not opened.is_reference and epoch > opened.line.passed
            stops, attributes = self._drawing.prune(number) if may_stop else (False, {})
            self._durable.write(lambda: self._rows.report(number, epoch, value, attributes))
            opened.values[epoch] = value
            opened.work = work or opened.work
            self._change(epochs=1)
            return stops

    def finish(self, number: int, work: Work, *, pruned: bool) -> None:
        """End a trial with its last reported value; a pruned one keeps only its intermediate values."""
        with self._changing():
            opened = self._open[number]
            last_epoch, value = max(opened.values.items())
            if pruned:
                reason = f"pruned after epoch {last_epoch}"
                self._end(opened, TrialState.PRUNED, End(reason=reason, work=work))
            else:
                self._end(opened, TrialState.COMPLETE, End(work=work), value)

    def fail(self, number: int, fault: Fault, work: Work | None = None) -> None:
        """End a trial as FAIL; it is started again if its fault allows."""
        with self._changing():
            opened = self._open[number]
            end = End.by(fault, number, opened.line, max(opened.values, default=0), work or opened.work)
            self._end(opened, TrialState.FAIL, end)

    def fail_unfinished(self, fault: Fault) -> int:
        """End every trial still open. Returns how many there were; none where the study cannot be written."""
        unfinished = [] if isinstance(self.broken, StorageError | StudyBusy) else list(self._open)
        for number in unfinished:
            self.fail(number, fault)
        return len(unfinished)

    def left(self, total: int) -> int:
        """How many trials are still to be started, if every one under way ends with a result."""
        return total - self.counts.ended() - len(self._open)

    def waiting(self) -> int:
        """How many trials are to be started again."""
        return len(self._again)

    def records(self) -> tuple[TrialRecord, ...]:
        """Every result, by number."""
        return tuple(record for _, record in sorted(self._records.items()))

    def lost(self) -> tuple[TrialRecord, ...]:
        """Every attempt that ended without a result and is or was made again, in the order in which they ended."""
        return tuple(self._lost)

    def close(self) -> None:
        """Copy the database and let go of it; nothing can be asked or told after that."""
        if self.broken is None:
            with suppress(StorageError):  # the study itself is whole; opening it again copies it, or says why not
                self._durable.back_up()
        self._durable.close()

    def _require_some_success(self) -> None:
        if self._failures >= self._most_failures:
            last = max((r for r in self._records.values() if r.status == "FAIL"), key=lambda r: (r.ended, r.number))
            raise SearchBroken(
                f"At most {self._most_failures} trials in a row may fail. Received: that many, the last one, trial "
                f"{last.number}, for this reason: {last.reason}. Mend the cause, or raise --max-failures."
            )

    def _next(self) -> tuple[FrozenTrial, TrainConfig]:
        """What to try next: what is to be started again, the reference, or a new point."""
        if self._again:
            earlier = self._again.pop(0)
            attributes: dict[str, Any] = {LINE: earlier.user_attrs[END]["again"]}
            if REFERENCE in earlier.user_attrs:
                attributes[REFERENCE] = True
            return self._drawing.begin(attributes, earlier.params)
        if not self._has_reference:
            self._has_reference = True
            return self._drawing.begin({REFERENCE: True}, reference_parameters())
        for _ in range(_MOST_REFUSALS):
            with suppress(RefusedPoint):
                return self._drawing.begin({})
        raise SearchBroken(
            f"The space must admit some point. Received: {_MOST_REFUSALS} refused in a row. Widen search/space.py."
        )

    def _end(self, opened: _Open, state: TrialState, end: End, value: float | None = None) -> None:
        del self._open[opened.number]
        attributes = {END: end.stored()}
        ended = self._drawing.end(opened.number, state, value, attributes)
        try:
            self._durable.write(lambda: self._rows.end(ended, attributes))
        except StorageError:
            self._durable.spool(opened.number, state, opened.values, end)
            raise
        record = record_of(ended)
        if end.again is None:
            self._failures = self._failures + 1 if state is TrialState.FAIL else 0
            self._count(record)
        else:
            self._again.append(ended)
            self._lost.append(record)
        self._change(running=-1, epochs=-len(opened.values))
        (self._observer.ended if end.again is None else self._observer.starts_again)(record)
        self._durable.ended()

    def _count(self, record: TrialRecord) -> None:
        self._records[record.number] = record
        self.counts = self.counts.with_result(record)

    def _change(self, *, running: int = 0, epochs: int = 0) -> None:
        counts = self.counts
        self.counts = replace(counts, running=counts.running + running, epochs=counts.epochs + epochs)
        self._observer.changed(self.counts)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with whole():
            try:
                yield
            except (StorageError, StudyBusy, SearchBroken) as error:
                self.broken = error
                raise
