"""How far a cluster can grow: what its autoscaler was told, read where the autoscaler reads it.

Ray 2.60 has no word for it on a cluster of one's own: nothing in the package fills the field that its GCS has for it
(`get_cluster_config`). So the head is asked: the autoscaler's process there names the file of `ray up`, and on
Kubernetes the RayCluster holds the same, by Ray's own reading of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from cluster.resources import Machine

_PROCESSES: Final = Path("/proc")
_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_ASK_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class WorkerType:
    """A kind of machine that the autoscaler starts, and how many at most. `machine` is None where its file does not say
    what it has."""

    machine: Machine | None
    most: int


@dataclass(frozen=True, slots=True)
class Growth:
    """The machines that the autoscaler may start: by type, and over all types."""

    types: tuple[WorkerType, ...] = ()
    most: int = 0

    def is_possible(self) -> bool:
        """Whether it may start any."""
        return self.most > 0 and any(kind.most > 0 for kind in self.types)

    def is_known(self) -> bool:
        """Whether it is known what each of them has."""
        return all(kind.machine is not None for kind in self.types)

    def machines(self, like: Machine | None = None) -> tuple[Machine, ...]:
        """All of them at once, those with the most GPUs and cores first where the types together are too many.

        Those of which nobody knows what they have are taken to be `like` that one, and left out without it.
        """
        known = [(kind.machine or like, kind.most) for kind in self.types]
        each = [machine for machine, most in known if machine is not None for _ in range(most)]
        return tuple(sorted(each, key=lambda machine: (-machine.gpus, -machine.cpus))[: self.most])


def growth() -> Growth:
    """How far the cluster that this process is connected to can grow; nothing where no autoscaler says so."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    heads = [node["NodeID"] for node in ray.nodes() if node["Alive"] and "node:__internal_head__" in node["Resources"]]
    context = ray.get_runtime_context()
    if not heads or (context.get_node_id() in heads and not ray.util.client.ray.is_connected()):
        return growth_here(context.gcs_address)
    there = NodeAffinitySchedulingStrategy(heads[0], soft=False)
    asked = ray.remote(num_cpus=0)(_growth_of_own_cluster).options(scheduling_strategy=there).remote()
    try:
        return ray.get(asked, timeout=_ASK_SECONDS)
    except ray.exceptions.GetTimeoutError:
        return Growth()


def _growth_of_own_cluster() -> Growth:
    import ray

    return growth_here(ray.get_runtime_context().gcs_address)


def growth_here(gcs_address: str) -> Growth:
    """What the autoscaler of the cluster with that address was told, this being its head."""
    file = _autoscaler_file(gcs_address)
    try:
        if file is not None:
            return growth_of(yaml.safe_load(file.read_text(encoding="utf-8")))
        if "KUBERNETES_SERVICE_HOST" in os.environ and "RAY_CLUSTER_NAME" in os.environ and _NAMESPACE.exists():
            return growth_of_ray_cluster(_ray_cluster(os.environ["RAY_CLUSTER_NAME"], _NAMESPACE.read_text().strip()))
    except OSError:  # what it may not read, it cannot plan with: the cluster grows all the same, with what waits
        return Growth()
    return Growth()


def growth_of(config: Mapping[str, Any]) -> Growth:
    """The growth that a file of `ray up` allows, once Ray has filled it in."""
    kinds: Mapping[str, Any] = config.get("available_node_types") or {}
    most = int(config.get("max_workers", 0))
    types = [
        WorkerType(
            _machine(kind.get("resources") or {}),
            int(kind.get("max_workers", 0 if name == config.get("head_node_type") else most)),
        )
        for name, kind in kinds.items()
    ]
    return Growth(tuple(kind for kind in types if kind.most > 0), most)


def growth_of_ray_cluster(resource: dict[str, Any]) -> Growth:
    """The growth that a RayCluster of KubeRay allows."""
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

    if not resource["spec"].get("enableInTreeAutoscaling"):
        return Growth()
    return growth_of(_derive_autoscaling_config_from_ray_cr(resource))


def _machine(resources: Mapping[str, float]) -> Machine | None:
    if not {"CPU", "GPU"} & resources.keys():
        return None
    return Machine(float(resources.get("CPU", 0)), float(resources.get("GPU", 0)))


def _autoscaler_file(gcs_address: str) -> Path | None:
    """The file that the autoscaler of the cluster with that address was started with, by its own command line."""
    host, _, port = gcs_address.rpartition(":")
    for process in _PROCESSES.glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
        except OSError:  # it has ended meanwhile
            continue
        flags = dict(word.split("=", 1) for word in words if word.startswith("--") and "=" in word)
        its_host, _, its_port = flags.get("--gcs-address", "").rpartition(":")
        of_this = its_port == port and (its_host == host or host in _HERE)
        if of_this and "--autoscaling-config" in flags and any(word.endswith("monitor.py") for word in words):
            return Path(flags["--autoscaling-config"]).expanduser()
    return None


def _ray_cluster(name: str, namespace: str) -> dict[str, Any]:
    """KubeRay's resource, which the head's account may read where it runs the autoscaler. A refusal is an OSError."""
    from ray.autoscaler._private.kuberay.node_provider import KubernetesHttpApiClient

    resource: dict[str, Any] = KubernetesHttpApiClient(namespace).get(f"rayclusters/{name}")
    return resource
