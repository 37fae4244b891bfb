"""One Ray and one set of packages everywhere: a node of another version does not join, or fails at the first trial."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from cluster.checks.cluster_file import ClusterFile, Kind
from cluster.checks.document import Document, Place
from cluster.checks.finding import Finding, finding

_LOCK: Final = Path(__file__).resolve().parents[2] / "requirements.lock"
_LOCKED_PYTHON: Final = "py311"  # the Python that the lock file is made with (Makefile)
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_PIN_IN_A_COMMAND: Final = re.compile(r"([A-Za-z][\w.-]*)(?:\[[\w,-]*\])?==([\w.+]+)")
_RAY_IMAGE: Final = re.compile(r"(?:docker\.io/)?rayproject/ray")
_DOCKERFILE: Final = re.compile(r"^FROM\s+(\S+)", re.MULTILINE)


def versions_are_the_lock_files(file: ClusterFile) -> Iterator[Finding]:
    """Images, versions in commands, KubeRay's rayVersion, and the Dockerfile beside the file."""
    for document in file.documents:
        for place, value in document.scalars():
            if place[-1] in ("image", "head_image", "worker_image"):
                yield from _image(document, place, str(value))
            elif place[-1] == "rayVersion" and str(value) != _locked()["ray"]:
                yield _differs(document, place, "ray", str(value))
            elif "commands" in str(place[0]) or place[-1] == "entrypoint":
                yield from _command(document, place, str(value))
    if file.kind is Kind.KUBERAY:
        yield from _dockerfile(file.path.with_name("Dockerfile"))


def _image(document: Document, place: Place, image: str) -> Iterator[Finding]:
    name, _, tag = image.partition("@")[0].rpartition(":")
    if not name or "/" in tag:  # no tag; the colon is a registry's port
        name, tag = image, ""
    ray, python = _locked()["ray"], _LOCKED_PYTHON
    wanted = f"{ray}-{python}" if _RAY_IMAGE.fullmatch(name) else ray
    if tag != wanted and not tag.startswith(f"{wanted}-"):
        rule = f"An image's tag must begin with {wanted}, the versions of requirements.lock."
        yield finding(document, place, rule, image, f"Write {name}:{wanted}, with what the image has after it.")


def _command(document: Document, place: Place, command: str) -> Iterator[Finding]:
    for name, version in _PIN_IN_A_COMMAND.findall(command):
        locked = _locked().get(name.lower().replace("_", "-"))
        if locked is not None and version != locked:
            yield _differs(document, place, name, version)


def _differs(document: Document, place: Place, name: str, version: str) -> Finding:
    locked = _locked()[name.lower().replace("_", "-")]
    rule = f"{name} must have the version of requirements.lock."
    return finding(document, place, rule, version, f"Write {locked}, or install from the lock file.")


def _dockerfile(path: Path) -> Iterator[Finding]:
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8")
    for found in _DOCKERFILE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield from _image(Document(path, {}, {("FROM",): line}), ("FROM",), found[1])


@cache
def _locked() -> dict[str, str]:
    return dict(_PIN.findall(_LOCK.read_text(encoding="utf-8")))
