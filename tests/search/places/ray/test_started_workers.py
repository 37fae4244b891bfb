"""The processes that a Ray of our own starts by itself are those that train, and have loaded what they need."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.connect import connected
from cluster.resources import TrialResources, usable_cores
from fashion_model.data.splits import TrainingSplits
from search.command.settings import Settings
from search.places.ray.place import OnRay
from search.places.ray.startup import await_workers, every_core_trains
from search.study.open_study import StudySpec, open_study
from search.worker.assignment import TrialPlan
from search.worker.checkpoints import CheckpointStore
from tests.processes import python

from ...conftest import Watcher

CORES = usable_cores()


def below(process: int) -> Iterator[int]:
    """The processes that this one has started, and those that they have."""
    for name in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, name.read_text().split()):
            yield child
            yield from below(child)


def idle_workers() -> set[int]:
    """The workers of this process's Ray that have nothing to do."""
    named = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in below(os.getpid())}
    return {child for child, name in named.items() if name.startswith(b"ray::IDLE")}


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as in tests/cluster/test_connect.py
def test_a_search_trains_in_the_processes_that_ray_has_started_by_itself(
    spec: StudySpec,
    tiny_splits: TrainingSplits,
    store: CheckpointStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "noted_at_start.py").write_text("import os; open(f'{os.path.dirname(__file__)}/{os.getpid()}', 'w')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with connected("local", preload=("noted_at_start",)):
        await_workers()
        started = idle_workers()
        assert len(started) == CORES
        study = open_study(spec, Watcher())
        OnRay(TrialResources(1.0, 0.0), CORES, store).run_trials(study, tiny_splits, TrialPlan(4, 3, seed=0))
        trained = {int(record.work.worker.rpartition(":")[2]) for record in study.records()}
        study.close()
    assert trained <= started
    assert all((tmp_path / str(process)).exists() for process in trained)


SAID = {
    "ray._private.state.workers": "This Ray has no list of workers where it was",
    "ray.tune.execution.class_cache": "This Ray has no environment of Tune's actors where it was",
}


@pytest.mark.ray
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as in tests/cluster/test_connect.py
def test_a_search_runs_without_the_names_of_rays_that_are_not_public_and_says_so(
    spec: StudySpec,
    tiny_splits: TrainingSplits,
    store: CheckpointStore,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with connected("local"):
        for gone in SAID:
            if gone in sys.modules:
                monkeypatch.setitem(sys.modules, gone, None)
            else:
                monkeypatch.delattr(gone)
        await_workers()
        study = open_study(spec, Watcher())
        OnRay(TrialResources(1.0, 0.0), CORES, store).run_trials(study, tiny_splits, TrialPlan(2, 1, seed=0))
        assert [record.status for record in study.records()] == ["COMPLETE"] * 2
        study.close()
    told = capfd.readouterr().err
    assert [said for said in SAID.values() if said not in told] == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, True),
        ({"max_concurrent": CORES}, True),
        ({"cpus_per_trial": 1.0}, True),
        ({"cpus_per_trial": 2.0}, False),
        ({"gpus_per_trial": 0.5}, False),
        ({"max_concurrent": 1}, CORES == 1),
        ({"trials": 1}, CORES == 1),
    ],
)
def test_workers_load_tensorflow_at_their_start_only_where_each_core_will_have_a_trial(
    settings: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("search.places.ray.startup._GPU", tmp_path / "none")
    asked = Settings(name="n", **{"trials": CORES, **settings})
    assert every_core_trains(asked) == expected
    monkeypatch.setattr("search.places.ray.startup._GPU", tmp_path)
    assert not every_core_trains(asked)


@pytest.mark.slow  # loads TensorFlow
@pytest.mark.parametrize(("gpus", "seen"), [(0.0, ""), (1.0, "3")])
def test_a_worker_sees_the_gpus_that_ray_gave_it_and_none_where_a_trial_takes_none(gpus: float, seen: str) -> None:
    """Ray sets the variable for a task with GPUs, and leaves it as it was, with every GPU in it, for one without."""
    code = (
        "import os; from cluster.resources import TrialResources; from search.places.ray.worker import prepare;"
        f"prepare(TrialResources(1.0, {gpus})); print(os.environ['CUDA_VISIBLE_DEVICES'])"
    )
    done = python("-c", code, CUDA_VISIBLE_DEVICES="3")
    assert (done.returncode, done.stdout) == (0, f"{seen}\n"), done.stderr
