"""The promise, put to the test: a search of 40 trials on Ray whose driver is killed at ten random moments.

pytest tests/search/test_soak.py -s     shows what was there before each kill
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from search.database import sqlite_url
from search.records import load_outcome
from search.stored import Line, is_result

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]

TRIALS: Final = 40
KILLS: Final = 10
SEED: Final = 20261122
# from the start of the search stage: before the workers are warm, in their first trials, and far into the search
LONGEST_WAIT_SECONDS: Final = 25.0
FLAGS: Final = [
    "--train-size",
    "600",
    "--epochs",
    "2",
    "--retrain-seeds",
    "1",
    "--finalists",
    "1",
    "--address",
    "local",
]


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "search.run", *arguments, "--no-progress"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, env=paths())


def paths() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def kill_in_the_search(process: subprocess.Popen[str], wait_seconds: float) -> bool:
    """SIGKILL the driver so long after its search stage began. False if it ended before."""
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("4/6 search"):
            break
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    ended = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return not ended


def trials(run_dir: Path) -> list[FrozenTrial]:
    storage = optuna.storages.RDBStorage(sqlite_url(run_dir / "study.db"))
    try:
        return optuna.load_study(study_name=run_dir.name, storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()


def rows(every: list[FrozenTrial]) -> dict[int, tuple[Any, ...]]:
    """Every result, column by column."""
    return {
        trial.number: (
            trial.state,
            trial.values,
            trial.params,
            trial.intermediate_values,
            trial.user_attrs,
            trial.datetime_start,
            trial.datetime_complete,
        )
        for trial in every
        if is_result(trial)
    }


def test_ten_kills_of_the_driver_lose_no_trial_and_repeat_none(tmp_path: Path, real_data: str) -> None:
    moments = np.random.default_rng(SEED)
    run_dir = tmp_path / "runs" / "soak"
    process = start("--trials", str(TRIALS), "--name", "soak", "--data-dir", real_data, *FLAGS, folder=tmp_path)
    before: dict[int, tuple[Any, ...]] = {}
    for kill in range(1, KILLS + 1):
        wait = moments.uniform(0.0, LONGEST_WAIT_SECONDS)
        assert kill_in_the_search(process, wait), "the search must not end before it is killed"
        every = trials(run_dir)
        now = rows(every)
        running = sum(trial.state is TrialState.RUNNING for trial in every)
        print(f"kill {kill:2} after {wait:4.1f} s: {len(now):2} results, {running} under way")
        assert {number: now[number] for number in before} == before, "a result was lost, or has changed"
        before = now
        process = start("--resume", "--address", "local", folder=tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    every = trials(run_dir)
    print(f"at the end: {len(rows(every))} results of {len(every)} rows, exit code {process.returncode}")
    require_exactly(every, before, run_dir)


def require_exactly(every: list[FrozenTrial], before: dict[int, tuple[Any, ...]], run_dir: Path) -> None:
    """40 results, those of before among them unchanged, one a lineage, the reference once, none left open."""
    now = rows(every)
    assert len(now) == TRIALS
    assert {number: now[number] for number in before} == before
    assert set(Counter(Line.of(trial).first for trial in every if is_result(trial)).values()) == {1}
    assert sum("reference" in trial.user_attrs for trial in every if is_result(trial)) == 1
    assert not any(trial.state in (TrialState.RUNNING, TrialState.WAITING) for trial in every)
    outcome = load_outcome(run_dir / "outcome.json")
    assert [trial.number for trial in outcome.trials] == sorted(now)
    assert sum(trial.is_reference for trial in outcome.trials) == 1
