"""`python -m search.run` as a process of its own: waited for, told to stop, killed; and what it left in its study."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial

from search.study.attempts import is_result
from search.study.storage.database import sqlite_url

ROOT: Final = Path(__file__).resolve().parents[2]
# seconds of work, after the five that it takes to load TensorFlow: networks no larger than the documented one
_NETWORKS: Final = ("--max-multiply-adds", "2631040", "--fix", "conv_blocks=2", "--fix", "convs_per_block=1")
_TRIALS: Final = ("--train-size", "600", "--epochs", "2", "--start-with", "reference", *_NETWORKS)
SMALL: Final = (*_TRIALS, "--retrain-seeds", "1", "--finalists", "1", "--ablate", "0", "--no-progress")
_PATIENCE_SECONDS: Final = 150.0


@dataclass
class Command:
    """A command that runs, and the lines that it wrote to stderr."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, text: str) -> None:
        """Wait until a line holds `text`."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not any(text in line for line in list(self.lines)):
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.said()}"
            assert time.monotonic() < deadline, f"no {text!r} in: {self.said()}"
            time.sleep(0.02)

    def end(self, number: int | None = None, *, group: bool = False) -> float:
        """Send a signal, to the whole process group as a terminal does, and wait for the end. Returns the seconds."""
        start = time.monotonic()
        if number is not None and group:
            os.killpg(self.process.pid, number)
        elif number is not None:
            self.process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE_SECONDS)
        assert self.process.poll() is not None, f"it did not end: {self.said()}"
        seconds = time.monotonic() - start
        self._reader.join()
        return seconds

    def said(self) -> str:
        """All of stderr so far."""
        return "\n".join(self.lines)


def new(place: list[str], data: str, output: Path, *, trials: int, name: str = "x") -> list[str]:
    """The arguments of a new small run."""
    return [*SMALL, *place, "--trials", str(trials), "--data-dir", data, "--output", str(output), "--name", name]


@contextmanager
def started(
    *arguments: str, by: Sequence[str] = (sys.executable, "-m", "search.run"), stdin: int | None = None
) -> Iterator[Command]:
    """The command in a process group of its own, which is killed at the end of the body."""
    with subprocess.Popen(
        [*by, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        command = Command(process)
        try:
            yield command
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            command._reader.join()


def run(*arguments: str) -> Command:
    """The command, come to its end."""
    with started(*arguments) as command:
        command.end()
    return command


def resume_arguments(command: Command) -> list[str]:
    """The arguments of the command that goes on, as this one told it."""
    line = next(line for line in command.lines if line.startswith("go on with: "))
    words = shlex.split(line.removeprefix("go on with: "))
    assert words[:3] == ["python", "-m", "search.run"]
    return words[3:]


def stored_trials(run_dir: Path, url: str | None = None) -> list[FrozenTrial]:
    """Every trial of the study of a run, whatever its state."""
    storage = optuna.storages.RDBStorage(url or sqlite_url(run_dir / "study.db"))
    try:
        return optuna.load_study(study_name=run_dir.name, storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()


def results(trials: list[FrozenTrial]) -> dict[int, tuple[Any, ...]]:
    """Every result by its number, with all that the study holds of it."""
    return {
        trial.number: (
            trial.state.name,
            trial.values,
            trial.params,
            trial.intermediate_values,
            trial.user_attrs,
            trial.datetime_start,
            trial.datetime_complete,
        )
        for trial in trials
        if is_result(trial)
    }


def states(trials: list[FrozenTrial]) -> set[str]:
    """The states that trials are in."""
    return {trial.state.name for trial in trials}
