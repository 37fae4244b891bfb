"""A storage path that every node reaches: without one the search ends with 4, once machines are paid for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from cluster.checks.cluster_file import ClusterFile, Kind
from cluster.checks.finding import Finding, finding

_URI: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+")
_OF_ONE_NODE: Final = ("/tmp", "/var/tmp", "/dev", "/root")  # noqa: S108 - where it must not lie
_EXAMPLE: Final = {Kind.AWS: "s3://BUCKET/PATH", Kind.GCP: "gs://BUCKET/PATH", Kind.LOCAL: "/SHARED/FOLDER"}


def storage_is_shared(file: ClusterFile) -> Iterator[Finding]:
    """An object store, or an absolute path that is not plainly a node's own."""
    example = _EXAMPLE.get(file.kind, "s3://BUCKET/PATH")
    if file.storage is None:
        yield _missing(file, example)
        return
    document, place, value = file.storage
    if _URI.match(value):
        return
    path = PurePosixPath(value)
    if not path.is_absolute() or any(path.is_relative_to(own) for own in _OF_ONE_NODE):
        rule = "The storage path must be shared by all nodes."
        remedy = f"Give an object store or a folder that is mounted on every node, as {example}."
        yield finding(document, place, rule, f"{value}, which each node has for itself", remedy)


def _missing(file: ClusterFile, example: str) -> Finding:
    rule = "The nodes must share a storage path."
    if file.kind is Kind.KUBERAY:
        job = next((document for document in file.documents if document.at("kind") == "RayJob"), file.document)
        return finding(
            job, ("spec", "entrypoint"), rule, "an entrypoint without --storage-path", f"Add --storage-path {example}."
        )
    return finding(
        file.document, ("metadata",), rule, "no metadata.storage_path", f"Add `storage_path: {example}` to metadata."
    )


def every_node_may_write_there(file: ClusterFile) -> Iterator[Finding]:
    """Ray gives a role to the head alone, and that one may not hand the workers theirs (iam:PassRole)."""
    if file.kind is not Kind.AWS or file.storage is None or not file.storage[2].startswith("s3://"):
        return
    for group in file.groups:
        place = (*group.place, "node_config")
        if not file.document.at(*place, "IamInstanceProfile"):
            yield finding(
                file.document,
                place,
                f"{group.name}: the node must be allowed to use {file.storage[2]}.",
                "no IamInstanceProfile",
                "Name an instance profile whose role may read and write there.",
            )
