"""A cluster of several machines on this one, as Ray's own tests have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.cluster_utils import Cluster

from cluster.connect import connected

_STORE_BYTES = 100 * 2**20


@contextmanager
def head_without_cores() -> Iterator[Cluster]:
    """A head that runs no trials, which this process is connected to for the body of the `with`."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        with connected(cluster.address):
            yield cluster
    finally:
        cluster.shutdown()


def add_machine(cluster: Cluster, cpus: int = 1, gpus: int = 0) -> Any:
    """Another machine, as Cluster knows it; its GPUs are numbers."""
    return cluster.add_node(num_cpus=cpus, num_gpus=gpus, object_store_memory=_STORE_BYTES)
