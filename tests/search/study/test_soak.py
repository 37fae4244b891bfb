"""The promise, put to the test: a search of 40 trials on Ray whose driver is killed at ten random moments.

pytest tests/search/study/test_soak.py     says what was there at each kill
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from optuna.trial import FrozenTrial, TrialState
from ray.cluster_utils import Cluster

from reports.records import load_outcome
from search.study.attempts import Attempt, is_result
from tests.search.command import SMALL, results, stored_trials

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]

TRIALS: Final = 40
KILLS: Final = 10
SEED: Final = 20261122
LONGEST_WAIT_SECONDS: Final = 3.0


@pytest.fixture
def address() -> Iterator[str]:
    """Of a Ray that stays while drivers come and go."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "search.run", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, env=paths())


def paths() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])}


def moments() -> list[tuple[int, float]]:
    """When to kill: how many results there must be, and how many seconds later. From the first trial to the last few.

    By results and not by the clock alone: ten kills at ten times would find a quick machine done before the last.
    """
    random = np.random.default_rng(SEED)
    counts = sorted(random.integers(0, TRIALS - 4, KILLS))
    return list(zip(map(int, counts), random.uniform(0.0, LONGEST_WAIT_SECONDS, KILLS), strict=True))


def kill_in_the_search(process: subprocess.Popen[str], count: int, wait_seconds: float) -> bool:
    """SIGKILL the driver so long after it says that there are so many results. False if it ended before."""
    assert process.stderr is not None
    for line in process.stderr:
        told = re.match(r"4/6 search .* trials(?:, (\d+) of them done)?|  (\d+)/\d+ trial", line)
        if told and int(told[1] or told[2] or 0) >= count:
            break
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    ended = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return not ended


def test_ten_kills_of_the_driver_lose_no_trial_and_repeat_none(
    address: str, tmp_path: Path, real_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "runs" / "soak"
    where = ("--address", address)
    process = start("--trials", str(TRIALS), "--name", "soak", "--data-dir", real_data, *SMALL, *where, folder=tmp_path)
    before: dict[int, tuple[Any, ...]] = {}
    for kill, (count, wait) in enumerate(moments(), start=1):
        assert kill_in_the_search(process, count, wait), "the search must not end before it is killed"
        every = stored_trials(run_dir)
        now = results(every)
        running = sum(trial.state is TrialState.RUNNING for trial in every)
        with capsys.disabled():
            print(
                f"\nkill {kill:2}, {wait:.1f} s after result {count:2}: {len(now):2} results, {running} under way",
                end="",
            )
        assert {number: now[number] for number in before} == before, "a result was lost, or has changed"
        before = now
        process = start("--resume", *where, folder=tmp_path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    every = stored_trials(run_dir)
    with capsys.disabled():
        print(f"\nat the end: {len(results(every))} results of {len(every)} rows, exit code {process.returncode}")
    require_exactly(every, before, run_dir)


def require_exactly(every: list[FrozenTrial], before: dict[int, tuple[Any, ...]], run_dir: Path) -> None:
    """40 results, those of before among them unchanged, one a lineage, the reference once, none left open."""
    now = results(every)
    assert len(now) == TRIALS
    assert {number: now[number] for number in before} == before
    assert set(Counter(Attempt.of(trial).lineage for trial in every if is_result(trial)).values()) == {1}
    assert sum("reference" in trial.user_attrs for trial in every if is_result(trial)) == 1
    assert not any(trial.state in (TrialState.RUNNING, TrialState.WAITING) for trial in every)
    outcome = load_outcome(run_dir / "outcome.json")
    assert [trial.number for trial in outcome.trials] == sorted(now)
    assert sum(trial.is_reference for trial in outcome.trials) == 1
