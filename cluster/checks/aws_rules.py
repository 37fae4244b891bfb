"""What AWS would refuse: botocore has the keys and types of EC2's requests, and all instance types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from cluster.checks.cluster_file import ClusterFile, Kind, NodeGroup
from cluster.checks.document import Place
from cluster.checks.finding import Finding, finding
from cluster.checks.size_rules import WITHOUT_GPU

_RAYS_OWN: Final = frozenset({"SubnetIds"})  # Ray takes one of them and calls it SubnetId
_FILLED_IN: Final = {"MinCount": 1, "MaxCount": 1}


def aws_knows_the_request(file: ClusterFile) -> Iterator[Finding]:
    """Typing errors in node_config, and instance types that there are not: `ray up` finds out after it has begun."""
    if file.kind is not Kind.AWS:
        return
    if find_spec("botocore") is None:
        yield finding(
            file.document,
            ("provider", "type"),
            "A cluster on AWS needs boto3, here and for `ray up`.",
            "no package botocore",
            "Run `make env EXTRAS=aws`.",
        )
        return
    model = _ec2()
    request = model.operation_model("RunInstances").input_shape
    instance_types = frozenset(model.shape_for("InstanceType").enum)
    for group in file.groups:
        yield from _node_config(file, group, request)
        yield from _instance_type(file, group, instance_types)


@cache  # 0.2 s for each file otherwise
def _ec2() -> Any:
    from botocore.session import get_session

    return get_session().get_service_model("ec2")


def _node_config(file: ClusterFile, group: NodeGroup, request: Any) -> Iterator[Finding]:
    from botocore.validate import ParamValidator

    place = (*group.place, "node_config")
    given = file.document.at(*place)
    if not isinstance(given, dict):
        return  # Ray's schema has said so
    unknown = list(_unknown(request, {key: value for key, value in given.items() if key not in _RAYS_OWN}, place))
    for key_place, members in unknown:
        close = get_close_matches(str(key_place[-1]), members, 1)
        remedy = f"Write {close[0]}?" if close else "AWS's reference of RunInstances has the names."
        yield finding(file.document, key_place, "AWS must know every key of node_config.", key_place[-1], remedy)
    spoilt = {key_place[len(place)] for key_place, _ in unknown}
    for key, value in given.items():
        if key in spoilt or key in _RAYS_OWN:
            continue
        report = ParamValidator().validate(_FILLED_IN | {key: value}, request)
        if report.has_errors():
            received = re.sub(r"\s+", " ", report.generate_report()).rstrip(".")
            yield finding(
                file.document, (*place, key), "AWS must accept the value.", received, "Write it as AWS wants it."
            )


def _unknown(shape: Any, value: Any, place: Place) -> Iterator[tuple[Place, list[str]]]:
    """Keys that a structure of AWS does not have, with those that it has."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for key, inner in value.items():
            if key in shape.members:
                yield from _unknown(shape.members[key], inner, (*place, key))
            else:
                yield (*place, key), list(shape.members)
    elif shape.type_name == "list" and isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _unknown(shape.member, inner, (*place, position))


def _instance_type(file: ClusterFile, group: NodeGroup, known: frozenset[str]) -> Iterator[Finding]:
    place = (*group.place, "node_config", "InstanceType")
    if group.machine not in known:
        close = get_close_matches(group.machine, sorted(known), 3)
        remedy = (
            f"Did you mean {' or '.join(close)}?" if close else "https://aws.amazon.com/ec2/instance-types lists them."
        )
        yield finding(file.document, place, "InstanceType must be one of AWS's.", group.machine or "none", remedy)
    elif group.gpus == 0 and group.most > 0 and file.groups != file.workers:  # else Ray says that there is no head
        remedy = "Choose a type with GPUs, such as g5.12xlarge; for one newer than our table say resources: {GPU: 4}."
        yield finding(file.document, place, WITHOUT_GPU.format(name=group.name), group.machine, remedy)
