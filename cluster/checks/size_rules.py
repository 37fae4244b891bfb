"""How many nodes there may be, and that those which run trials have GPUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cluster.checks.cluster_file import OWN_MACHINE, ClusterFile, Kind, NodeGroup
from cluster.checks.document import Place
from cluster.checks.finding import Finding, finding

WITHOUT_GPU: Final = "{name}: a worker must have a GPU, or no trial runs on it."
_TOLD_IN_THE_FILE: Final = (Kind.GCP, Kind.KUBERAY)  # on AWS it depends on the instance type: aws_rules.py


def minimum_within_maximum(file: ClusterFile) -> Iterator[Finding]:
    """Ray compares only the sum of all minima with the maximum of the whole cluster."""
    least, most = ("minReplicas", "maxReplicas") if file.kind is Kind.KUBERAY else ("min_workers", "max_workers")
    for group in file.workers:
        if group.least > group.most:
            yield finding(
                file.document,
                (*group.place, least),
                f"{group.name}: {least} must not exceed {most}.",
                f"{least} {group.least}, {most} {group.most}",
                f"Raise {most} or lower {least}.",
            )


def workers_have_gpus(file: ClusterFile) -> Iterator[Finding]:
    """A worker without GPUs is paid for and waits: a trial asks for one."""
    for group in file.workers:
        if file.kind is Kind.LOCAL and group.gpus is None:
            yield finding(
                file.document,
                (*group.place, "resources"),
                "What a worker has must be told: Ray starts as many as have room for the trials that wait.",
                "no GPU in available_node_types.local.cluster.node.resources",
                "Say it as cluster/on-prem.yaml does, with GPU: 0 where they have none.",
            )
        elif file.kind in _TOLD_IN_THE_FILE and group.gpus == 0 and group.most > 0:
            yield finding(file.document, *_without_gpus(file, group))


def own_machines_may_start(file: ClusterFile) -> Iterator[Finding]:
    """All machines of one's own are of the head's type, of which Ray starts no other unless max_workers says so."""
    if file.kind is Kind.LOCAL and not any(group.most for group in file.workers):
        yield finding(
            file.document,
            OWN_MACHINE,
            "At least one worker must be allowed to start, or no trial runs.",
            "no max_workers, or 0",
            "Add max_workers: as many as worker_ips.",
        )


def _without_gpus(file: ClusterFile, group: NodeGroup) -> tuple[Place, str, str, str]:
    rule = WITHOUT_GPU.format(name=group.name)
    if file.kind is Kind.KUBERAY:
        remedy = "Add nvidia.com/gpu: 4 to the container's limits."
        return (*group.place, "template"), rule, "no nvidia.com/gpu in limits", remedy
    remedy = "Say what the machine has: resources: {CPU: 48, GPU: 4}."
    return (*group.place, "resources"), rule, "no GPU in resources", remedy
