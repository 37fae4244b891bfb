"""Nodes that run trials: how many, with GPUs and a shared storage path; and traps in how Ray 2.60 starts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from cluster.check.cluster_file import OWN_MACHINE, ClusterFile, Kind
from cluster.check.finding import Finding

_OTHER_PROVIDERS: Final = ("azure", "aliyun", "vsphere", "external")  # that Ray documents
_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+")
_OF_ONE_NODE: Final = ("/tmp", "/var/tmp", "/dev", "/root")  # noqa: S108 - where it must not lie
_STORAGE: Final = {Kind.GCP: "gs://BUCKET/PATH", Kind.LOCAL: "/SHARED/FOLDER"}
# Where a group says what GPUs it has, how it looks without, and how to say it; on AWS its type says so: schema_rules.py
_GPUS: Final = {
    Kind.GCP: ("resources", "no GPU in resources", "Say what the machine has: resources: {CPU: 48, GPU: 4}."),
    Kind.KUBERAY: ("template", "no nvidia.com/gpu in limits", "Add nvidia.com/gpu: 4 to the container's limits."),
}
WITHOUT_GPU: Final = "{name}: a worker must have a GPU, or no trial runs on it."


def keys_are_given_once(file: ClusterFile) -> Iterator[Finding]:
    """YAML keeps the last of two, silently."""
    for root in file.documents:
        for steps, first, second in root.document.repeated:
            received = f"{steps[-1]}, in lines {first} and {second}"
            yield Finding(root.at(*steps), "A key must be given once: the last one counts.", received, "Take one out.")


def the_provider_is_one_of_rays(file: ClusterFile) -> Iterator[Finding]:
    """Ray's schema takes any text for it."""
    place = file.root.at("provider", "type")
    if file.kind is Kind.OTHER and place.value() not in _OTHER_PROVIDERS:
        remedy = f"Use aws, gcp or local, or another provider of Ray's: {', '.join(_OTHER_PROVIDERS)}."
        yield Finding(place, "Ray must know the provider.", str(place.value()), remedy)


def the_head_has_a_type(file: ClusterFile) -> Iterator[Finding]:
    """One of those in the file. Ray's schema takes any text for it."""
    place, types = file.root.at("head_node_type"), file.root.value("available_node_types")
    if isinstance(types, dict) and place.value() not in types:
        rule = "head_node_type must be one of available_node_types."
        yield Finding(
            place, rule, str(place.value() or "none"), f"Name one of {', '.join(map(str, types)) or 'yours'}."
        )


def a_container_has_name_and_image(file: ClusterFile) -> Iterator[Finding]:
    """Or neither, for a cluster without containers."""
    place = file.root.at("docker")
    images = place.value("image") or (place.value("head_image") and place.value("worker_image"))
    name = place.value("container_name")
    if bool(name) != bool(images):
        received = f"docker without {'an image' if name else 'container_name'}"
        yield Finding(place, "A container must have a name and an image.", received, "Give both, or neither.")


def all_minima_within_the_maximum(file: ClusterFile) -> Iterator[Finding]:
    """The nodes that there are always, of all types, against the maximum of the whole cluster."""
    least, place = sum(group.least for group in file.groups), file.root.at("max_workers")
    if isinstance(place.value(), int) and least > place.value():
        rule, received = "max_workers must not be below the sum of all min_workers.", f"{place.value()}, sum {least}"
        yield Finding(place, rule, received, "Raise it, or lower the min_workers of the node types.")


def minimum_within_maximum(file: ClusterFile) -> Iterator[Finding]:
    """Of each group: Ray compares only the sum of all with the maximum of the whole cluster."""
    least, most = ("minReplicas", "maxReplicas") if file.kind is Kind.KUBERAY else ("min_workers", "max_workers")
    for group in file.workers:
        if group.least > group.most:
            rule = f"{group.name}: {least} must not exceed {most}."
            received = f"{least} {group.least}, {most} {group.most}"
            yield Finding(group.place.at(least), rule, received, f"Raise {most} or lower {least}.")


def workers_have_gpus(file: ClusterFile) -> Iterator[Finding]:
    """A worker without GPUs is paid for and waits: a trial asks for one."""
    for group in file.workers:
        if file.kind in _GPUS and group.gpus == 0 and group.most > 0:
            key, received, remedy = _GPUS[file.kind]
            yield Finding(group.place.at(key), WITHOUT_GPU.format(name=group.name), received, remedy)


def own_machines_say_what_they_have(file: ClusterFile) -> Iterator[Finding]:
    """GPUs of machines of one's own, none included: Ray counts them before it starts there."""
    for group in file.workers:
        if file.kind is Kind.LOCAL and group.gpus is None:
            place = group.place.at("resources")
            rule = "What a worker has must be told: Ray starts as many as have room for the trials that wait."
            remedy = "Say it as cluster/on-prem.yaml does, with GPU: 0 where they have none."
            yield Finding(place, rule, f"no GPU in {place}", remedy)


def own_machines_may_start(file: ClusterFile) -> Iterator[Finding]:
    """All machines of one's own are of the head's type, of which Ray starts no other unless max_workers says so."""
    if file.kind is Kind.LOCAL and not any(group.most for group in file.workers):
        rule = "At least one worker must be allowed to start, or no trial runs."
        remedy = "Add max_workers: as many as worker_ips."
        yield Finding(file.root.at(*OWN_MACHINE), rule, "no max_workers, or 0", remedy)


def own_machines_use_the_first_autoscaler(file: ClusterFile) -> Iterator[Finding]:
    """With the provider `local`, autoscaler v2 (the default) starts one worker too few: 2 of 2 runs."""
    key = "head_start_ray_commands"
    for place in file.root.children(key) or [file.root.at(key, 0)]:
        before, start, _ = str(place.value() or "ray start").partition("ray start")
        if file.kind is Kind.LOCAL and start and "RAY_enable_autoscaler_v2=0" not in before:
            rule = "On machines of your own Ray must use autoscaler v1: v2 starts one worker too few."
            received = "`ray start` without RAY_enable_autoscaler_v2=0"
            yield Finding(place, rule, received, "Put `RAY_enable_autoscaler_v2=0` in front of it.")


def own_machines_are_set_up(file: ClusterFile) -> Iterator[Finding]:
    """With the provider `local` and its node type in the file, Ray does not put setup_commands before the other two."""
    commands = file.root.children("setup_commands")
    if file.kind is Kind.LOCAL and commands:
        rule = "On machines of your own Ray runs head_setup_commands and worker_setup_commands only."
        remedy = "Write them into both lists, as cluster/on-prem.yaml does, and leave this one empty."
        yield Finding(file.root.at("setup_commands"), rule, f"{len(commands)} setup_commands", remedy)


def pods_are_not_restarted(file: ClusterFile) -> Iterator[Finding]:
    """Autoscaler v2 takes a pod for one Ray node; a pod that comes back would be another one."""
    for group in file.groups:
        place = group.place.at("template", "spec", "restartPolicy")
        if file.kind is Kind.KUBERAY and place.value() != "Never":
            rule = f"{group.name}: restartPolicy must be Never for autoscaler v2."
            yield Finding(place, rule, str(place.value() or "none"), "Write restartPolicy: Never.")


def storage_is_shared(file: ClusterFile) -> Iterator[Finding]:
    """An object store, or an absolute path that is not plainly a node's own: else the search ends with 4, once machines
    are paid for."""
    example = _STORAGE.get(file.kind, "s3://BUCKET/PATH")
    if file.storage is not None:
        place, value = file.storage
        path = PurePosixPath(value)
        is_shared = path.is_absolute() and not any(path.is_relative_to(own) for own in _OF_ONE_NODE)
        if not is_shared and not _URI.match(value):
            rule = "The storage path must be shared by all nodes."
            remedy = f"Give an object store or a folder that is mounted on every node, as {example}."
            yield Finding(place, rule, f"{value}, which each node has for itself", remedy)
    elif file.kind is Kind.KUBERAY:
        job = next((root for root in file.documents if root.value("kind") == "RayJob"), file.documents[0])
        rule, received = "The nodes must share a storage path.", "an entrypoint without --storage-path"
        yield Finding(job.at("spec", "entrypoint"), rule, received, f"Add --storage-path {example}.")
    else:
        rule, remedy = "The nodes must share a storage path.", f"Add `storage_path: {example}` to metadata."
        yield Finding(file.root.at("metadata"), rule, "no metadata.storage_path", remedy)


def every_node_may_write_there(file: ClusterFile) -> Iterator[Finding]:
    """Ray gives a role to the head alone, and that one may not hand the workers theirs (iam:PassRole)."""
    uri = file.storage[1] if file.storage else ""
    for group in file.groups:
        place = group.place.at("node_config")
        if file.kind is Kind.AWS and uri.startswith("s3://") and not place.value("IamInstanceProfile"):
            rule = f"{group.name}: the node must be allowed to use {uri}."
            remedy = "Name an instance profile whose role may read and write there."
            yield Finding(place, rule, "no IamInstanceProfile", remedy)


def every_price_is_given(file: ClusterFile) -> Iterator[Finding]:
    """Without a price the cost is unknown until the bill comes."""
    for group in file.groups:
        if group.usd_per_hour is not None or file.kind is Kind.OTHER or not (group.is_head or group.most):
            continue
        if file.kind is Kind.KUBERAY:
            place = group.place.at("template", "metadata")
            remedy = "Add the annotation fashion-search/usd-per-hour to the pod's template."
        else:
            place = file.root.at("metadata", "usd_per_hour")
            remedy = f"Add `{group.name}: 1.23` to metadata.usd_per_hour."
        yield Finding(place, f"{group.name}: the price of an hour must be given, for the forecast.", "none", remedy)
