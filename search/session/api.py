"""The search from Python, with an outcome that a notebook shows:

from search import Settings, run_search
found = run_search(Settings(name="mine", trials=8))

It runs the command in a process of its own: what ends a Ray there, its C++ code included, does not end the caller.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Final

from search.command.flags import flags_of
from search.command.settings import Settings

if TYPE_CHECKING:
    from reports.records import SearchOutcome

_WITH_RESUME: Final = frozenset({"trials", "storage", "storage_path"})  # the rest is as it was; no password is kept
_LAST_LINES: Final = 20
_INTERRUPTED: Final = 130


class SearchFailed(Exception):
    """The command ended early, with `exit_code` (docs/runs.md). The message: its last lines, as on a terminal."""

    def __init__(self, exit_code: int, last_lines: str) -> None:
        super().__init__(f"the search ended with exit code {exit_code}:\n{last_lines}")
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True, eq=False)
class FoundBest:
    """A search that came to its end: its run folder, its records, what it found in a sentence."""

    folder: Path
    outcome: SearchOutcome
    sentence: str

    def model_file(self) -> Path:
        """The winner, for Keras: it takes images from 0 to 255."""
        return self.folder / "models" / "best.keras"

    def report_file(self) -> Path:
        """The report."""
        return self.folder / "report.html"

    def _repr_html_(self) -> str:
        reference, best = ([run.test_accuracy for run in self.outcome.runs(name)] for name in ("reference", "best"))
        return (
            f"<p><strong>{escape(self.sentence)}</strong></p>"
            "<table><tr><th>model</th><th>mean test accuracy</th><th>seeds</th></tr>"
            f"{_row('reference', reference)}{_row(f'best, trial {self.outcome.best_trial}', best)}</table>"
            f"<p>Report: <code>{escape(str(self.report_file()))}</code></p>"
        )


def run_search(settings: Settings, *, resume: bool = False) -> FoundBest:
    """Search, retrain and report, as `python -m search.run` does; its progress goes to this process's stderr.

    With `resume`, go on with the run of that name, to `settings.trials`. KeyboardInterrupt stops the search, which can
    be resumed then. A database's password belongs in PGPASSWORD: the settings become flags, which other users can see.

    Raises:
        SearchFailed: when the command ends early, or is ended.
    """
    command = [sys.executable, "-m", "search.run", *_flags(settings, resume=resume)]
    # a session of its own: Ctrl-C in a terminal would reach the search twice
    with subprocess.Popen(  # noqa: S603 - Python itself
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        last_lines, is_interrupted = _follow(process)
        found = process.stdout.read() if process.stdout else ""
    if process.returncode == _INTERRUPTED or (is_interrupted and process.returncode):
        raise KeyboardInterrupt(last_lines)
    if process.returncode:
        raise SearchFailed(process.returncode, last_lines)
    from reports.records import load_outcome  # NumPy, which `import search` does not wait for

    folder = settings.run_dir().resolve()
    return FoundBest(folder, load_outcome(folder / "outcome.json"), found.splitlines()[0])


def _row(model: str, accuracies: list[float]) -> str:
    return f"<tr><td>{model}</td><td>{mean(accuracies):.4f}</td><td>{len(accuracies)}</td></tr>"


def _flags(settings: Settings, *, resume: bool) -> Iterator[str]:
    """The settings that are not the defaults, as flags: the report shows them as the command that was run."""
    if resume:
        yield f"--resume={settings.run_dir()}"
    changed = {field.name for field in fields(Settings) if getattr(settings, field.name) != field.default}
    names = changed | {"trials"}  # of which --local has another default
    for flag in flags_of(settings, names & _WITH_RESUME if resume else names):
        yield "=".join(flag)


def _follow(process: subprocess.Popen[str]) -> tuple[str, bool]:
    """Show what the command writes on stderr, and hand an interruption on. Returns its last lines, and whether there
    was one: before the command catches signals it ends with a code of Python's own."""
    last: deque[str] = deque(maxlen=_LAST_LINES)
    is_interrupted = False
    while True:
        try:
            for line in process.stderr or ():
                print(line, end="", file=sys.stderr, flush=True)
                last.append(line)
            process.wait()
            return "".join(last), is_interrupted
        except KeyboardInterrupt:
            is_interrupted = True
            process.send_signal(signal.SIGINT)
