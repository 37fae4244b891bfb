"""What a person sees while a search runs, on stderr: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from search.records import TrialRecord
from search.trials.trial import describe

if TYPE_CHECKING:
    from search.study import Counts  # with Optuna, which loads while Ray starts

_STAGES: Final = ("data", "model", "trial", "search", "retrain", "report")
_ENOUGH_TO_ESTIMATE: Final = 3


class Progress:
    """The progress of a run. An Observer of the study while it searches.

    verbosity -1 or less: nothing but warnings; 0: stages, and one live line or a plain line a trial; 1 or more:
    a line a trial beside the live line too.
    """

    def __init__(self, stream: TextIO, *, verbosity: int, live: bool) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._quiet, self._lines = verbosity < 0, verbosity > 0
        self._live = self._live_line() if live and self._console.is_terminal else None
        self._total, self._ended, self._before = 0, 0, 0
        self._started = time.monotonic()

    def _live_line(self) -> Live:
        # what others print belongs to log.txt: rich would bring it back to the terminal
        return Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )

    def stage(self, name: str, what: str) -> None:
        """Begin one of the six stages."""
        self.say(f"{_STAGES.index(name) + 1}/{len(_STAGES)} {name:8}{what}")

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            self._console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """A line that is shown even with -q."""
        self._console.print(f"warning: {text}", markup=False, style="yellow")

    @contextmanager
    def counting(self, total: int, *, done: int = 0) -> Iterator[None]:
        """Show progress towards `total` trials or trainings during the body, `done` of which are already there."""
        self._total, self._before, self._started = total, done, time.monotonic()
        if self._live is None or self._quiet:
            yield
            return
        with self._live:
            yield

    def changed(self, counts: Counts) -> None:
        """See Observer."""
        self._ended = counts.ended()
        self._show(self._line(counts))

    def ended(self, record: TrialRecord) -> None:
        """See Observer."""
        if self._live is None or self._lines:
            self.say(f"  {self._ended}/{self._total} {_trial_line(record)}")

    def starts_again(self, record: TrialRecord) -> None:
        """See Observer."""
        self.say(f"  trial {record.number} will be started again: {record.reason}")

    def trained(self, label: str, done: int) -> None:
        """One training of `_total` has ended outside the study."""
        text = f"{done}/{self._total} trainings · {label} · {self._elapsed()} · ETA {self._eta(done)}"
        if self._live is None:
            self.say(f"  {text}")
        self._show(text)

    def _show(self, text: str) -> None:
        if self._live is not None and not self._quiet:
            self._live.update(Text(text, overflow="ellipsis", no_wrap=True), refresh=True)

    def _line(self, counts: Counts) -> str:
        best = (
            f"best {counts.best_value:.4f} (#{counts.best_trial})" if counts.best_value is not None else "no best yet"
        )
        failed = f" · {counts.failed} failed" if counts.failed else ""
        return (
            f"{counts.ended()}/{self._total} · {counts.running} running · {counts.pruned} pruned{failed} · {best} · "
            f"{counts.epochs} epochs · {self._elapsed()} · ETA {self._eta(counts.ended())}"
        )

    def _elapsed(self) -> str:
        return str(timedelta(seconds=round(time.monotonic() - self._started)))

    def _eta(self, done: int) -> str:
        here = done - self._before
        if here < _ENOUGH_TO_ESTIMATE:
            return "—"
        left = (time.monotonic() - self._started) / here * (self._total - done)
        return str(timedelta(seconds=round(left)))


def _trial_line(record: TrialRecord) -> str:
    last = f"{record.intermediate[-1][1]:.4f}" if record.intermediate else "  —   "
    about = describe(record.config) if record.config else ""
    reference = " (reference)" if record.is_reference else ""
    reason = f": {record.reason}" if record.reason else ""
    attempts = f" · attempt {record.attempts}" if record.attempts > 1 else ""
    note = f" · {record.note}" if record.note else ""
    work = f"{last} · {record.seconds:.0f} s · {about}{attempts}{note}"
    return f"trial {record.number}{reference} {record.status}{reason} {work}"
