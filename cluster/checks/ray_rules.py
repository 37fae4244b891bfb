"""Ray's own validation: its schema, which finds all faults at once and their lines, then the code of `ray up`."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from cluster.checks.cluster_file import ClusterFile, Kind
from cluster.checks.document import Document, Place
from cluster.checks.finding import Finding, finding

# Ray raises at the first fault and names no line: what its message is about, and what to do there.
_ABOUT: Final = {
    "head_node_type": "Name one of available_node_types.",
    "max_workers": "Raise it, or lower the min_workers of the node types.",
    "provider": "Use aws, gcp or local, or another provider of Ray's.",
    "docker": "Give both docker.container_name and docker.image.",
}
_NOT_A_KEY: Final = {"container": "docker"}
_ARTICLE: Final = {
    "array": "a list",
    "object": "keys and values",
    "string": "text",
    "integer": "a number without quotes",
}


def rays_schema_holds(file: ClusterFile) -> Iterator[Finding]:
    """Every key that Ray does not know, that it misses, or whose value has another type."""
    if file.kind is Kind.KUBERAY:
        return  # not Ray's to judge
    import jsonschema

    validator = jsonschema.Draft7Validator(json.loads(_schema_path().read_text(encoding="utf-8")))
    for error in validator.iter_errors(file.document.data):
        place = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            yield from _unknown_keys(file.document, place, error)
        elif error.validator != "required" or place:  # at the top `ray up` fills in what is not given
            yield finding(file.document, place, *_words(error))


def _schema_path() -> Path:
    """Found without importing Ray, which takes a second."""
    ray = find_spec("ray")
    if ray is None or not ray.submodule_search_locations:
        raise RuntimeError("Ray's schema comes with Ray. Received: no package ray. Run `make env`.")
    return Path(ray.submodule_search_locations[0]) / "autoscaler" / "ray-schema.json"


def _unknown_keys(document: Document, place: Place, error: Any) -> Iterator[Finding]:
    known = list(error.schema.get("properties", {}))
    patterns = error.schema.get("patternProperties", {})
    for key in error.instance:
        if key in known or any(re.search(pattern, str(key)) for pattern in patterns):
            continue
        close = get_close_matches(str(key), known, 1)
        remedy = f"Write {close[0]}?" if close else "Take it out; what Ray need not know can stand under metadata."
        yield finding(document, (*place, key), "Ray must know every key.", key, remedy)


def _words(error: Any) -> tuple[str, str, str]:
    if error.validator == "required":
        missing = str(error.message).split("'")[1]
        return f"Ray wants {missing} here.", f"only {', '.join(error.instance)}", f"Add {missing}."
    if error.validator == "type":
        types = error.validator_value
        wanted = types if isinstance(types, str) else " or ".join(types)
        return (
            f"Ray wants a value of type {wanted}.",
            repr(error.instance),
            f"Write it as {_ARTICLE.get(wanted, wanted)}.",
        )
    return "Ray's schema must hold.", error.message, "Change it accordingly."


def ray_up_accepts_it(file: ClusterFile) -> Iterator[Finding]:
    """What the schema does not hold and the code of `ray up` looks at: one fault, the first. It imports Ray."""
    if file.kind is Kind.KUBERAY or any(rays_schema_holds(file)):
        return
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            from ray.autoscaler._private.util import prepare_config, validate_config

            validate_config(prepare_config(deepcopy(file.document.data)))
    except Exception as error:  # whatever Ray raises is its refusal: ValueError, AssertionError, NotImplementedError, …
        message = " ".join((str(error) or said.getvalue()).split()) or type(error).__name__
        about = _about(message)
        place = (about,) if about in file.document.data else ()
        remedy = _ABOUT.get(about, "Change it accordingly.")
        yield finding(file.document, place, "Ray must accept the file.", message.rstrip("."), remedy)


def _about(message: str) -> str:
    """The top-level key that Ray's message names first."""
    words = [_NOT_A_KEY.get(word, word) for word in re.findall(r"\w+", message)]
    return next((word for word in words if word in _ABOUT), "")
