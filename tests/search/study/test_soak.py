"""The promise, put to the test: a search of 40 trials on Ray whose driver is killed at ten random moments.

pytest tests/search/study/test_soak.py     says what was there at each kill
"""

from __future__ import annotations

import re
import signal
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
from tests.search.command import Command, new, results, run, started, stored_trials

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


def moments() -> list[tuple[int, float]]:
    """When to kill: how many results there must be, and how many seconds later. From the first trial to the last few.

    By results and not by the clock alone: ten kills at ten times would find a quick machine done before the last.
    """
    random = np.random.default_rng(SEED)
    counts = sorted(random.integers(0, TRIALS - 4, KILLS))
    return list(zip(map(int, counts), random.uniform(0.0, LONGEST_WAIT_SECONDS, KILLS), strict=True))


def kill_in_the_search(command: Command, count: int, wait_seconds: float) -> None:
    """SIGKILL the driver so long after it says that there are so many results."""
    told = re.compile(r"4/6 search .* trials(?:, (\d+) of them done)?|  (\d+)/\d+ trial")
    while not any(int(found[1] or found[2] or 0) >= count for found in map(told.match, list(command.lines)) if found):
        assert command.process.poll() is None, command.said()
        time.sleep(0.05)
    time.sleep(wait_seconds)
    assert command.process.poll() is None, "the search must not end before it is killed"
    command.end(signal.SIGKILL)


def test_ten_kills_of_the_driver_lose_no_trial_and_repeat_none(
    address: str, tmp_path: Path, real_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir, place = tmp_path / "soak", ["--address", address]
    arguments = new(place, real_data, tmp_path, trials=TRIALS, name=run_dir.name)
    before: dict[int, tuple[Any, ...]] = {}
    for kill, (count, wait) in enumerate(moments(), start=1):
        with started(*arguments) as command:
            kill_in_the_search(command, count, wait)
        every = stored_trials(run_dir)
        now = results(every)
        running = sum(trial.state is TrialState.RUNNING for trial in every)
        with capsys.disabled():
            print(
                f"\nkill {kill:2}, {wait:.1f} s after result {count:2}: {len(now):2} results, {running} under way",
                end="",
            )
        assert {number: now[number] for number in before} == before, "a result was lost, or has changed"
        before, arguments = now, ["--resume", str(run_dir), "--no-progress", *place]
    command = run(*arguments)
    assert command.process.returncode == 0, command.said()
    every = stored_trials(run_dir)
    with capsys.disabled():
        print(f"\nat the end: {len(results(every))} results of {len(every)} rows, exit code 0")
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
