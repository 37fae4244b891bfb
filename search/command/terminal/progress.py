"""What a person sees while a search runs, on stderr: one live line on a terminal, plain lines elsewhere.

search 12/50 · trial 12 epoch 4/10 · best 0.9123 (#7) · 0:12:31 · 41 min left (30–55)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Final, NamedTuple, Self, TextIO

from reports.records import Counts, TrialRecord
from search.command.terminal.screen import Screen
from search.worker.assignment import Assignment, describe
from search.worker.faults import Cause

_STAGES: Final = ("data", "model", "trial", "search", "retrain", "report")
_SHOWN_EPOCHS: Final = 3  # trainings whose epochs the line names
_SIDE: Final = 1.28  # standard deviations: four of five ends lie within
_UNITS: Final = ((172_800.0, 86_400.0, "d"), (5400.0, 3600.0, "h"), (90.0, 60.0, "min"), (0.0, 1.0, "s"))


@dataclass(frozen=True, slots=True)
class Left:
    """Wall seconds that are left: an estimate, and the limits between which four of five runs should end."""

    seconds: float
    least: float
    most: float

    @classmethod
    def of(cls, mean: float, variance: float) -> Left:
        """The limits are factors: a time that is left cannot be negative."""
        factor = 1 + _SIDE * math.sqrt(variance) / mean if mean > 0 else 1.0
        return cls(mean, mean / factor, mean * factor)

    def within(self, seconds: float) -> Left:
        """No more than so many seconds."""
        return Left(*(min(each, max(seconds, 0.0)) for each in (self.seconds, self.least, self.most)))

    def __str__(self) -> str:
        """As a person says it: "41 min left (30–55)"."""
        unit, name = next((size, name) for most, size, name in _UNITS if self.seconds >= most)
        digits = 1 if name in "hd" and self.seconds < 10 * unit else 0
        number, least, most = (f"{value / unit:.{digits}f}" for value in (self.seconds, self.least, self.most))
        return f"{number} {name} left ({least}–{most})"


@dataclass(frozen=True, slots=True)
class StageProgress:
    """The trials or trainings of a stage in this session: of so many, `done` were made after `seconds`, those under way
    counted by their epochs; that was `since` seconds ago."""

    trainings: int
    done: float
    seconds: float = 0.0
    since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """A training under way: what it is called, the epochs that it has behind it, and of how many (0: not known)."""

    label: str
    epochs: int
    of: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a run stands: of a stage's trials or trainings, `total`, so many are `done`, and what is `left` of the
    run in all, where that can be said."""

    stage: str
    done: int = 0
    total: int = 0
    under_way: tuple[UnderWay, ...] = ()
    left: Left | None = None


class _Part(NamedTuple):
    """A part of the line; where there is no room, those of the highest `rank` are shortened or left out first."""

    rank: float
    text: str
    short: str = ""


class Progress:
    """The progress of a run. An Observer of the study while it searches. `with` it, the line is alive.

    verbosity -1 or less: nothing but warnings; 0: stages, and one live line or a plain line a trial; 1 or more:
    a line a trial above the live line too.
    """

    def __init__(self, stream: TextIO, *, verbosity: int, live: bool) -> None:
        self._quiet, self._lines = verbosity < 0, verbosity > 0
        self._screen = Screen(stream, self._line, live=live, shown=verbosity >= 0)
        self._counts = Counts()
        self._stage, self._done, self._total, self._epochs = "starting", 0, 0, 0
        self._trials: dict[int, int] = {}  # the epochs of each running trial
        self._trainings: dict[str, Assignment] = {}  # those that have not ended, by key
        self._trained_epochs: Mapping[str, int] = {}
        self._remaining: Callable[[str, StageProgress], Left | None] = lambda stage, progress: None
        self._started = self._stage_started = self._advanced = time.monotonic()
        self._before, self._here, self._in_order = 0, 0, False

    def __enter__(self) -> Self:
        self._screen.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.__exit__(kind, error, trace)

    def expect(
        self, epochs: int, remaining: Callable[[str, StageProgress], Left | None], *, in_order: bool = False
    ) -> None:
        """Of how many epochs a full training is, and what says from a stage's progress how long the run still takes;
        `in_order` says that trainings are made one after another in the order in which they are given."""
        self._epochs, self._remaining, self._in_order = epochs, remaining, in_order

    def stage(self, name: str, what: str) -> None:
        """Begin one of the six stages."""
        self.say(f"{_STAGES.index(name) + 1}/{len(_STAGES)} {name:8}{what}")

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._screen.say(text)

    def warn(self, text: str) -> None:
        """A line that is shown even with -q."""
        self._screen.warn(f"warning: {text}")

    @contextmanager
    def counting(self, total: int, *, done: int = 0, stage: str = "search") -> Iterator[None]:
        """Show progress towards `total` trials or trainings during the body, `done` of which are already there."""
        self._stage, self._total, self._done, self._here = stage, total, done, 0
        try:
            yield
        finally:
            self._trainings = {}

    def changed(self, counts: Counts) -> None:
        """See Observer."""
        self._counts = counts
        self._done = counts.ended()

    def reported(self, number: int, epoch: int) -> None:
        """See Observer."""
        self._trials[number] = epoch

    def ended(self, record: TrialRecord) -> None:
        """See Observer."""
        self._trials.pop(record.number, None)
        if not self._screen.is_live or self._lines:
            self.say(f"  {self._done}/{self._total} {_trial_line(record)}")

    def starts_again(self, record: TrialRecord) -> None:
        """See Observer."""
        self._trials.pop(record.number, None)
        kept = record.reason == Cause.INTERRUPTED
        what = "is kept and goes on at the next --resume" if kept else f"will be started again: {record.reason}"
        self.say(f"  trial {record.number} {what}")

    def trains(self, assignments: Sequence[Assignment]) -> None:
        """These trainings of a stage outside the study begin; others of it were made before, and others may follow."""
        self._trainings = {each.key: each for each in assignments}
        self._before, self._trained_epochs = self._done, {}
        # of those that may follow, as in a race of finalists, half are counted
        self._here = len(assignments) + max(0, self._total - self._done - len(assignments)) // 2
        self._stage_started = self._advanced = time.monotonic()

    def is_training(self) -> bool:
        """Whether trainings outside the study are under way."""
        return bool(self._trainings)

    def epochs(self, trained: Mapping[str, int]) -> None:
        """How many epochs the trainings have behind them, by key."""
        if trained != self._trained_epochs:
            self._trained_epochs, self._advanced = dict(trained), time.monotonic()

    def trained(self, assignment: Assignment, done: int) -> None:
        """One training of `_total` has ended outside the study."""
        self._trainings.pop(assignment.key, None)
        self._done, self._advanced = done, time.monotonic()
        if not self._screen.is_live or self._lines:
            self.say(f"  {done}/{self._total} trainings · {assignment.label} · {self._elapsed()}")

    def standing(self) -> Standing:
        """Where the run stands now."""
        trials = sorted(self._trials.copy().items())
        running = [UnderWay(label=f"trial {number}", epochs=epochs, of=self._epochs) for number, epochs in trials]
        if not running:
            done = self._trained_epochs
            waiting = list(self._trainings.values())
            started = waiting[:1] if self._in_order else [each for each in waiting if done.get(each.key)]
            running = [UnderWay(label=each.label, epochs=done.get(each.key, 0), of=each.epochs) for each in started]
        return Standing(
            stage=self._stage, done=self._done, total=self._total, under_way=tuple(running), left=self._left()
        )

    def _left(self) -> Left | None:
        if self._stage == "search":
            return self._remaining(self._stage, StageProgress(self._total, self._done))
        if not self._here:
            return None
        now, trained = time.monotonic(), self._trained_epochs
        under_way = sum(trained.get(key, 0) / each.epochs for key, each in list(self._trainings.items()))
        done = min(self._done - self._before + under_way, self._here)
        seconds = self._advanced - self._stage_started
        return self._remaining(self._stage, StageProgress(self._here, done, seconds, now - self._advanced))

    def _line(self, columns: int) -> str:
        """As much of it as has room, the less important parts left out."""
        standing, counts = self.standing(), self._counts
        head = f"{standing.stage} {standing.done}/{standing.total}" if standing.total else standing.stage
        parts = [_Part(0, head), *self._under_way(standing)]
        if standing.stage == "search":
            parts += [_Part(6, f"{counts.pruned} pruned")] if counts.pruned else []
            parts += [_Part(5, f"{counts.failed} failed")] if counts.failed else []
        if counts.best_value is not None:
            parts.append(_Part(2, f"best {counts.best_value:.4f} (#{counts.best_trial})"))
        parts.append(_Part(0, self._elapsed()))
        parts += [_Part(1, str(standing.left))] if standing.left else []
        while len(text := " · ".join(part.text for part in parts)) > columns and len(parts) > 1:
            least = max(parts, key=lambda part: part.rank)
            place = parts.index(least)
            parts[place : place + 1] = [_Part(least.rank - 0.5, least.short)] if least.short else []
        return text

    def _under_way(self, standing: Standing) -> Iterator[_Part]:
        running = standing.under_way
        named = [f"{each.label} epoch {min(each.epochs + 1, each.of)}/{each.of}" for each in running]
        if len(running) == 1:
            yield _Part(3, named[0], named[0].removeprefix(f"{running[0].label} "))
        elif running:
            more = ", …" if len(named) > _SHOWN_EPOCHS else ""
            yield from (_Part(4, f"{len(running)} running"), _Part(7, f"{', '.join(named[:_SHOWN_EPOCHS])}{more}"))

    def _elapsed(self) -> str:
        return str(timedelta(seconds=int(time.monotonic() - self._started)))


def _trial_line(record: TrialRecord) -> str:
    last = f"{record.measurements[-1][1]:.4f}" if record.measurements else "  —   "
    about = describe(record.config) if record.config else ""
    origin = "" if record.origin == "sampler" else f" ({record.origin})"
    reason = f": {record.reason}" if record.reason else ""
    attempts = f" · attempt {record.attempts}" if record.attempts > 1 else ""
    note = f" · {record.work.note}" if record.work.note else ""
    work = f"{last} · {record.work.seconds:.0f} s · {about}{attempts}{note}"
    return f"trial {record.number}{origin} {record.status}{reason} {work}"
