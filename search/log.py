"""Keeps Ray's and TensorFlow's chatter off the terminal: while a search runs, file descriptors 1 and 2 are log.txt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


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
    with os.fdopen(os.dup(kept_err), "w", buffering=1, encoding="utf-8") as terminal:
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(kept_out, 1)
            os.dup2(kept_err, 2)
            os.close(kept_out)
            os.close(kept_err)
