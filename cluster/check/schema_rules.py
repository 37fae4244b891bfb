"""What a file may hold, as those who start the cluster describe it: Ray by its schema, AWS as botocore has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from cluster.check.cluster_file import ClusterFile, Kind, NodeGroup
from cluster.check.document import Place
from cluster.check.finding import Finding
from cluster.check.node_rules import WITHOUT_GPU
from cluster.internals import ray_up_schema

_ARTICLE: Final = {
    "array": "a list",
    "object": "keys and values",
    "string": "text",
    "integer": "a number without quotes",
    "number": "a number without quotes",
    "boolean": "true or false, without quotes",
}
# AWS's types in the words of a JSON schema; what is none of them may be anything
_JSON: Final = {"string": "string", "integer": "integer", "long": "integer", "boolean": "boolean"}
_RAYS_OWN: Final = "SubnetIds"  # Ray takes one of them and calls it SubnetId


def rays_schema_holds(file: ClusterFile) -> Iterator[Finding]:
    """Every key that Ray does not know, that it misses, or whose value has another type."""
    if file.kind is not Kind.KUBERAY and (schema := ray_up_schema()) is not None:
        yield from _breaches(file.root, schema, "Ray", "Take it out; what Ray need not know can stand under metadata.")


def aws_knows_the_request(file: ClusterFile) -> Iterator[Finding]:
    """Typing errors in node_config, and instance types that there are not: `ray up` finds out after it has begun."""
    if file.kind is not Kind.AWS:
        return
    if find_spec("botocore") is None:
        rule = "A cluster on AWS needs boto3, here and for `ray up`."
        yield Finding(file.root.at("provider", "type"), rule, "no package botocore", "Run `make env EXTRAS=aws`.")
        return
    schema, instance_types = _ec2()
    for group in file.groups:
        request = group.place.at("node_config")
        if request.children():  # else Ray's schema has said so
            yield from _breaches(request, schema, "AWS", "AWS's reference of RunInstances has the names.")
        yield from _instance_type(file, group, instance_types)


def _instance_type(file: ClusterFile, group: NodeGroup, known: frozenset[str]) -> Iterator[Finding]:
    place = group.place.at("node_config", "InstanceType")
    if group.machine not in known:
        close = " or ".join(get_close_matches(group.machine, sorted(known), 3))
        remedy = f"Did you mean {close}?" if close else "https://aws.amazon.com/ec2/instance-types lists them."
        yield Finding(place, "InstanceType must be one of AWS's.", group.machine or "none", remedy)
    elif group.gpus == 0 and group.most > 0 and file.groups != file.workers:  # else Ray says that there is no head
        remedy = "Choose a type with GPUs, such as g5.12xlarge; for one newer than our table say resources: {GPU: 4}."
        yield Finding(place, WITHOUT_GPU.format(name=group.name), group.machine, remedy)


@cache  # 0.2 s for each file otherwise
def _ec2() -> tuple[dict[str, Any], frozenset[str]]:
    """The schema of a RunInstances request without what Ray adds to it, and the instance types."""
    from botocore.session import get_session

    model = get_session().get_service_model("ec2")
    schema = _json_schema(model.operation_model("RunInstances").input_shape)
    schema["properties"][_RAYS_OWN] = {}
    del schema["required"]
    return schema, frozenset(model.shape_for("InstanceType").enum)


def _json_schema(shape: Any) -> dict[str, Any]:
    """A shape of botocore's description of AWS as a JSON schema."""
    if shape.type_name == "structure":
        members = {name: _json_schema(member) for name, member in shape.members.items()}
        required = shape.required_members
        return {"type": "object", "properties": members, "additionalProperties": False, "required": required}
    if shape.type_name == "list":
        return {"type": "array", "items": _json_schema(shape.member)}
    return {"type": _JSON[shape.type_name]} if shape.type_name in _JSON else {}


def _breaches(root: Place, schema: dict[str, Any], who: str, no_such_key: str) -> Iterator[Finding]:
    """Where the value at `root` breaks a JSON schema, told in plain words; `who` wants it so."""
    import jsonschema

    for error in jsonschema.Draft7Validator(schema).iter_errors(root.value()):
        place = root.at(*error.absolute_path)
        if error.validator == "additionalProperties":
            for key, remedy in _unknown_keys(error, no_such_key):
                yield Finding(place.at(key), f"{who} must know every key.", str(key), remedy)
        elif error.validator == "required" and place.steps:  # at the top `ray up` fills in what is not given
            for key in sorted(set(error.validator_value) - set(error.instance)):
                yield Finding(place, f"{who} wants {key} here.", f"only {', '.join(error.instance)}", f"Add {key}.")
        elif error.validator == "type":
            types = error.validator_value
            wanted = types if isinstance(types, str) else " or ".join(types)
            remedy = f"Write it as {_ARTICLE.get(wanted, wanted)}."
            yield Finding(place, f"{who} wants a value of type {wanted}.", repr(error.instance), remedy)
        elif error.validator != "required":
            yield Finding(place, f"{who}'s schema must hold.", error.message, "Change it accordingly.")


def _unknown_keys(error: Any, no_such_key: str) -> Iterator[tuple[Any, str]]:
    known, patterns = list(error.schema.get("properties", {})), error.schema.get("patternProperties", {})
    for key in error.instance:
        if key not in known and not any(re.search(pattern, str(key)) for pattern in patterns):
            close = get_close_matches(str(key), known, 1)
            yield key, f"Write {close[0]}?" if close else no_such_key
