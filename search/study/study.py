"""The Optuna study as the record of truth: what to try next, what was reported, how each trial ended.

Whoever runs trials (search/places) does so through four calls: `ask`, `report`, `finish` and `fail`. Nothing about a
trial is kept anywhere else, so that whatever runs them may die at any time: opening the study again ends the trials
that were left running, and retries them as often as their fault allows. No Ray and no Keras here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Protocol

from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import TrainConfig
from reports.records import Counts, Origin, TrialRecord, Work, now
from search.command.process.interrupt import whole
from search.study.attempts import (
    CONFIG,
    ORIGIN,
    REFERENCE,
    Attempt,
    End,
    is_lost,
    is_result,
    is_warm_started,
    record_of,
    to_retry,
)
from search.study.in_memory import InMemoryStudy
from search.study.space import RefusedPoint
from search.study.storage.durable import Durable
from search.worker.assignment import Candidate
from search.worker.faults import Cause, Fault, SearchBroken, StorageError, StudyBusy

_MOST_REFUSALS: Final = 1_000  # in a row: then nothing fits


class Observer(Protocol):
    """Watches a study, to show its progress."""

    def changed(self, counts: Counts) -> None:
        """A trial began, reported or ended."""

    def reported(self, number: int, epoch: int) -> None:
        """A running trial has reported this epoch; it began, where that is 0."""

    def ended(self, record: TrialRecord) -> None:
        """A trial ended with a result."""

    def starts_again(self, record: TrialRecord) -> None:
        """A trial ended without one, and will be started again."""


@dataclass(frozen=True, slots=True)
class KnownPoint:
    """A configuration to try before the sampler's: one of the portfolio, or added by the user."""

    origin: Origin
    config: TrainConfig

    def is_of(self, trial: FrozenTrial) -> bool:
        """Whether a trial has begun with it."""
        return trial.user_attrs.get(ORIGIN) == self.origin and trial.user_attrs.get(CONFIG) == self.config.to_dict()


class SearchStudy:
    """A study whose first own trial is the reference and whose every ended trial says how it ended.

    Each change is made in memory first, where points are drawn and trials compared, and then in the database. A point
    that the space refuses for its cost is no trial: another is drawn in its place.

    Whatever makes the study unusable (StorageError, StudyBusy, SearchBroken) is raised and kept in `broken`, because
    Ray Tune wraps what its searcher raises.
    """

    def __init__(
        self,
        memory: InMemoryStudy,
        durable: Durable,
        observer: Observer,
        most_failures: int,
        known: Sequence[KnownPoint] = (),
    ) -> None:
        self._known = list(known)
        self._memory, self._durable, self._observer = memory, durable, observer
        self._most_failures, self._failures = most_failures, 0
        self._running: dict[int, Work] = {}  # what is known of the work of each running trial, by number
        self._records: dict[int, TrialRecord] = {}
        self._lost: list[TrialRecord] = []
        self.counts = Counts()
        self.broken: Exception | None = None
        with self._changing():
            self._begin(memory.trials())

    def _begin(self, trials: list[FrozenTrial]) -> None:
        self._has_reference = any(REFERENCE in trial.user_attrs for trial in trials)
        self._known = [point for point in self._known if not any(map(point.is_of, trials))]
        for trial in filter(is_result, trials):
            self._count(record_of(trial))
        self._lost += map(record_of, filter(is_lost, trials))
        # of earlier runs, from which sampler and pruner learn; none is a result
        self.warm_started = tuple(map(record_of, filter(is_warm_started, trials)))
        self._retries = to_retry(trials)
        self.orphans = 0
        for trial in (trial for trial in trials if trial.state is TrialState.RUNNING):
            self._adopt(trial)

    def _adopt(self, trial: FrozenTrial) -> None:
        """End a trial that a driver left running when it died."""
        self.orphans += 1
        self._running[trial.number] = Work()
        epochs = self.counts.epochs + len(trial.intermediate_values)
        self.counts = replace(self.counts, running=self.counts.running + 1, epochs=epochs)
        self.fail(trial.number, Fault(Cause.ORPHANED))

    def ask(self) -> Candidate:
        """The next trial: a retry, or else a new one.

        Raises:
            SearchBroken: when too many trials in a row have failed, or the space refuses every point that is drawn.
            StorageError: when the study cannot be written.
        """
        with self._changing():
            self._require_some_success()
            trial, config = self._next()
            for _ in range(self._durable.begin(trial)):
                self._memory.skip()
            self._running[trial.number] = Work()
            self._observer.reported(trial.number, 0)
            self._change(running=1)
            return Candidate(trial.number, Attempt.of(trial).lineage, config)

    def report(self, number: int, epoch: int, value: float, work: Work | None = None) -> bool:
        """Record the validation accuracy after an epoch (from 1). Returns whether to prune.

        `work` is what has been done up to now: all that will be known of an attempt whose worker is then lost.
        Prunes only what the sampler has drawn, and that not for an epoch that an earlier attempt at it has passed.
        """
        with self._changing():
            known = self._running[number]
            self._memory.report(number, epoch, value)
            trial = self._memory.trial(number)
            is_drawn = not {REFERENCE, ORIGIN} & trial.user_attrs.keys()
            may_stop = is_drawn and epoch > Attempt.of(trial).passed_epochs
            stops, attributes = self._memory.prune(number) if may_stop else (False, {})
            self._durable.report(number, epoch, value, attributes)
            self._running[number] = work or known
            self._observer.reported(number, epoch)
            self._change(epochs=1)
            return stops

    def finish(self, number: int, work: Work, *, pruned: bool) -> None:
        """End a trial with its last reported value; a pruned one keeps only its intermediate values."""
        with self._changing():
            trial = self._memory.trial(number)
            state, reason = (
                (TrialState.PRUNED, f"pruned after epoch {trial.last_step}") if pruned else (TrialState.COMPLETE, "")
            )
            cost = None if pruned else self._memory.cost(TrainConfig.from_dict(trial.user_attrs[CONFIG]))
            self._end(number, End(state=state, reason=reason, work=work, ended=now(), cost=cost))

    def fail(self, number: int, fault: Fault, work: Work | None = None) -> None:
        """End a trial as FAIL; it is retried if its fault allows."""
        with self._changing():
            self._end(number, End.by(fault, self._memory.trial(number), work or self._running[number]))

    def fail_unfinished(self, fault: Fault) -> int:
        """End every running trial. Returns how many there were; none where the study cannot be written."""
        unfinished = [] if isinstance(self.broken, StorageError | StudyBusy) else list(self._running)
        for number in unfinished:
            self.fail(number, fault)
        return len(unfinished)

    def left(self, total: int) -> int:
        """How many trials are still to be started, if every one under way ends with a result."""
        return total - self.counts.ended() - len(self._running)

    def waiting(self) -> int:
        """How many trials are to be retried."""
        return len(self._retries)

    def records(self) -> tuple[TrialRecord, ...]:
        """Every result, by number."""
        return tuple(record for _, record in sorted(self._records.items()))

    def lost(self) -> tuple[TrialRecord, ...]:
        """Every attempt that ended without a result and is or was retried, in the order in which they ended."""
        return tuple(self._lost)

    def close(self) -> None:
        """Copy the database and let go of it. Nothing can be asked or reported after that."""
        if self.broken is None:
            with suppress(StorageError):  # all is in the study; opening it again copies it, or says why not
                self._durable.back_up()
        self._durable.close()

    def _require_some_success(self) -> None:
        if self._failures >= self._most_failures:
            last = max((r for r in self._records.values() if r.status == "FAIL"), key=lambda r: (r.ended, r.number))
            raise SearchBroken(
                f"Fewer than {self._most_failures} trials in a row may fail. Received: that many, the last of them "
                f"trial {last.number}: {last.reason}. Mend the cause, or raise --max-failures."
            )

    def _next(self) -> tuple[FrozenTrial, TrainConfig]:
        """What to try next: a trial that is to be retried, the reference, a known point, or a new one."""
        if self._retries:
            earlier = self._retries.pop(0)
            retry = End.of(earlier).retry
            attributes: dict[str, Any] = asdict(retry) if retry else {}
            attributes |= {key: earlier.user_attrs[key] for key in (REFERENCE, ORIGIN) if key in earlier.user_attrs}
            config = TrainConfig.from_dict(earlier.user_attrs[CONFIG])
            return self._memory.draw_at(config, attributes, earlier.params)
        if not self._has_reference:
            self._has_reference = True
            return self._memory.draw_at(TrainConfig(), {REFERENCE: True})
        if self._known:
            point = self._known.pop(0)
            return self._memory.draw_at(point.config, {ORIGIN: point.origin})
        for _ in range(_MOST_REFUSALS):
            try:
                return self._memory.draw()
            except RefusedPoint as error:
                refusal = error
        raise SearchBroken(
            f"The space must hold a network that is allowed. Received: {_MOST_REFUSALS} refused in a row, the last "
            f"because {refusal}. Loosen --fix, --space, --max-params or --max-multiply-adds."
        )

    def _end(self, number: int, end: End) -> None:
        del self._running[number]
        values = self._memory.trial(number).intermediate_values
        objectives = end.objectives(values[max(values)]) if end.state is TrialState.COMPLETE else None
        ended = self._memory.end(number, end.state, objectives, end.attributes())
        self._durable.end(number, end, values)
        record = record_of(ended)
        if end.retry is None:
            self._failures = self._failures + 1 if end.state is TrialState.FAIL else 0
            self._count(record)
        else:
            self._retries.append(ended)
            self._lost.append(record)
        self._change(running=-1, epochs=-len(values))
        (self._observer.ended if end.retry is None else self._observer.starts_again)(record)
        self._durable.check()

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
