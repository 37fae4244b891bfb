"""What is written to the terminal: lines that stay, and below them one line that a thread draws anew every second.

Where nobody watches (a pipe, a dumb or very narrow terminal, CI) the line is written as a plain one when nothing else
was for half a minute. The thread also answers Ctrl-C while the main thread is in a library's C code, where no handler
of Python's runs: the first is heard, the second ends the process.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TextIO

from search.command.process.interrupt import resent

_TICK_SECONDS: Final = 1.0
_PLAIN_SECONDS: Final = 30.0
_LEAST_COLUMNS: Final = 40
_WIDE_COLUMNS: Final = 160  # of a plain line
_SPARE: Final = 3  # columns: for the ^C that a terminal shows, in a line that it does not wrap
_CLEAR: Final = "\r\x1b[K"
_END: Final = 0  # no signal has this number
_TO_END: Final = (signal.SIGINT, signal.SIGTERM)
_ECHO_SECONDS: Final = 1.0  # within which the first may come twice, from the terminal and from a parent process
_STOPPING: Final = "stopping; once more ends at once"


class Screen:
    """`line` gives the line for a number of columns, empty for none. `with` it, the line is shown.

    `stream` takes what it is given, also where its terminal is closed: process/inherited.py.
    """

    def __init__(self, stream: TextIO, line: Callable[[int], str], *, live: bool, shown: bool = True) -> None:
        self._stream, self._line, self._shown = stream, line, shown
        is_terminal = stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
        self._has_color = is_terminal and not os.environ.get("NO_COLOR")
        self._live = live and is_terminal and not os.environ.get("CI") and self._columns() >= _LEAST_COLUMNS
        self._lock = threading.RLock()  # the main thread may be interrupted, and write again, while it holds it
        self._written, self._drawn = time.monotonic(), 0
        self._thread: threading.Thread | None = None

    @property
    def is_live(self) -> bool:
        """Whether there is a line that is drawn anew."""
        return self._live and self._shown

    def say(self, text: str) -> None:
        """A line that stays."""
        with self._lock:
            self._write(f"{self._cleared() if self.is_live else ''}{text}\n")
            self.draw()

    def warn(self, text: str) -> None:
        """A line that stays, in yellow where there is color."""
        self.say(f"\x1b[33m{text}\x1b[0m" if self._has_color else text)

    def draw(self) -> None:
        """Draw the line, or write it as a plain one where that is due."""
        with self._lock:
            if self._thread is None or not self._shown:
                return
            if self._live:
                columns = self._columns()
                line = self._line(columns - _SPARE)[: columns - _SPARE]
                self._write(f"{self._cleared()}{line}")
                self._drawn = len(line)
            elif time.monotonic() - self._written >= _PLAIN_SECONDS and (text := self._line(_WIDE_COLUMNS)):
                self._write(f"  {text}\n")

    def __enter__(self) -> Self:
        self._read, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._hears = threading.current_thread() is threading.main_thread()
        if self._hears:  # the signals that this program handles: Python writes their numbers into the pipe at once
            self._before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._tick, name="screen", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread, self._thread = self._thread, None
        if self._hears:
            signal.set_wakeup_fd(self._before)
        os.write(self._wake, bytes([_END]))
        if thread is not None:
            thread.join()
        os.close(self._wake)
        os.close(self._read)
        if self.is_live:
            self._write(self._cleared())

    def _tick(self) -> None:
        signals, first, next_tick = 0, 0.0, time.monotonic()
        while True:
            heard: bytes = b""
            if select.select([self._read], [], [], max(0.0, next_tick - time.monotonic()))[0]:
                heard = os.read(self._read, 512)
            if _END in heard:
                return
            for number in (each for each in heard if each in _TO_END):
                signals += 1
                if signals == 1:
                    first = time.monotonic()
                    self.say(_STOPPING)
                elif signals > 1 + resent() and time.monotonic() - first > _ECHO_SECONDS:
                    os._exit(128 + number)
            if time.monotonic() >= next_tick:
                self.draw()
                next_tick = time.monotonic() + _TICK_SECONDS

    def _cleared(self) -> str:
        """What erases the line, also where a terminal that has become narrower has wrapped it."""
        rows, self._drawn = max(0, self._drawn - 1) // self._columns(), 0
        return f"\x1b[{rows}A\r\x1b[J" if rows else _CLEAR

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
        self._written = time.monotonic()

    def _columns(self) -> int:
        """Of the stream itself: what else is open may be a file."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or shutil.get_terminal_size().columns
        except (OSError, ValueError):
            return shutil.get_terminal_size().columns
