"""Ctrl-C, SIGTERM, SIGHUP and the end of a time budget, as exceptions in the main thread that never leave a write half
done.

The first signal raises `Interrupted`; while something that must be whole is under way (`with whole():`) it waits for
the end of it. The second signal ends the process at once. A signal that was ignored when the process started, as
`nohup` and a shell's background jobs have it, stays ignored.
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

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_AGAIN_SECONDS: Final = 0.05  # after what was raised got lost; as often as that happens
_ECHO_SECONDS: Final = 1.0  # within which a signal from a terminal may come twice: from there, and from the parent


class Interrupted(KeyboardInterrupt):
    """The user, or the system, asked the search to end. `exit_code` is the shell's convention, 128 + the signal."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(f"interrupted by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}")


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
        self.deaf_until = 0.0
        self.heard = tuple(number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)
        self.resent = 0

    def on_signal(self, number: int, frame: object) -> None:
        if self.lost is not None:
            what, self.lost = self.lost, None
            self._raise_or_wait(what)
            return
        if self.seen and (number == signal.SIGHUP or time.monotonic() < self.deaf_until):
            return  # a terminal that is closed sends several
        if self.seen:
            os._exit(128 + number)
        self.seen = True
        self._raise_or_wait(Interrupted(number))

    def on_alarm(self, number: int, frame: object) -> None:
        self._raise_or_wait(TimeIsUp("the time budget is used up"))

    def on_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        """See `sys.unraisablehook`: what is raised in a finalizer is printed and dropped, so it is raised once more.

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
    _signals.resent += 1
    for number in _signals.heard[:1]:
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def catch_signals() -> None:
    """Take over SIGNALS. To be called again after `ray.init`, which sets its own SIGTERM handler."""
    for number in SIGNALS:
        signal.signal(number, _signals.on_signal if number in _signals.heard else signal.SIG_IGN)
    sys.unraisablehook = _signals.on_unraisable


def pass_on(number: int) -> None:
    """Hear a signal that the parent process received, unless this one has received it too. Called in a thread."""
    if not _signals.seen:
        _signals.deaf_until = time.monotonic() + _ECHO_SECONDS
        signal.pthread_kill(threading.main_thread().ident or 0, number)


def resent() -> int:
    """How many signals this process has sent itself, because what the first raised was lost."""
    return _signals.resent


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
    """Raise `TimeIsUp` in the body after `seconds` of wall time; None means never."""
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


def renew_time_limit(seconds: float) -> None:
    """In the body of `time_limit`: let it end so many seconds from now instead. Elsewhere: nothing."""
    if not is_pending() and signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.setitimer(signal.ITIMER_REAL, seconds)
