"""(e) This service: the command itself, and what its study holds when it has been killed."""

from __future__ import annotations

import sys
from pathlib import Path

import optuna

from benchmarks.seekers.task import Ended, Task
from search.study.storage.database import sqlite_url

_NAME = "search"
_MANY = 1000


def command(task: Task, output: Path) -> list[str]:
    """Search, with nothing but the task's own flags, in `output`."""
    flags = {
        "--address": "local",
        "--trials": _MANY,
        "--epochs": task.epochs,
        "--train-size": task.images,
        "--seed": task.seed,
        "--split-seed": task.seed,
        "--output": output,
        "--name": _NAME,
    }
    return [
        sys.executable,
        "-m",
        "search.run",
        "--no-progress",
        *(str(word) for pair in flags.items() for word in pair),
    ]


def ended_trials(output: Path) -> tuple[Ended, ...]:
    """The trials of its study that have had all their epochs; none where there is no study yet."""
    file = output / _NAME / "study.db"
    if not file.exists():
        return ()
    study = optuna.load_study(study_name=_NAME, storage=sqlite_url(file))
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    return tuple(
        Ended(trial.datetime_complete.timestamp(), trial.value)
        for trial in complete
        if trial.datetime_complete is not None and trial.value is not None
    )
