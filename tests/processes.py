"""Python in a process of its own: to its end, or until it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def python(*arguments: object, umask: int = -1, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in the project's folder with these arguments and variables, to its end."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        errors="replace",
        umask=umask,
    )


@contextmanager
def child(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `code`, `sys.argv[1:]` being the arguments. It is killed at the end of the body."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    """The next line that a child prints, waited for; empty when it ended without another."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
