"""The command on a cluster that starts its machines when trials wait: Ray's own autoscaler, with machines made here."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.autoscaler._private.fake_multi_node.node_provider import (
    FAKE_HEAD_NODE_ID,
    FAKE_HEAD_NODE_TYPE,
    FakeMultiNodeProvider,
)
from ray.cluster_utils import Cluster

from reports.records import load_outcome

from .command import SMALL, run, started

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
MOST = 2
SECONDS = 400.0
LEGACY = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
    "cluster_synced_files",
    "rsync_exclude",
    "rsync_filter",
)


@dataclass(frozen=True)
class Growing:
    """A head that runs no trials, and an autoscaler that may start two machines of one core."""

    address: str
    cluster: Cluster


def config(gcs_address: str) -> dict[str, Any]:
    """What `ray up` leaves on a head, for machines that are processes here."""
    head = {"resources": {"CPU": 0}, "node_config": {}, "min_workers": 0, "max_workers": 0}
    worker = {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": MOST}
    # by its name, "fake_multinode", it needs a file of defaults that the package does not ship
    fake = f"{FakeMultiNodeProvider.__module__}.{FakeMultiNodeProvider.__name__}"
    provider = {"type": "external", "module": fake, "launch_multiple": True, "head_node_id": FAKE_HEAD_NODE_ID}
    provider["disable_node_updaters"] = True  # nothing is to be installed over SSH
    return {
        "cluster_name": "grows",
        "max_workers": MOST,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 5,
        "provider": provider | {"gcs_address": gcs_address},
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        "available_node_types": {FAKE_HEAD_NODE_TYPE: head, "worker": worker},
        "head_node_type": FAKE_HEAD_NODE_TYPE,
    } | {name: [] for name in LEGACY}


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    address = f"{ray.util.get_node_ip_address()}:{port}"
    file = tmp_path / "ray_bootstrap_config.yaml"
    file.write_text(json.dumps(config(address)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_FAKE_CLUSTER", "1")
        patch.setenv("RAY_enable_autoscaler_v2", "1")
        patch.setenv("AUTOSCALER_UPDATE_INTERVAL_S", "1")
        for name in ("RAY_CLOUD_INSTANCE_ID", "RAY_OVERRIDE_NODE_ID_FOR_TESTING"):
            patch.setenv(name, FAKE_HEAD_NODE_ID)
        head = {"num_cpus": 0, "gcs_server_port": port, "autoscaling_config": str(file), "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield Growing(cluster.address, cluster)
    finally:
        cluster.shutdown()
        _end_all_of(port)


def _end_all_of(port: int) -> None:
    """End the machines that the autoscaler started: nobody else does."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if re.search(rf"gcs[-_]address=\S*:{port}\b", (process / "cmdline").read_text().replace("\0", " ")):
                os.kill(int(process.name), signal.SIGKILL)


def test_a_search_makes_the_cluster_grow_to_its_most_and_is_refused_where_only_the_head_has_its_checkpoints(
    growing: Growing, real_data: str, tmp_path: Path
) -> None:
    given = ["--address", growing.address, "--output", str(tmp_path / "runs"), "--data-dir", real_data, *SMALL]
    refused = run(*given, "--name", "refused", "--trials", "2")
    assert refused.process.returncode == 4
    message = "Received: no --storage-path, on a cluster of 1 machine that starts more when trials wait. Name a bucket"
    assert message in refused.said()
    assert not (tmp_path / "runs").exists()

    shared = ["--storage-path", str(tmp_path / "shared")]
    # long enough for the second machine to be there before the first trial has ended, which would leave it none
    long = ("--trials", "2", "--epochs", "200", "--pruner", "none")
    with started(*given, "--name", "grown", *long, *shared) as ended:
        ended.process.wait(SECONDS)
    assert ended.process.returncode == 0, ended.said()
    assert "1 at a time, more as machines come" in ended.said()
    outcome = load_outcome(tmp_path / "runs" / "grown" / "outcome.json")
    assert [trial.status for trial in outcome.trials] == ["COMPLETE"] * 2
    assert len({trial.work.node for trial in outcome.trials}) == MOST
    assert FAKE_HEAD_NODE_ID not in {trial.work.node for trial in outcome.trials}
    assert {run.work.node for run in outcome.finals} <= {trial.work.node for trial in outcome.trials}
    assert (outcome.environment.cpus, outcome.environment.nodes) == (float(MOST), 1 + MOST)
