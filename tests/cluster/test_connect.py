"""Connecting to Ray: a cluster of our own, one that runs already, and one that is not there."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from cluster.connect import connected
from cluster.internals import PRELOAD, UNDOCUMENTED_SWITCHES
from cluster.resources import usable_cores
from cluster.startable import ConnectError
from tests.processes import ROOT, python

pytestmark = [
    pytest.mark.ray,
    # Ray leaves sockets of its clusters to the garbage collector, which then runs in another test
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
CONNECT = """
from cluster.connect import connected
with connected(None) as size:
    import ray
    print(size.cpus, size.gpus, size.nodes, ray.get_gpu_ids(), ray.get_runtime_context().gcs_address)
"""

STARTED = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
print("up", flush=True)
sys.stdin.readline()
cluster.shutdown()
"""
ACTOR = """
import os
from cluster.connect import connected
with connected("auto"):
    import ray
    class Actor:
        def says(self): return "alive"
    print(ray.get(ray.remote(Actor).remote().says.remote(), timeout=60), os.environ.get("RAY_AUTH_MODE") == "token")
"""


def test_the_address_of_a_running_cluster_is_used() -> None:
    """One that is given: every test with tests/search/machines.py."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 3, "num_gpus": 2})
    try:
        told = python("-c", CONNECT, RAY_ADDRESS=cluster.address)
        assert told.stdout.splitlines()[-1:] == [f"3.0 2.0 1 [] {cluster.address}"], told.stderr
    finally:
        cluster.shutdown()
        del cluster
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # Ray leaves a socket open; it would be the next test's
            gc.collect()


@pytest.mark.parametrize("mode", ["token", "disabled"])
def test_a_ray_of_this_machine_is_brought_the_users_token_if_it_asks_for_one(mode: str, tmp_path: Path) -> None:
    """Any `ray.init` leaves one in ~/.ray, and a Ray that has none would let no actor of ours live."""
    (tmp_path / "token").write_text("0" * 64)
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as folder:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        mine = clean | {"RAY_TMPDIR": folder, "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")}
        with subprocess.Popen(
            [sys.executable, "-c", STARTED],
            env=mine | {"RAY_AUTH_MODE": mode},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as others:
            assert others.stdout is not None
            assert others.stdout.readline() == "up\n"
            told = subprocess.run([sys.executable, "-c", ACTOR], cwd=ROOT, env=mine, capture_output=True, text=True)
            others.communicate("\n")
    assert told.stdout.splitlines()[-1:] == [f"alive {mode == 'token'}"], told.stderr


@pytest.mark.parametrize("error", [Exception("timed out during startup"), RuntimeError("no port"), OSError("no disk")])
def test_a_ray_that_does_not_start_is_a_clear_error(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def start(*arguments: object, **others: object) -> None:
        raise error

    monkeypatch.setattr(ray, "init", start)
    with pytest.raises(ConnectError, match=f"must start a Ray of its own on this machine. Received: {error}. Its logs"):
        connected("local").__enter__()


def test_a_ray_of_our_own_has_this_machines_cores_and_misses_no_switch_that_it_no_longer_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    known = (*UNDOCUMENTED_SWITCHES, PRELOAD)
    for name in known:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("cluster.connect.UNDOCUMENTED_SWITCHES", {"RAY_no_such_switch": "1"})
    monkeypatch.setattr("cluster.connect.PRELOAD", "RAY_no_such_switch_either")
    with connected("local", preload=["json"]) as size:
        assert (size.cpus, size.nodes) == (float(usable_cores()), 1)
        assert not set(known) & set(os.environ)
        assert ray.get(ray.remote(lambda: 1).remote()) == 1
    assert not ray.is_initialized(), "it ends with the body"
