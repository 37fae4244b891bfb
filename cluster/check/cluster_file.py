"""A cluster's file as the checks see it: its kind, its groups of nodes, and what every node is given."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from cluster.check.document import DocumentError, Place, load

OWN_MACHINE: Final = ("available_node_types", "local.cluster.node")  # Ray's name for machines of one's own
_PRICES: Final = ("metadata", "usd_per_hour")
_KUBERNETES_PRICE: Final = "fashion-search/usd-per-hour"
_KUBERNETES_GPU: Final = "nvidia.com/gpu"
_ENTRYPOINT_STORAGE: Final = re.compile(r"--storage-path[= ](\S+)")
_AWS_GPUS: Final = Path(__file__).with_name("aws_gpus.csv")


class Kind(StrEnum):
    """Who starts the machines. Other providers of Ray are checked as far as Ray and the common rules go."""

    AWS = "aws"
    GCP = "gcp"
    LOCAL = "local"
    KUBERAY = "kuberay"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeGroup:
    """Nodes of one make: how many, what each has. `gpus` and `usd_per_hour` are None where the file does not tell."""

    name: str
    place: Place
    is_head: bool
    machine: str
    least: int
    most: int
    gpus: float | None
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFile:
    """`root` holds the nodes, in one of the file's `documents`; `most_workers` limits all groups together; `storage` is
    the path for checkpoints and where it stands."""

    path: Path
    kind: Kind
    root: Place
    documents: tuple[Place, ...]
    groups: tuple[NodeGroup, ...]
    most_workers: int
    storage: tuple[Place, str] | None

    @property
    def workers(self) -> tuple[NodeGroup, ...]:
        """The groups that run trials."""
        return tuple(group for group in self.groups if not group.is_head)

    def scalars(self) -> Iterator[tuple[Place, Any]]:
        """Every value of every document that is no mapping and no list."""
        for document in self.documents:
            yield from document.scalars()


def read(path: Path) -> ClusterFile:
    """Read a file for `ray up`, or one for KubeRay.

    Raises:
        DocumentError: when it is neither.
    """
    documents = load(path)
    root = next((found for found in map(_ray_cluster, documents) if found), documents[0])
    provider = root.value("provider", "type")
    if root.steps:
        kind, groups = Kind.KUBERAY, tuple(_pods(root))
    elif len(documents) == 1 and isinstance(provider, str):
        kind = Kind(provider) if provider in set(Kind) - {Kind.KUBERAY, Kind.OTHER} else Kind.OTHER
        groups = tuple(_local_groups(root) if kind is Kind.LOCAL else _typed_groups(root, kind))
    else:
        raise DocumentError(
            f"A cluster's file must have provider.type, or hold a RayCluster. Received: {path}, which has neither. "
            "cluster/config.yaml and its siblings are examples."
        )
    workers = sum(group.most for group in groups if not group.is_head)
    default = 2 if kind in (Kind.AWS, Kind.GCP) else workers  # of the defaults.yaml that Ray has for each cloud
    return ClusterFile(
        path=path,
        kind=kind,
        root=root,
        documents=documents,
        groups=groups,
        most_workers=min(workers, _count(root.value("max_workers"), default)),
        storage=next(_storage(root, documents), None),
    )


def _ray_cluster(document: Place) -> Place | None:
    """A RayCluster's specification in a Kubernetes object."""
    if document.value("kind") == "RayCluster":
        return document.at("spec")
    if document.value("kind") == "RayJob" and document.value("spec", "rayClusterSpec"):
        return document.at("spec", "rayClusterSpec")
    return None


def _storage(root: Place, documents: tuple[Place, ...]) -> Iterator[tuple[Place, str]]:
    place = root.at("metadata", "storage_path")
    if isinstance(place.value(), str):
        yield place, place.value()
    for place in (document.at("spec", "entrypoint") for document in documents):
        if found := _ENTRYPOINT_STORAGE.search(str(place.value() or "")):
            yield place, found[1]


def _typed_groups(root: Place, kind: Kind) -> Iterator[NodeGroup]:
    for place in root.children("available_node_types"):
        name = place.steps[-1]
        is_head = name == root.value("head_node_type")
        machine = place.value("node_config", "InstanceType" if kind is Kind.AWS else "machineType")
        gpus = _number(place.value("resources", "GPU"))
        if gpus is None and kind is not Kind.OTHER:
            gpus = gpus_of(str(machine)) if kind is Kind.AWS else 0.0
        most = 0 if is_head else _count(root.value("max_workers"), 2)  # Ray's defaults
        yield NodeGroup(
            name=str(name),
            place=place,
            is_head=is_head,
            machine=str(machine or ""),
            least=_count(place.value("min_workers"), 0),
            most=_count(place.value("max_workers"), most),
            gpus=gpus,
            usd_per_hour=_number(root.value(*_PRICES, name)),
        )


def _local_groups(root: Place) -> Iterator[NodeGroup]:
    own = root.at(*OWN_MACHINE)
    count = len(root.children("provider", "worker_ips"))
    for name, is_head, place in (("head", True, root.at("provider", "head_ip")), ("worker", False, own)):
        yield NodeGroup(
            name=name,
            place=place,
            is_head=is_head,
            machine="your own",
            least=0 if is_head else _count(own.value("min_workers"), 0),
            most=0 if is_head else min(count, _count(own.value("max_workers"), 0)),
            gpus=0.0 if is_head else _number(own.value("resources", "GPU")),
            usd_per_hour=_number(root.value(*_PRICES, name)),
        )


def _pods(spec: Place) -> Iterator[NodeGroup]:
    for place in (spec.at("headGroupSpec"), *spec.children("workerGroupSpecs")):
        is_head = place.steps[-1] == "headGroupSpec"
        template = place.at("template")
        limits = template.at("spec", "containers", 0, "resources", "limits")
        yield NodeGroup(
            name="head" if is_head else str(place.value("groupName")),
            place=place,
            is_head=is_head,
            machine="pod",
            least=0 if is_head else _count(place.value("minReplicas"), 0),
            most=0 if is_head else _count(place.value("maxReplicas"), 2**31 - 1),  # KubeRay's default
            gpus=_number(limits.value(_KUBERNETES_GPU)) or 0.0,
            usd_per_hour=_number(template.value("metadata", "annotations", _KUBERNETES_PRICE)),
        )


def gpus_of(instance_type: str) -> float:
    """The NVIDIA GPUs of an EC2 instance type, which Ray asks AWS for; 0 where it has none, or is not in the table."""
    return _aws_gpus().get(instance_type, 0.0)


@cache
def _aws_gpus() -> dict[str, float]:
    with _AWS_GPUS.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["instance_type"]: float(row["gpus"]) for row in rows}


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _count(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
