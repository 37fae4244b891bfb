"""The folder that a search leaves: made so that a failure before the first trial leaves nothing behind."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from reports.records import TrialRecord, write_beside_then_move
from search.command.settings import Settings, SettingsError
from search.study.storage.lock import only_driver
from search.worker.faults import StorageError

_LOCK: Final = ".lock"
_BEFORE_CONFIG: Final = frozenset({_LOCK, ".probe", "log.txt", "checkpoints"})
_BEGUN_BEFORE_CONFIG: Final = ("study.db", ".config.json.")  # SQLite's files beside it; config.json while it is written
_LEAST_FREE_BYTES: Final = 64 * 2**20  # a run of small models; the largest has 12 MB of weights, each training one copy


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run, `path` being absolute.

    config.json     the resolved settings
    study.db        the Optuna study, unless --storage names another database; study.db.backup, its copy
    spool.jsonl     results that the database did not take, until it is opened again
    checkpoints/    the trainings under way, unless --storage-path names another place
    trials.csv      a line a trial
    trainings/      the trainings of finalists and finals, each as soon as it ended
    sessions.json   the wall time of each command that worked on it
    state.json      the search as it stands, if it was interrupted
    outcome.json    every record; predictions.npz, models/: the finals
    report.html, report.json, MODEL_CARD.md, best.json, log.txt
    """

    path: Path

    def study_file(self) -> Path:
        """The study's own database."""
        return self.path / "study.db"

    def log_file(self) -> Path:
        """Where Ray's and TensorFlow's chatter goes."""
        return self.path / "log.txt"

    def outcome_file(self) -> Path:
        """The records of a search that came to its end."""
        return self.path / "outcome.json"

    def state_file(self) -> Path:
        """The records of one that did not."""
        return self.path / "state.json"

    def is_kept(self) -> bool:
        """Whether there is something to go on from."""
        return (self.path / "config.json").exists()

    def write_config(self, settings: Settings) -> None:
        """Write config.json; from here on the folder is kept whatever happens."""
        write_beside_then_move(self.path / "config.json", json.dumps(settings.to_dict(), indent=1).encode())

    def write_trials(self, trials: Sequence[TrialRecord]) -> None:
        """Write trials.csv: what happened to each trial, then its configuration, a column a field."""
        import pandas as pd

        rows = [_row(trial) for trial in trials]
        write_beside_then_move(self.path / "trials.csv", pd.DataFrame(rows).to_csv(index=False).encode())


@contextmanager
def run_folder(settings: Settings, *, resume: bool) -> Iterator[RunFolder]:
    """The run folder, this process being its only driver: a new one, or with `resume` the one that is there.

    If the body fails before `write_config`, everything made here is removed, as far as it can be.

    Raises:
        StudyBusy: when another process works on it.
        SettingsError: when it is in use and --overwrite is not set, or cannot be made or written.
        StorageError: when its disk is full.
    """
    path = settings.run_dir().resolve()
    if not resume:
        require_free(path, overwrite=settings.overwrite)
    try:
        if not resume and path.exists():
            shutil.rmtree(path)
        new = [folder for folder in (path, *path.parents) if not folder.exists()]  # the innermost first
        path.mkdir(parents=True, exist_ok=resume)
        probe = path / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(f"--output must name a folder that can be written. Received: {path}: {error}.") from error
    folder = RunFolder(path)
    try:
        with only_driver(path / _LOCK):
            require_space(path)
            yield folder
    finally:
        if new and not folder.is_kept():
            shutil.rmtree(path, ignore_errors=True)  # what failed is what is to be told
            with suppress(OSError):  # another run is in it by now
                for parent in new[1:]:
                    parent.rmdir()


def require_free(path: Path, *, overwrite: bool) -> None:
    """Check that a new run may have this folder, and that whatever is there may be deleted.

    Raises:
        StudyBusy: when another process works on it.
        SettingsError: when it is in use and `overwrite` is not set, or is no run's.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    require_idle(path)
    if _was_never_begun(path):
        return
    if not overwrite:
        raise SettingsError(
            f"A run must have a folder of its own. Received: {path}, which is not empty. "
            f"Go on with it: --resume {shlex.quote(str(path))}; or use another --name, or --overwrite."
        )
    is_run = (path / "config.json").is_file()
    if not is_run or not os.access(path, os.W_OK):
        raise SettingsError(
            "--overwrite only deletes the folder of a run, and one that is yours to write. Received: "
            f"{path}, which {'is not' if is_run else 'has no config.json'}. Delete it yourself."
        )


def require_idle(path: Path) -> None:
    """Check that no other process works on the run in this folder.

    Raises:
        StudyBusy: when one does.
    """
    if (path / _LOCK).exists():
        with only_driver(path / _LOCK):
            pass


def _was_never_begun(path: Path) -> bool:
    """Whether all that is there is what a driver makes before config.json, which it writes before the first trial."""
    names = [entry.name for entry in path.iterdir()] if path.is_dir() else [path.name]
    return all(name in _BEFORE_CONFIG or name.startswith(_BEGUN_BEFORE_CONFIG) for name in names) and _LOCK in names


def require_space(path: Path) -> None:
    """Check that the disk has room for a run.

    Raises:
        StorageError: when it is full.
    """
    free = shutil.disk_usage(path).free
    if free < _LEAST_FREE_BYTES:
        raise StorageError(
            f"A run needs at least {_LEAST_FREE_BYTES // 2**20} MiB of free space. Received: {free // 2**20} MiB at "
            f"{path}. Free some, or name another disk with --output."
        )


def _row(trial: TrialRecord) -> dict[str, object]:
    row = {
        "number": trial.number,
        "status": trial.status,
        "reason": trial.reason,
        "value": trial.value,
        "epochs": len(trial.measurements),
        "last_value": trial.measurements[-1][1] if trial.measurements else None,
        "is_reference": trial.is_reference,
        "origin": trial.origin,
        "attempts": trial.attempts,
    }
    work = asdict(trial.work) | {"gpus": " ".join(trial.work.gpus), "ended": trial.ended}
    return row | work | (trial.config.to_dict() if trial.config else {})
