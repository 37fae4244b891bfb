"""Four machines with four GPUs each, as Ray counts them: how many trials run at once, with what, on which images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.cluster_utils import Cluster

from cluster.capacity import Capacity, cluster_capacity
from cluster.resources import TrialResources
from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split, TrainingSplits
from search.places.ray.place import OnRay
from search.study.open_study import StudySpec, open_study
from search.worker.assignment import Assignment, TrialPlan
from search.worker.checkpoints import CheckpointStore
from search.worker.training_run import FinishedTraining, Images

from ...conftest import NARROW, Acts, Watcher, fixed_settings
from ...machines import add_machine, head_without_cores
from ...noted import NotedSplit, all_noted, noted_splits, waiting_worker

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
NODES = GPUS = 4
# what Ray does without being asked would take this machine's two cores from the 32 processes that are needed
SIMULATION = {
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_task_events_report_interval_ms": "0",
    "IDLE_EPOCH_SECONDS": "0.1",  # the workers sleep so long an epoch, once all of them are there
}


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    """A head that runs no trials, and the four machines."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SIMULATION.items():
            patch.setenv(name, value)
        with head_without_cores() as cluster:
            for _ in range(NODES):
                add_machine(cluster, cpus=GPUS, gpus=GPUS)
            yield cluster


@pytest.fixture
def capacity(machines: Cluster) -> Capacity:
    return cluster_capacity()


def place(capacity: Capacity, each: TrialResources, store: CheckpointStore, **others: Any) -> OnRay:
    """As the command makes it."""
    return OnRay(each, lambda trials: capacity.room(each, trials), store, **others)


def study_of(spec: StudySpec, epochs: int) -> StudySpec:
    return replace(spec, fixed=fixed_settings(epochs=epochs), space=NARROW, pruner="none")


@pytest.mark.parametrize(("share", "at_once"), [(1.0, 16), (0.5, 32)])
def test_every_gpu_is_full_at_once_and_each_trial_sees_its_own(
    share: float, at_once: int, capacity: Capacity, spec: StudySpec, store: CheckpointStore, tmp_path: Path
) -> None:
    each = TrialResources(cpus=share, gpus=share)
    assert capacity.room(each) == at_once
    none = Split(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
    study = open_study(study_of(spec, epochs=10), Watcher())
    worker = waiting_worker(tmp_path, at_once)
    plan = TrialPlan(trials=at_once, epochs=10, seed=0)
    place(capacity, each, store, worker=worker).run_trials(study, TrainingSplits(none, none, ""), plan)
    assert [record.status for record in study.records()] == ["COMPLETE"] * at_once
    places = Counter((noted.node, noted.gpus) for noted in all_noted(tmp_path))
    per_node = Counter(node for node, _ in places)
    assert list(per_node.values()) == [GPUS] * NODES
    assert {gpus for _, gpus in places} == {"0", "1", "2", "3"}
    assert set(places.values()) == {at_once // (NODES * GPUS)}


def test_trials_and_tasks_share_one_copy_of_the_images_on_each_machine(
    capacity: Capacity, spec: StudySpec, store: CheckpointStore, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    """Several processes on a machine, over the same bytes of the same file."""
    each = TrialResources(cpus=2.0, gpus=2.0)
    trials, tasks = tmp_path / "trials", tmp_path / "tasks"
    trials.mkdir()
    tasks.mkdir()
    where = place(capacity, each, store)
    study = open_study(study_of(spec, epochs=1), Watcher())
    where.run_trials(study, noted_splits(tiny_splits, trials), TrialPlan(trials=5, epochs=1, seed=0))
    nodes = require_one_copy_a_machine(trials)
    assert {record.work.node for record in study.records()} <= nodes
    assert {len(record.work.gpus) for record in study.records()} == {2}

    config = TrainConfig(conv_blocks=1, base_filters=8, dense_units=32, batch_size=20)
    asked = [Assignment(label=str(n), key=str(n), config=config, epochs=1, seed=n) for n in range(5)]
    done: list[FinishedTraining] = []

    def on_done(assignment: Assignment, result: object) -> None:
        assert isinstance(result, FinishedTraining)
        done.append(result)

    where.run_trainings(asked, Images(NotedSplit(tiny_splits.train, tasks), tiny_splits.validation), on_done)
    nodes = require_one_copy_a_machine(tasks)
    assert {result.work.node for result in done} == nodes
    assert len(nodes) == NODES, "spread over all of them"
    assert {len(result.work.gpus) for result in done} == {2}


def require_one_copy_a_machine(folder: Path) -> set[str]:
    """Returns the machines."""
    noted = all_noted(folder)
    copies = {node: {each.copy for each in noted if each.node == node} for node in {each.node for each in noted}}
    assert {len(of_node) for of_node in copies.values()} == {1}, copies
    assert len(noted) > len(copies) > 1
    assert len({copy for (copy,) in copies.values()}) == len(copies), "each machine has its own"
    assert not any(each.copy.startswith("process") for each in noted)
    return set(copies)


def test_a_search_ends_with_every_result_while_machines_are_taken_away_and_added(
    machines: Cluster,
    capacity: Capacity,
    spec: StudySpec,
    store: CheckpointStore,
    tiny_splits: TrainingSplits,
) -> None:
    each = TrialResources(cpus=4.0, gpus=4.0)
    added: list[Any] = []

    def lose() -> None:
        machines.remove_node(next(iter(machines.worker_nodes)), allow_graceful=False)

    def add() -> None:
        added.append(add_machine(machines, cpus=GPUS, gpus=GPUS))

    watcher = Acts(2, [lose, add, lose, add])
    study = open_study(study_of(spec, epochs=3), watcher)
    place(capacity, each, store).run_trials(study, tiny_splits, TrialPlan(trials=6, epochs=3, seed=0))
    assert len(added) == 2
    assert [record.status for record in study.records()] == ["COMPLETE"] * 6
    assert all([epoch for epoch, _ in record.measurements] == [1, 2, 3] for record in study.records())
    assert {record.reason for record in watcher.again} == {"its machine was lost"}
