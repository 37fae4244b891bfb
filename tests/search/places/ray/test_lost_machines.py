"""Machines that are taken away from a cluster while trials run on them: Ray's own cluster of several nodes, on one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from cluster.resources import TrialResources
from fashion_model.data.splits import TrainingSplits
from search.places.ray.place import OnRay
from search.study.open_study import StudySpec, open_study
from search.worker.assignment import TrialPlan
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import Cause, Fault, SearchBroken

from ... import faulty
from ...conftest import NARROW, Acts, Watcher, fixed_settings
from ...faulty import FaultySplits, epochs_of
from ...machines import add_machine, head_without_cores

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
PLAN = TrialPlan(trials=3, epochs=3, seed=0)
EACH = TrialResources(cpus=1.0, gpus=0.0)


@pytest.fixture
def machines() -> Iterator[Cluster]:
    """To it a test adds machines of one core."""
    with head_without_cores() as cluster:
        yield cluster


def test_trials_of_a_machine_that_is_lost_go_on_from_their_checkpoints_on_another(
    machines: Cluster, spec: StudySpec, store: CheckpointStore, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    nodes = [add_machine(machines), add_machine(machines)]

    def swap() -> None:
        machines.remove_node(nodes.pop(), allow_graceful=False)
        nodes.append(add_machine(machines))

    # every trial waits before its second epoch, so that the machine is lost in the middle of one
    splits = FaultySplits(tiny_splits, tmp_path, (faulty.Fault("sleep", nth=None, epoch=2, times=1, size=8.0),))
    watcher = Acts(2, [swap])
    mine = replace(spec, fixed=fixed_settings(epochs=PLAN.epochs), space=NARROW, pruner="none")
    study = open_study(mine, watcher)
    OnRay(EACH, 2, store).run_trials(study, splits, PLAN)
    assert [record.status for record in study.records()] == ["COMPLETE"] * 3
    assert [record.reason for record in watcher.again] == ["its machine was lost"]
    moved = next(record for record in study.records() if record.attempts == 2)
    assert [epoch for epoch, _ in moved.measurements] == [1, 2, 3]
    assert moved.measurements[0] == watcher.again[0].measurements[0]
    assert study.lost() == tuple(watcher.again)
    assert watcher.again[0].work.node not in ("", moved.work.node)
    assert [epochs_of(tmp_path, nth) for nth in range(3)] == [[1, 2, 3]] * 3, "no epoch is trained twice"


def test_a_search_without_machines_ends_after_its_patience_and_goes_on_when_there_is_one(
    machines: Cluster,
    spec: StudySpec,
    store: CheckpointStore,
    tiny_splits: TrainingSplits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nodes = [add_machine(machines)]
    splits = FaultySplits(tiny_splits, tmp_path, (faulty.Fault("sleep", nth=1, epoch=2, times=1, size=8.0),))
    watcher = Acts(4, [lambda: machines.remove_node(nodes[0], allow_graceful=False)])
    mine = replace(spec, fixed=fixed_settings(epochs=PLAN.epochs), space=NARROW, pruner="none")
    study = open_study(mine, watcher)
    message = r"A trial must get its worker within 40 s. Received: none, for 1 waiting"
    with monkeypatch.context() as patch:
        patch.setattr("search.places.ray.place._PATIENCE_SECONDS", 40.0)
        with pytest.raises(SearchBroken, match=message):
            OnRay(EACH, 1, store).run_trials(study, splits, PLAN)
    study.fail_unfinished(Fault(Cause.INTERRUPTED))
    before = study.records()
    study.close()
    assert [(record.number, record.status) for record in before] == [(0, "COMPLETE")]
    assert watcher.again[0].reason == "its machine was lost"

    add_machine(machines)
    again = open_study(mine, Watcher())
    OnRay(EACH, 1, store).run_trials(again, splits, PLAN)
    assert again.records()[:1] == before
    assert [record.status for record in again.records()] == ["COMPLETE"] * 3
    assert [epochs_of(tmp_path, nth) for nth in range(3)] == [[1, 2, 3]] * 3
