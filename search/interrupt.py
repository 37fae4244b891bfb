"""Ctrl-C, SIGTERM and the end of a time budget, as exceptions in the main thread that never tear a write apart.

The first signal raises `Interrupted`; while something that must be whole is under way (`with whole():`) it waits for
the end of it. The second signal ends the process at once.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NAMES: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
_AGAIN_SECONDS: Final = 0.05  # after what was raised got lost; as often as that happens


class Interrupted(KeyboardInterrupt):
    """The user, or the system, asked the search to end. `exit_code` is the shell's convention, 128 + the signal."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(f"interrupted by {_NAMES[signal.Signals(number)]}")


class TimeIsUp(BaseException):
    """The time budget is used up. Not an Exception: Ray Tune would take it for a failure."""


class _Signals:
    """What is pending, in this process; signals belong to a process, so there is one of these."""

    def __init__(self) -> None:
        self.depth = 0
        self.pending: BaseException | None = None
        self.raised: BaseException | None = None
        self.lost: BaseException | None = None
        self.seen = False

    def on_signal(self, number: int, frame: object) -> None:
        if self.lost is not None:
            what, self.lost = self.lost, None
            self._raise_or_wait(what)
            return
        if self.seen:
            os._exit(128 + number)
        self.seen = True
        self._raise_or_wait(Interrupted(number))

    def on_alarm(self, number: int, frame: object) -> None:
        self._raise_or_wait(TimeIsUp("the time budget is used up"))

    def on_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        """See `sys.unraisablehook`: what is raised in a finalizer is told and dropped, so it is raised once more.

        Between two trials the last one's graph is taken apart, in thousands of finalizers: two of three signals of
        that moment were lost.
        """
        if unraisable.exc_value is None or unraisable.exc_value is not self.raised:
            sys.__unraisablehook__(unraisable)
            return
        self.lost = self.raised
        _thread.start_new_thread(_interrupt_again, ())  # a Thread takes locks, which the finalized may hold

    def _raise_or_wait(self, what: BaseException) -> None:
        if not self.depth:
            self.raised = what
            raise what
        if not isinstance(self.pending, Interrupted):  # the end of the budget must not hide it
            self.pending = what

    def release(self) -> None:
        self.depth -= 1
        if not self.depth and self.pending is not None:
            self.raised, self.pending = self.pending, None
            raise self.raised


_signals = _Signals()


def _interrupt_again() -> None:
    time.sleep(_AGAIN_SECONDS)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def catch_signals() -> None:
    """Take over SIGINT and SIGTERM. To be called again after `ray.init`, which sets its own SIGTERM handler."""
    for number in _NAMES:
        signal.signal(number, _signals.on_signal)
    sys.unraisablehook = _signals.on_unraisable


@contextmanager
def whole() -> Iterator[None]:
    """Let the body run to its end before a signal is raised."""
    _signals.depth += 1
    try:
        yield
    finally:
        _signals.release()


def is_pending() -> bool:
    """Whether a signal, or the end of the time budget, waits for the end of `whole`."""
    return _signals.pending is not None


def is_interrupted() -> bool:
    """Whether a signal waits for the end of `whole`: a reason not to wait for anything else any longer."""
    return isinstance(_signals.pending, Interrupted)


@contextmanager
def as_raised() -> Iterator[None]:
    """Give what a signal raised in the body its own type back: Ray, waiting in C++, makes a KeyboardInterrupt of it."""
    try:
        yield
    except KeyboardInterrupt as error:
        if _signals.raised is None or error is _signals.raised:
            raise
        raise _signals.raised from error


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise `TimeIsUp` in the body after so many wall seconds; None means never."""
    if seconds is None:
        yield
        return
    before = signal.signal(signal.SIGALRM, _signals.on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with as_raised():
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
