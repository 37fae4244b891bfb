"""What a user does on a laptop of the lab: have the project and a token, submit, watch, walk away."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .hosts import ROOT, Lab

PROJECT: Final = "fashion-search"  # in the home folder
_TRAVELS: Final = ("cluster", "fashion_model", "reports", "search", "requirements.lock", "pyproject.toml", ".gitignore")
_POLL_SECONDS: Final = 0.2
_TRAINS: Final = "ray::[A-Za-z]*[.]train"  # as Ray names a process in an epoch; the shell that asks does not match


def set_up(lab: Lab) -> None:
    """Put the project and a new token on the laptop, as the documentation says."""
    there = lab.host("laptop").path(f"root/{PROJECT}")
    for name in _TRAVELS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, there / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, there / name)
    made = lab.run("laptop", "ray get-auth-token --generate && chmod 600 ~/.ray/auth_token")
    assert made.returncode == 0, made.stderr


@dataclass
class Submit:
    """`python -m search.submit` under way on the laptop; both outputs go to one file."""

    lab: Lab
    words: tuple[str, ...]
    log: str
    _process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        # its process id there, for a signal that a terminal would send
        line = (
            f"cd {PROJECT} && echo $$ > ~/{self.log}.pid && exec {shlex.join(_command(self.words))} > ~/{self.log} 2>&1"
        )
        self._process = self.lab.start("laptop", line)

    def text(self) -> str:
        """What it has written so far."""
        file = self.lab.host("laptop").path(f"root/{self.log}")
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def wait_until(self, holds: Callable[[], object], seconds: float, what: str) -> None:
        """Wait until something holds; the test fails when this command ends before."""
        wait_until(lambda: holds() or self._process.poll() is not None, seconds, what, self.text)
        assert holds(), f"it ended before: {what}\n{self.text()}"

    def interrupt(self) -> int:
        """Ctrl-C. Returns its exit code."""
        self.lab.run("laptop", f"kill -INT $(cat ~/{self.log}.pid)")
        return self.wait(30.0)

    def wait(self, seconds: float) -> int:
        """Wait for its end. Returns its exit code."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s:\n{self.text()}") from None


def submit(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    """The command from its beginning to its end, stdout and stderr apart."""
    return lab.run("laptop", f"cd {PROJECT} && {shlex.join(_command(words))}", timeout=240.0)


def _command(words: tuple[str, ...]) -> list[str]:
    return ["python", "-m", "search.submit", *words]


def wait_until(holds: Callable[[], object], seconds: float, what: str, told: Callable[[], str] = lambda: "") -> None:
    """Wait until something holds; the test fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}\n{told()}"
        time.sleep(_POLL_SECONDS)


def machines(lab: Lab) -> list[str]:
    """The hosts that the cloud has launched and not taken back."""
    path = lab.shared / "cloud" / "machines.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return sorted(machine["host"] for machine in known.values() if not machine["is_gone"])


@dataclass
class Training:
    """The workers that were seen to train a trial; one at a time each."""

    lab: Lab
    seen: list[str] = field(default_factory=list)

    def look(self) -> int:
        """How many there are so far."""
        for name in self.lab.workers:
            if name not in self.seen and self.lab.run(name, f"pgrep -f '{_TRAINS}'").returncode == 0:
                self.seen.append(name)
        return len(self.seen)


def fetched(lab: Lab, run: str) -> Path:
    """A run folder on the laptop, seen from here."""
    return lab.host("laptop").path(f"root/{PROJECT}/runs/{run}")


@dataclass
class Clock:
    """What took how long, in the order in which it happened."""

    started: float = field(default_factory=time.monotonic)
    marks: list[tuple[str, float]] = field(default_factory=list)

    def mark(self, what: str) -> None:
        """It happened now."""
        self.marks.append((what, time.monotonic() - self.started))

    def table(self) -> str:
        """A line each: seconds since the beginning, seconds since the one before."""
        before = [0.0, *(seconds for _, seconds in self.marks)]
        rows = zip(self.marks, before, strict=False)
        return "\n".join(f"  {seconds:6.1f} s  +{seconds - last:5.1f}  {what}" for (what, seconds), last in rows)
