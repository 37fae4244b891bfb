"""A terminal and a clock, moved by hand."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def last(self) -> str:
        """The line that is drawn last."""
        return self.getvalue().rpartition("\x1b[K")[2]


class Clock:
    """The time, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
