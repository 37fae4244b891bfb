"""A cluster's file as the checks see it: its kind, its groups of nodes, and what every node is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cluster.checks.aws_gpus import gpus_of
from cluster.checks.document import Document, DocumentError, Place, load

PRICES: Final = ("metadata", "usd_per_hour")
OWN_MACHINE: Final = ("available_node_types", "local.cluster.node")  # Ray's name for machines of one's own
_KUBERNETES_PRICE: Final = "fashion-search/usd-per-hour"
_KUBERNETES_GPU: Final = "nvidia.com/gpu"
_ENTRYPOINT_STORAGE: Final = re.compile(r"--storage-path[= ](\S+)")


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
    """`document` holds the nodes; `most_workers` limits all groups together; `storage` is where the path stands."""

    path: Path
    kind: Kind
    document: Document
    documents: tuple[Document, ...]
    groups: tuple[NodeGroup, ...]
    most_workers: int
    storage: tuple[Document, Place, str] | None

    @property
    def workers(self) -> tuple[NodeGroup, ...]:
        """The groups that run trials."""
        return tuple(group for group in self.groups if not group.is_head)


def read(path: Path) -> ClusterFile:
    """Read a file for `ray up`, or one for KubeRay.

    Raises:
        DocumentError: when it is neither.
    """
    documents = load(path)
    cluster = next((document for document in documents if _ray_cluster(document)), None)
    if cluster is not None:
        return _from_kuberay(path, cluster, documents)
    if len(documents) > 1 or not isinstance(documents[0].at("provider", "type"), str):
        raise DocumentError(
            f"A cluster's file must have provider.type, or hold a RayCluster. Received: {path}, which has neither. "
            "cluster/config.yaml and its siblings are examples."
        )
    return _from_ray_up(path, documents[0])


def _from_ray_up(path: Path, document: Document) -> ClusterFile:
    provider = document.at("provider", "type")
    kind = Kind(provider) if provider in set(Kind) - {Kind.KUBERAY, Kind.OTHER} else Kind.OTHER
    groups = tuple(_local_groups(document) if kind is Kind.LOCAL else _typed_groups(document, kind))
    workers = sum(group.most for group in groups if not group.is_head)
    path_of = document.at("metadata", "storage_path")
    return ClusterFile(
        path=path,
        kind=kind,
        document=document,
        documents=(document,),
        groups=groups,
        most_workers=min(workers, _count(document.at("max_workers"), workers)),
        storage=(document, ("metadata", "storage_path"), path_of) if isinstance(path_of, str) else None,
    )


def _typed_groups(document: Document, kind: Kind) -> Iterator[NodeGroup]:
    head = document.at("head_node_type")
    types = document.at("available_node_types")
    for name in types if isinstance(types, dict) else ():
        place = ("available_node_types", name)
        machine = document.at(*place, "node_config", "InstanceType" if kind is Kind.AWS else "machineType")
        gpus = _number(document.at(*place, "resources", "GPU"))
        if gpus is None and kind is Kind.AWS:
            gpus = gpus_of(str(machine))
        most = 0 if name == head else _count(document.at("max_workers"), 2)  # Ray's defaults
        yield NodeGroup(
            name=str(name),
            place=place,
            is_head=name == head,
            machine=str(machine or ""),
            least=_count(document.at(*place, "min_workers"), 0),
            most=_count(document.at(*place, "max_workers"), most),
            gpus=gpus if gpus is not None or kind is Kind.OTHER else 0.0,
            usd_per_hour=_number(document.at(*PRICES, name)),
        )


def _local_groups(document: Document) -> Iterator[NodeGroup]:
    count = len(document.items("provider", "worker_ips"))
    for name, is_head, place in (("head", True, ("provider", "head_ip")), ("worker", False, OWN_MACHINE)):
        yield NodeGroup(
            name=name,
            place=place,
            is_head=is_head,
            machine="your own",
            least=0 if is_head else _count(document.at(*OWN_MACHINE, "min_workers"), 0),
            most=0 if is_head else min(count, _count(document.at(*OWN_MACHINE, "max_workers"), 0)),
            gpus=0.0 if is_head else _number(document.at(*OWN_MACHINE, "resources", "GPU")),
            usd_per_hour=_number(document.at(*PRICES, name)),
        )


def _ray_cluster(document: Document) -> Place | None:
    """Where a RayCluster's specification stands in a Kubernetes object."""
    if document.at("kind") == "RayCluster":
        return ("spec",)
    if document.at("kind") == "RayJob" and document.at("spec", "rayClusterSpec"):
        return ("spec", "rayClusterSpec")
    return None


def _from_kuberay(path: Path, document: Document, documents: tuple[Document, ...]) -> ClusterFile:
    spec = _ray_cluster(document) or ()
    groups = [_pods(document, (*spec, "headGroupSpec"), is_head=True)]
    for position in range(len(document.items(*spec, "workerGroupSpecs"))):
        groups.append(_pods(document, (*spec, "workerGroupSpecs", position), is_head=False))
    return ClusterFile(
        path=path,
        kind=Kind.KUBERAY,
        document=document,
        documents=documents,
        groups=tuple(groups),
        most_workers=sum(group.most for group in groups if not group.is_head),
        storage=next(_entrypoint_storage(documents), None),
    )


def _pods(document: Document, place: Place, *, is_head: bool) -> NodeGroup:
    template = (*place, "template")
    container = (*template, "spec", "containers", 0)
    name = "head" if is_head else str(document.at(*place, "groupName"))
    return NodeGroup(
        name=name,
        place=place,
        is_head=is_head,
        machine="pod",
        least=0 if is_head else _count(document.at(*place, "minReplicas"), 0),
        most=0 if is_head else _count(document.at(*place, "maxReplicas"), 2**31 - 1),  # KubeRay's default
        gpus=_number(document.at(*container, "resources", "limits", _KUBERNETES_GPU)) or 0.0,
        usd_per_hour=_number(document.at(*template, "metadata", "annotations", _KUBERNETES_PRICE)),
    )


def _entrypoint_storage(documents: tuple[Document, ...]) -> Iterator[tuple[Document, Place, str]]:
    for document in documents:
        found = _ENTRYPOINT_STORAGE.search(str(document.at("spec", "entrypoint") or ""))
        if found:
            yield document, ("spec", "entrypoint"), found[1]


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _count(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default
