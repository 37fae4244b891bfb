"""The folder that a search leaves: made so that a failure before the first trial leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.records import TrialRecord, write_beside_then_move
from search.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run, `path` being absolute.

    config.json     the resolved settings
    study.db        the Optuna study, unless --storage names another database
    trials.csv      a line a trial
    outcome.json    every record; predictions.npz, models/: the finals
    report.html, report.json, log.txt
    """

    path: Path

    def study_file(self) -> Path:
        """The study's own database."""
        return self.path / "study.db"

    def log_file(self) -> Path:
        """Where Ray's and TensorFlow's chatter goes."""
        return self.path / "log.txt"

    def write_config(self, settings: Settings) -> None:
        """Write config.json; from here on the folder is kept whatever happens."""
        write_beside_then_move(self.path / "config.json", json.dumps(settings.to_dict(), indent=1).encode())

    def write_trials(self, trials: Sequence[TrialRecord]) -> None:
        """Write trials.csv: what happened to each trial, then its configuration, a column a field."""
        import pandas as pd

        rows = [_row(trial) for trial in trials]
        write_beside_then_move(self.path / "trials.csv", pd.DataFrame(rows).to_csv(index=False).encode())


@contextmanager
def run_folder(settings: Settings) -> Iterator[RunFolder]:
    """Make the run folder; if the body fails before `write_config`, everything made here is removed.

    Raises:
        SettingsError: when the folder is in use and --overwrite is not set, or cannot be made or written.
    """
    path = settings.run_dir().resolve()
    _make_room(path, overwrite=settings.overwrite)
    highest_new = next(parent for parent in (*reversed(path.parents), path) if not parent.exists())
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise SettingsError(f"--output must name a folder that can be written. Received: {path}: {error}.") from error
    folder = RunFolder(path)
    try:
        yield folder
    finally:
        if not (path / "config.json").exists():
            shutil.rmtree(highest_new)


def _make_room(path: Path, *, overwrite: bool) -> None:
    if not path.exists():
        return
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
        return
    if not overwrite:
        raise SettingsError(
            f"A run must have a folder of its own. Received: {path}, which is not empty. "
            "Use another --name, or --overwrite."
        )
    if not (path / "config.json").is_file() or not os.access(path, os.W_OK):
        raise SettingsError(
            f"--overwrite only deletes the folder of a run. Received: {path}, which has no config.json. "
            "Delete it yourself."
        )
    shutil.rmtree(path)


def _row(trial: TrialRecord) -> dict[str, object]:
    return {
        "number": trial.number,
        "status": trial.status,
        "reason": trial.reason,
        "value": trial.value,
        "epochs": len(trial.intermediate),
        "last_value": trial.intermediate[-1][1] if trial.intermediate else None,
        "is_reference": trial.is_reference,
        "worker": trial.worker,
        "started": trial.started,
        "ended": trial.ended,
        "seconds": trial.seconds,
        "cpu_seconds": trial.cpu_seconds,
    } | (trial.config.to_dict() if trial.config else {})
