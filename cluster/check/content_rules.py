"""What a file brings to the nodes: folders and keys, versions, the token; and who can reach them."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from cluster.check.cluster_file import ClusterFile, Kind
from cluster.check.document import Document, Place
from cluster.check.finding import Finding

_MARK: Final = re.compile(r"\S*FILL-IN\S*")
_TOKEN: Final = "~/.ray/auth_token"  # noqa: S105 - where Ray looks for it
_TOKEN_MODE: Final = re.compile(r"\bRAY_AUTH_MODE=[\"']?token\b")
_EVERYBODY: Final = re.compile(r"(?<![\d.])0\.0\.0\.0/0|(?<![\w:])::/0")
_EVERY_INTERFACE: Final = re.compile(r"--dashboard-host[= ](?!127\.0\.0\.1\b|localhost\b)(\S+)")
_SECRETS: Final = (
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"(?i)\b(?:[a-z_]*(?:password|secret_access_key|auth_token))=(?!\$|~|/)[^\s;]+"),
    re.compile(r"(?<!sha256:)\b[0-9a-f]{32,}\b"),
)
_SECRET_KEYS: Final = re.compile(r"(?i)(?:password|secret_?access_?key|aws_credentials|gcp_credentials|auth_?token)$")
_LOCK: Final = Path(__file__).resolve().parents[2] / "requirements.lock"
_LOCKED_PYTHON: Final = "py311"  # the Python that the lock file is made with (Makefile)
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_PIN_IN_A_COMMAND: Final = re.compile(r"([A-Za-z][\w.-]*)(?:\[[\w,-]*\])?==([\w.+]+)")
_RAY_IMAGE: Final = re.compile(r"(?:docker\.io/)?rayproject/ray")
_DOCKERFILE: Final = re.compile(r"^FROM\s+(\S+)", re.MULTILINE)


def nothing_is_left_to_fill_in(file: ClusterFile) -> Iterator[Finding]:
    """The places that a file is shipped without: only its user knows them."""
    for place, value in file.scalars():
        for word in _MARK.findall(str(value)):
            yield Finding(place, "A placeholder must be replaced.", word, "The comment there says by what.", True)


def sources_are_there(file: ClusterFile) -> Iterator[Finding]:
    """Every source of a mount, and the SSH key: `ray up` starts the head first and then finds out.

    Relative sources begin at the current folder.
    """
    mounts, keys = file.root.at("file_mounts"), ("ssh_private_key", "ssh_public_key")
    for place in (*mounts.children(), *(place for place in file.root.children("auth") if place.steps[-1] in keys)):
        source = str(place.value())
        if _MARK.search(source) or _here(source).exists():
            continue
        if source == _TOKEN:
            rule = "The cluster's token must be here, to be copied to every node."
            remedy = f"Run `ray get-auth-token --generate; chmod 600 {source}`."
            yield Finding(place, rule, f"no file {source}", remedy, to_fill_in=True)
        else:
            received = f"no file or folder {source}, as seen from {Path.cwd()}"
            yield Finding(place, "What is copied to the nodes must be here.", received, "Correct the path, or make it.")


def the_project_is_mounted(file: ClusterFile) -> Iterator[Finding]:
    """Set-up reads the lock file from the mounted project: in another current folder `.` is something else."""
    commands = " ".join(str(value) for place, value in file.scalars() if str(place.steps[0]).endswith("setup_commands"))
    for place in file.root.children("file_mounts"):
        used, folder = f"{place.steps[-1]}/{_LOCK.name}", _here(place.value())
        if used in commands and folder.is_dir() and not (folder / _LOCK.name).is_file():
            received = f"no {_LOCK.name} in {folder.resolve()}"
            yield Finding(place, f"The set-up reads {used}.", received, "Change to the repository's root first.")


def _here(source: Any) -> Path:
    return Path(str(source)).expanduser()


def versions_are_the_lock_files(file: ClusterFile) -> Iterator[Finding]:
    """Images, versions in commands, KubeRay's rayVersion, and the Dockerfile beside the file: a node of another version
    does not join, or fails at the first trial."""
    for place, value in file.scalars():
        if place.steps[-1] in ("image", "head_image", "worker_image"):
            yield from _image(place, str(value))
        elif place.steps[-1] == "rayVersion":
            yield from _version(place, "ray", str(value))
        elif "commands" in str(place.steps[0]) or place.steps[-1] == "entrypoint":
            for name, version in _PIN_IN_A_COMMAND.findall(str(value)):
                yield from _version(place, name, version)
    dockerfile = file.path.with_name("Dockerfile")
    if file.kind is Kind.KUBERAY and dockerfile.is_file():
        text = dockerfile.read_text(encoding="utf-8")
        for found in _DOCKERFILE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield from _image(Place(Document(dockerfile, {}, {("FROM",): line}), ("FROM",)), found[1])


def _image(place: Place, image: str) -> Iterator[Finding]:
    name, _, tag = image.partition("@")[0].rpartition(":")
    if not name or "/" in tag:  # no tag; the colon is a registry's port
        name, tag = image, ""
    ray = _locked()["ray"]
    wanted = f"{ray}-{_LOCKED_PYTHON}" if _RAY_IMAGE.fullmatch(name) else ray
    if tag != wanted and not tag.startswith(f"{wanted}-"):
        rule = f"An image's tag must begin with {wanted}, the versions of requirements.lock."
        yield Finding(place, rule, image, f"Write {name}:{wanted}, with what the image has after it.")


def _version(place: Place, name: str, version: str) -> Iterator[Finding]:
    locked = _locked().get(name.lower().replace("_", "-"), version)
    if version != locked:
        remedy = f"Write {locked}, or install from the lock file."
        yield Finding(place, f"{name} must have the version of requirements.lock.", version, remedy)


@cache
def _locked() -> dict[str, str]:
    if not _LOCK.is_file():  # installed elsewhere, where what is installed beside it is what runs
        return {each.name.lower().replace("_", "-"): each.version for each in importlib.metadata.distributions()}
    return dict(_PIN.findall(_LOCK.read_text(encoding="utf-8")))


def every_node_asks_for_the_token(file: ClusterFile) -> Iterator[Finding]:
    """In Ray 2.60 `ray start` asks nobody for a token unless it is told to."""
    if file.kind is Kind.KUBERAY:
        place = file.root.at("authOptions")
        mode = place.value("mode")
        if not place.value() or mode == "disabled":
            received = f"authOptions.mode {mode}" if mode else "no authOptions"
            remedy = "Add `authOptions: {mode: token}` to the RayCluster's spec."
            yield Finding(place, "Every pod must ask for the token.", received, remedy)
        return
    in_container = _TOKEN_MODE.search(str(file.root.value("docker", "run_options"))) is not None
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        for place in file.root.children(key) or [file.root.at(key, 0)]:
            before, start, _ = str(place.value() or "ray start").partition("ray start")  # Ray's default has no token
            if start and not in_container and not _TOKEN_MODE.search(before):
                rule, received = "Every node must ask for the token.", "`ray start` without RAY_AUTH_MODE=token"
                yield Finding(place, rule, received, "Put `export RAY_AUTH_MODE=token;` in front of it.")
    mounts = file.root.at("file_mounts")
    if mounts.value(_TOKEN) is None:
        received, remedy = f"file_mounts without {_TOKEN}", f"Add `{_TOKEN}: {_TOKEN}`."
        yield Finding(mounts, "Every node must have the token.", received, remedy)


def nothing_is_open_to_the_internet(file: ClusterFile) -> Iterator[Finding]:
    """Whoever reaches Ray's ports with the token may run any code; without it, try."""
    for place, value in file.scalars():
        if _EVERYBODY.search(str(value)):
            rule = "No port may be open to the whole internet."
            yield Finding(place, rule, str(value), "Give your own address as a range, such as 203.0.113.7/32.")
        elif found := _EVERY_INTERFACE.search(str(value)):
            rule = "The dashboard must listen on 127.0.0.1, behind a tunnel."
            yield Finding(place, rule, found[0], "Write --dashboard-host=127.0.0.1; `ray dashboard` tunnels.")
    for group in file.groups:
        place, service = group.place.at("node_config"), group.place.at("serviceType")
        if file.kind is Kind.AWS and not place.value("SecurityGroupIds") and not place.value("NetworkInterfaces"):
            received = "no SecurityGroupIds, for which Ray makes a group with port 22 open to 0.0.0.0/0"
            rule = f"{group.name}: SSH must be open to you alone."
            yield Finding(place, rule, received, "Name a security group of your own.")
        if file.kind is Kind.KUBERAY and service.value() in ("LoadBalancer", "NodePort"):
            rule, received = "The head must be reached through a tunnel alone.", f"serviceType {service.value()}"
            yield Finding(service, rule, received, "Write ClusterIP and use `kubectl port-forward`.")


def no_secret_is_in_it(file: ClusterFile) -> Iterator[Finding]:
    """The file is committed, and copied to the head."""
    for place, value in file.scalars():
        is_named = any(_SECRET_KEYS.search(str(step)) for step in place.steps) and place.steps[0] != "file_mounts"
        if is_named or any(pattern.search(str(value)) for pattern in _SECRETS):
            rule = "No secret may stand in the file."
            remedy = "Use an instance role or a mounted file; a secret that was committed must be replaced."
            yield Finding(place, rule, "what looks like one (not printed)", remedy)
