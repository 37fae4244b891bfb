"""Keeps Ray's and TensorFlow's chatter off the terminal: while a search runs, file descriptors 1 and 2 are log.txt. And
keeps a reader of stdout that leaves early, as `| head` does, from looking like a fault."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from search.command.process.inherited import open_text


@contextmanager
def noise_to(path: Path) -> Iterator[TextIO]:
    """Send all that this process and its children print to `path`; yields the real stderr, for progress.

    At the level of file descriptors, because C++ libraries and child processes write past `sys.stderr`.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept_out, kept_err = os.dup(1), os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    with open_text(os.dup(kept_err), closefd=True) as terminal:
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept_out, 1)
            os.dup2(kept_err, 2)
            os.close(kept_out)
            os.close(kept_err)


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Print in the body, to a pipe whose other end may be closed: what nobody reads any more goes nowhere."""
    try:
        yield
    except BrokenPipeError:
        pass  # seen again below
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
