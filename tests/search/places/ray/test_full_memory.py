"""A machine that runs low on memory: Ray's own monitor ends the workers on it, at a threshold that suits the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.connect import connected
from cluster.resources import TrialResources
from fashion_model.data.splits import TrainingSplits
from search.places.ray.place import OnRay
from search.study.open_study import StudySpec, open_study
from search.worker.assignment import TrialPlan
from search.worker.checkpoints import CheckpointStore

from ...conftest import Watcher, fixed_settings
from ...faulty import Fault, FaultySplits, epochs_of, number_of, used_memory

pytestmark = pytest.mark.ray
PLAN = TrialPlan(trials=4, epochs=3, seed=0)
# Ray with two workers that have loaded TensorFlow takes 1.7 GB
HEADROOM_BYTES = 2_700_000_000
# what a worker may hold is much on a machine of this size: it writes down what it holds from half of that on
WORKER_BYTES = 2_200_000_000
FAULT = r"out of memory: it used \d(\.\d+)? GB when its machine ran low"


@pytest.fixture(scope="module")
def threshold() -> Iterator[float]:
    """Connects to a Ray that ends workers when so many bytes of this machine are in use."""
    used, total = used_memory()
    threshold = used + HEADROOM_BYTES
    if threshold > 0.9 * total:
        pytest.skip(f"the test takes up to 3 GB of memory: {total - used} bytes are free")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_memory_usage_threshold", str(threshold / total))
        patch.setenv("RAY_memory_monitor_refresh_ms", "100")
        with connected("local"):
            yield threshold


def test_a_trial_without_end_to_its_memory_is_tried_twice_and_the_others_end_well(
    threshold: float, spec: StudySpec, store: CheckpointStore, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    watcher = Watcher()
    study = open_study(replace(spec, fixed=fixed_settings(epochs=PLAN.epochs), pruner="none"), watcher)
    splits = FaultySplits(tiny_splits, tmp_path, (Fault("fill the memory", nth=1, epoch=2, size=threshold),))
    place = OnRay(TrialResources(cpus=1.0, gpus=0.0), 2, store, worker_bytes=WORKER_BYTES)
    place.run_trials(study, splits, PLAN)
    greedy = number_of(tmp_path, 1)
    results = {record.number if record.lineage is None else record.lineage: record for record in study.records()}
    assert len(results) == 4
    last = results.pop(greedy)
    assert (last.status, last.attempts, [epoch for epoch, _ in last.measurements]) == ("FAIL", 2, [1])
    assert re.fullmatch(rf"{FAULT} \(attempt 2, the last\)", last.reason)
    assert epochs_of(tmp_path, 1) == [1]
    assert [record.status for record in results.values()] == ["COMPLETE"] * 3
    before = {record.reason for record in watcher.again if greedy in (record.number, record.lineage)}
    assert all(re.fullmatch(FAULT, reason) for reason in before)
    # what else ran on that machine is not blamed, and trains no epoch twice
    others = [record.reason for record in watcher.again if greedy not in (record.number, record.lineage)]
    assert all(reason.startswith("Ray Tune aborted: ") and "low on memory" in reason for reason in others)
    assert sorted(epochs_of(tmp_path, 0)) == [1, 2, 3]
