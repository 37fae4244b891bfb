"""Traps in how Ray 2.60 starts nodes, each met by running it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.checks.cluster_file import ClusterFile, Kind
from cluster.checks.finding import Finding, finding


def keys_are_given_once(file: ClusterFile) -> Iterator[Finding]:
    """YAML keeps the last of two, silently."""
    for document in file.documents:
        for place, first, second in document.repeated:
            received = f"{place[-1]}, in lines {first} and {second}"
            yield finding(document, place, "A key must be given once: the last one counts.", received, "Take one out.")


def own_machines_use_the_first_autoscaler(file: ClusterFile) -> Iterator[Finding]:
    """With the provider `local`, autoscaler v2 (the default) starts one worker too few: 2 of 2 runs."""
    if file.kind is not Kind.LOCAL:
        return
    commands = file.document.at("head_start_ray_commands")
    for position, command in enumerate(commands if isinstance(commands, list) else ["ray start --head"]):
        start = re.search(r"\bray start\b", str(command))
        if start and "RAY_enable_autoscaler_v2=0" not in str(command)[: start.start()]:
            yield finding(
                file.document,
                ("head_start_ray_commands", position),
                "On machines of your own Ray must use autoscaler v1: v2 starts one worker too few.",
                "`ray start` without RAY_enable_autoscaler_v2=0",
                "Put `RAY_enable_autoscaler_v2=0` in front of it.",
            )


def own_machines_are_set_up(file: ClusterFile) -> Iterator[Finding]:
    """With the provider `local` and its node type in the file, Ray does not put setup_commands before the other two."""
    if file.kind is Kind.LOCAL and file.document.items("setup_commands"):
        yield finding(
            file.document,
            ("setup_commands",),
            "On machines of your own Ray runs head_setup_commands and worker_setup_commands only.",
            f"{len(file.document.items('setup_commands'))} setup_commands",
            "Write them into both lists, as cluster/on-prem.yaml does, and leave this one empty.",
        )


def pods_are_not_restarted(file: ClusterFile) -> Iterator[Finding]:
    """Autoscaler v2 takes a pod for one Ray node; a pod that comes back would be another one."""
    if file.kind is not Kind.KUBERAY:
        return
    for group in file.groups:
        place = (*group.place, "template", "spec", "restartPolicy")
        if (policy := file.document.at(*place)) != "Never":
            rule = f"{group.name}: restartPolicy must be Never for autoscaler v2."
            yield finding(file.document, place, rule, policy or "none", "Write restartPolicy: Never.")
