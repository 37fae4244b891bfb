"""A machine that does not reach the checkpoints, as another disk is mounted there: found out before a trial fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from ray.cluster_utils import Cluster

from cluster.resources import TrialResources
from fashion_model.config import TrainConfig
from fashion_model.data.splits import TrainingSplits
from search.places.ray.place import OnRay
from search.study.open_study import StudySpec, open_study
from search.worker.assignment import Assignment, TrialPlan
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import Cause, Fault, StorageError
from search.worker.training_run import Images

from ... import faulty
from ...conftest import Acts, Watcher, fixed_settings
from ...disk import mounted_disk
from ...faulty import FaultySplits
from ...machines import add_machine, head_without_cores

pytestmark = pytest.mark.ray
PLAN = TrialPlan(trials=4, epochs=2, seed=0)
EACH = TrialResources(cpus=1.0, gpus=0.0)
MESSAGE = (
    r"Checkpoints must lie where every machine of the cluster reaches them. Received: .*/checkpoints, where the "
    r"machine [\d.]+ does not find what the driver has written: .*No such file or directory.*--storage-path s3://BUCKET/PATH"
)
# A machine of the cluster at argv[1] that has a disk of its own at argv[2], until its stdin is closed.
MACHINE = """
import subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", sys.argv[2]], check=True)
from ray._private.node import Node
from ray._private.parameter import RayParams
params = RayParams(
    gcs_address=sys.argv[1], redis_address=sys.argv[1], num_cpus=1, object_store_memory=100 * 2**20,
    min_worker_port=0, max_worker_port=0, node_manager_port=0, include_log_monitor=False,
)
params.dashboard_agent_listen_port = None
node = Node(params, head=False, shutdown_at_exit=True, spawn_reaper=False)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def machines(store: CheckpointStore, tmp_path: Path) -> Iterator[Cluster]:
    """A head without cores, and a store on its disk; skipped where no other disk can be mounted."""
    (tmp_path / "try").mkdir()
    with mounted_disk(tmp_path / "try"):
        Path(store.root).mkdir()
    with head_without_cores() as cluster:
        yield cluster


@contextmanager
def machine_with_its_own_disk(cluster: Cluster, folder: str) -> Iterator[None]:
    """A machine of one core that has another disk at `folder`."""
    unshare = shutil.which("unshare") or "unshare"
    command = [unshare, "--mount", sys.executable, "-c", MACHINE, cluster.address, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.communicate()


def test_a_folder_that_only_the_driver_has_ends_the_search_before_its_first_trial(
    machines: Cluster, spec: StudySpec, store: CheckpointStore, tiny_splits: TrainingSplits, tiny_config: TrainConfig
) -> None:
    study = open_study(replace(spec, fixed=fixed_settings(epochs=PLAN.epochs)), Watcher())
    with machine_with_its_own_disk(machines, store.root):
        with pytest.raises(StorageError, match=MESSAGE):
            OnRay(EACH, 1, store).run_trials(study, tiny_splits, PLAN)
        training = Assignment(label="final", key="final", config=tiny_config, epochs=1, seed=0)
        images = Images(tiny_splits.train, tiny_splits.validation)
        with pytest.raises(StorageError, match=MESSAGE):
            OnRay(EACH, 1, store).run_trainings([training], images, lambda assignment, result: None)
    assert optuna.load_study(study_name=spec.name, storage=spec.database.url).trials == []


def test_a_machine_that_comes_later_ends_the_search_and_no_trial_is_to_blame(
    machines: Cluster, spec: StudySpec, store: CheckpointStore, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    add_machine(machines)

    def comes() -> Iterator[None]:
        with machine_with_its_own_disk(machines, store.root):
            yield

    coming = comes()
    # long enough for the other machine to load TensorFlow
    splits = FaultySplits(tiny_splits, tmp_path, (faulty.Fault("sleep", nth=0, epoch=2, times=1, size=60.0),))
    mine = replace(spec, fixed=fixed_settings(epochs=PLAN.epochs), pruner="none")
    study = open_study(mine, Acts(1, [lambda: next(coming)]))
    with pytest.raises(StorageError, match=MESSAGE):
        OnRay(EACH, 2, store).run_trials(study, splits, PLAN)
    study.fail_unfinished(Fault(Cause.INTERRUPTED))
    assert all(record.status == "COMPLETE" for record in study.records())
    assert study.waiting() >= 1
    study.close()
    next(coming, None)  # it goes
