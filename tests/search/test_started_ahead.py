"""The processes that Ray starts ahead, on a Ray of our own, are those that train, and have loaded what they need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.connect import connected
from cluster.resources import TrialResources
from fashion_model.data import TrainingSplits
from search.opening import StudySpec, open_study
from search.places.ahead import await_processes
from search.places.on_ray import OnRay
from search.places.site import all_cores_train
from search.settings import Settings
from search.trials.assignment import TrialPlan
from search.trials.checkpoints import CheckpointStore

from .conftest import Watcher

CORES = os.cpu_count() or 1


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
def test_a_search_trains_in_the_processes_that_ray_has_started_ahead(
    spec: StudySpec,
    tiny_splits: TrainingSplits,
    store: CheckpointStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "noted_at_start.py").write_text("import os; open(f'{os.path.dirname(__file__)}/{os.getpid()}', 'w')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with connected("local", preload=("noted_at_start",)):
        await_processes()
        ahead = idle_workers()
        assert len(ahead) == CORES
        study = open_study(spec, Watcher())
        OnRay(TrialResources(1.0, 0.0), CORES, store).run_trials(study, tiny_splits, TrialPlan(4, 3, seed=0))
        trained = {int(record.worker.rpartition(":")[2]) for record in study.records()}
        study.close()
    assert trained <= ahead
    assert all((tmp_path / str(process)).exists() for process in trained)


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
def test_tensorflow_is_loaded_ahead_only_where_each_core_will_have_a_trial(
    settings: dict[str, float], expected: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("search.places.site._GPU", tmp_path / "none")
    assert all_cores_train(Settings(name="n", **settings)) == expected  # type: ignore[arg-type]
    monkeypatch.setattr("search.places.site._GPU", tmp_path)
    assert not all_cores_train(Settings(name="n", **settings))  # type: ignore[arg-type]
