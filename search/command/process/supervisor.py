"""A search on Ray runs in a child process: Ray's C++ code may end the process that it is in, without a word.

The parent loads nothing of Ray. It passes signals on, kills its child at the second one, and says what is kept when the
child ended without its own last word. The child watches a pipe, and ends when its parent is gone.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from search.command.process.interrupt import SIGNALS, catch_signals, pass_on
from search.command.settings import Settings

_NO_WORD: Final = 4  # the exit code where the child said nothing: its Ray is gone
_ENDED_AT_ONCE: Final = frozenset(128 + number for number in SIGNALS)  # by a second signal, sent to the child itself


def supervised(work: Callable[[], int], settings: Settings) -> int:
    """Run `work`, the search of these settings, in a child process. Returns its exit code, in the parent alone."""
    orders, result = os.pipe(), os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would take the child's exit status away
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child = os.fork()  # of a process with one thread and little in it; no second start of Python
    for end in (orders[1], result[0]) if child == 0 else (orders[0], result[1]):
        os.close(end)
    if child == 0:
        catch_signals()
        threading.Thread(target=_obey, args=(orders[0],), daemon=True).start()  # with the signals blocked
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        raise SystemExit(_told(work, result[1]))
    parent = _Parent(child, orders[1])
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.set_blocking(result[0], False)
    with suppress(BlockingIOError):
        if code := os.read(result[0], 1):
            return code[0]
    return _last_words(status, parent.first, settings)


def _told(work: Callable[[], int], result: int) -> int:
    """Do the work, and tell the parent the exit code: what becomes of this process later on changes nothing."""
    code = 1
    try:
        code = work()
    finally:
        os.write(result, bytes([code]))
    return code


def _obey(orders: int) -> None:
    while order := os.read(orders, 1):
        pass_on(order[0])
    os.kill(os.getpid(), signal.SIGKILL)


class _Parent:
    """Passes the first signal on to the child, which a terminal has sent it too. The second one ends it at once."""

    def __init__(self, child: int, orders: int) -> None:
        self._child, self._orders = child, orders
        self.first = 0
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        with suppress(OSError):  # the child is gone
            if not self.first:
                self.first = number
                os.write(self._orders, bytes([number]))
            elif number != signal.SIGHUP:  # a terminal that is closed sends several
                os.kill(self._child, signal.SIGKILL)


def _last_words(status: int, asked: int, settings: Settings) -> int:
    """Say for the child what it did not say itself. Returns the exit code."""
    if sys.stderr.isatty():
        print("\r\x1b[2K\x1b[?25h", end="", file=sys.stderr)  # the progress line is gone, the cursor is back
    folder = settings.run_dir().resolve()
    if asked or status in _ENDED_AT_ONCE:
        how, code = "ended at once", 128 + asked if asked else status
    else:
        what = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
        how, code = f"error: {_rule(status)} Received: {what}. The last lines of log.txt may say more.", _NO_WORD
    print(how, file=sys.stderr)
    if (folder / "config.json").exists():
        print(settings.kept_words(folder), file=sys.stderr)
    else:
        print("nothing is kept: no trial had begun", file=sys.stderr)
    return code


def _rule(status: int) -> str:
    if status == -signal.SIGKILL:
        return "A search must not be killed: the system does it when memory runs out (see `dmesg`), or a person."
    if status < 0:
        return "Compiled code must not crash; this is Ray's or a library's."
    return "Ray must live as long as the search on it. It ended before, and its own code ended the search's process."
