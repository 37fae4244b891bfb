"""How far a cluster can grow: by the file of `ray up`, by a RayCluster, and by the autoscaler that runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.growth import Growth, WorkerType, growth_here, growth_of, growth_of_ray_cluster
from cluster.resources import Machine

ROOT = Path(__file__).resolve().parents[2]
GPUS, CORES = Machine(48.0, 4.0), Machine(16.0, 0.0)
ADDRESS = "10.0.0.1:63791"


def file_of(**kinds: dict[str, Any]) -> dict[str, Any]:
    """A file as Ray leaves it on the head."""
    head = {"resources": {"CPU": 0}, "min_workers": 0, "max_workers": 0}
    return {"head_node_type": "head", "max_workers": 8, "available_node_types": {"head": head} | kinds}


def kind(resources: dict[str, float], most: int) -> dict[str, Any]:
    return {"resources": resources, "min_workers": 0, "max_workers": most}


def test_the_workers_of_a_file_are_counted_and_the_head_is_not() -> None:
    growth = growth_of(file_of(gpu=kind({"CPU": 48, "GPU": 4, "memory": 1e9}, 3), cpu=kind({"CPU": 16}, 2)))
    assert growth == Growth((WorkerType(GPUS, 3), WorkerType(CORES, 2)), 8)
    assert growth.is_possible()
    assert growth.machines() == (GPUS,) * 3 + (CORES,) * 2


def test_types_that_together_are_more_than_the_cluster_may_have_count_the_best_first() -> None:
    growth = growth_of(file_of(spot=kind({"CPU": 48, "GPU": 4}, 6), on_demand=kind({"CPU": 48, "GPU": 4}, 4)))
    assert growth.machines() == (GPUS,) * 8
    mixed = growth_of(file_of(cpu=kind({"CPU": 16}, 6), gpu=kind({"CPU": 48, "GPU": 4}, 6)))
    assert mixed.machines() == (GPUS,) * 6 + (CORES,) * 2


def test_a_type_of_which_nobody_knows_what_it_has_is_like_the_machine_that_is_there() -> None:
    growth = growth_of(file_of(mine=kind({}, 2)))
    assert (growth.is_possible(), growth.is_known()) == (True, False)
    assert growth.machines() == ()
    assert growth.machines(like=CORES) == (CORES,) * 2


@pytest.mark.parametrize("config", [{}, file_of(), file_of(gpu=kind({"GPU": 4}, 0)), {"max_workers": 8}])
def test_a_file_without_workers_lets_nothing_grow(config: dict[str, Any]) -> None:
    growth = growth_of(config)
    assert (growth.is_possible(), growth.is_known(), growth.machines()) == (False, True, ())


def ray_cluster(*, autoscaling: bool) -> dict[str, Any]:
    """A resource of KubeRay: a head without cores and GPU workers of two machines each."""

    def group(cpus: str, **limits: str) -> dict[str, Any]:
        resources = {"limits": {"cpu": cpus, "memory": "8Gi"} | limits}
        pod = {"metadata": {"labels": {}}, "spec": {"containers": [{"name": "ray", "resources": resources}]}}
        return {"rayStartParams": {}, "template": pod}

    workers = group("48", **{"nvidia.com/gpu": "4"}) | {
        "groupName": "gpu",
        "replicas": 0,
        "minReplicas": 0,
        "maxReplicas": 3,
        "numOfHosts": 2,
    }
    head = group("4") | {"rayStartParams": {"num-cpus": "0"}}
    spec = {"enableInTreeAutoscaling": autoscaling, "headGroupSpec": head, "workerGroupSpecs": [workers]}
    return {"metadata": {"namespace": "default", "name": "search"}, "spec": spec}


@pytest.mark.ray
def test_the_workers_of_a_ray_cluster_are_counted_where_it_scales_itself() -> None:
    assert growth_of_ray_cluster(ray_cluster(autoscaling=True)).machines() == (GPUS,) * 6
    assert growth_of_ray_cluster(ray_cluster(autoscaling=False)) == Growth()


@contextmanager
def autoscaler(file: Path) -> Iterator[None]:
    """A process with the command line of the autoscaler of the cluster at ADDRESS."""
    flags = [f"--gcs-address={ADDRESS}", f"--autoscaling-config={file}"]
    wait = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", wait, "/ray/autoscaler/v2/monitor.py", "--logs-dir=/tmp", *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def test_the_file_is_the_one_that_the_autoscaler_of_this_cluster_was_started_with(tmp_path: Path) -> None:
    file = tmp_path / "ray_bootstrap_config.yaml"
    file.write_text(yaml.safe_dump(file_of(gpu=kind({"CPU": 48, "GPU": 4}, 3))))
    assert growth_here(ADDRESS) == Growth(), "a file that is left over from another cluster counts for nothing"
    with autoscaler(file):
        assert growth_here("127.0.0.1:63791").machines() == (GPUS,) * 3
        for other in ("10.0.0.1:6379", "10.0.0.2:63791"):
            assert growth_here(other) == Growth(), "another cluster, of which this machine is not the head"
        file.unlink()
        assert growth_here(ADDRESS) == Growth()
