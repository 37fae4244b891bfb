"""Who can reach the cluster: the token on every node, the ports, and no secret in a file that is committed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cluster.checks.cluster_file import ClusterFile, Kind
from cluster.checks.document import Place
from cluster.checks.finding import Finding, finding

_TOKEN_MODE: Final = re.compile(r"\bRAY_AUTH_MODE=[\"']?token\b")
_TOKEN_MOUNT: Final = "~/.ray/auth_token"  # noqa: S105 - where Ray looks for it
_EVERYBODY: Final = re.compile(r"(?<![\d.])0\.0\.0\.0/0|(?<![\w:])::/0")
_EVERY_INTERFACE: Final = re.compile(r"--dashboard-host[= ](?!127\.0\.0\.1\b|localhost\b)(\S+)")
_SECRETS: Final = (
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"(?i)\b(?:[a-z_]*(?:password|secret_access_key|auth_token))=(?!\$|~|/)[^\s;]+"),
    re.compile(r"(?<!sha256:)\b[0-9a-f]{32,}\b"),
)
_SECRET_KEYS: Final = re.compile(r"(?i)(?:password|secret_?access_?key|aws_credentials|gcp_credentials|auth_?token)$")


def every_node_asks_for_the_token(file: ClusterFile) -> Iterator[Finding]:
    """In Ray 2.60 `ray start` asks nobody for a token unless it is told to."""
    if file.kind is Kind.KUBERAY:
        yield from _pods_ask(file)
        return
    in_container = _TOKEN_MODE.search(" ".join(map(str, file.document.items("docker", "run_options")))) is not None
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        for position, command in enumerate(_commands(file, key)):
            start = re.search(r"\bray start\b", command)
            if start and not in_container and not _TOKEN_MODE.search(command[: start.start()]):
                yield finding(
                    file.document,
                    (key, position),
                    "Every node must ask for the token.",
                    "`ray start` without RAY_AUTH_MODE=token",
                    "Put `export RAY_AUTH_MODE=token;` in front of it.",
                )
    yield from _token_is_mounted(file)


def _commands(file: ClusterFile, key: str) -> list[str]:
    commands = file.document.at(key)
    if not isinstance(commands, list):
        return ["ray start"]  # Ray's default, which asks for no token
    return [str(command) for command in commands]


def _token_is_mounted(file: ClusterFile) -> Iterator[Finding]:
    mounts = file.document.at("file_mounts")
    if not isinstance(mounts, dict) or _TOKEN_MOUNT not in mounts:
        yield finding(
            file.document,
            ("file_mounts",),
            "Every node must have the token.",
            f"file_mounts without {_TOKEN_MOUNT}",
            f"Add `{_TOKEN_MOUNT}: {_TOKEN_MOUNT}`.",
        )


def _pods_ask(file: ClusterFile) -> Iterator[Finding]:
    spec: Place = file.groups[0].place[:-1]
    mode = file.document.at(*spec, "authOptions", "mode")
    if not file.document.at(*spec, "authOptions") or mode == "disabled":
        yield finding(
            file.document,
            (*spec, "authOptions"),
            "Every pod must ask for the token.",
            f"authOptions.mode {mode}" if mode else "no authOptions",
            "Add `authOptions: {mode: token}` to the RayCluster's spec.",
        )


def nothing_is_open_to_the_internet(file: ClusterFile) -> Iterator[Finding]:
    """Whoever reaches Ray's ports with the token may run any code; without it, try."""
    for document in file.documents:
        for place, value in document.scalars():
            if _EVERYBODY.search(str(value)):
                rule = "No port may be open to the whole internet."
                yield finding(document, place, rule, value, "Give your own address as a range, such as 203.0.113.7/32.")
            elif found := _EVERY_INTERFACE.search(str(value)):
                rule = "The dashboard must listen on 127.0.0.1, behind a tunnel."
                yield finding(
                    document, place, rule, found[0], "Write --dashboard-host=127.0.0.1; `ray dashboard` tunnels."
                )
    yield from _security_groups(file) if file.kind is Kind.AWS else ()
    yield from _services(file) if file.kind is Kind.KUBERAY else ()


def _security_groups(file: ClusterFile) -> Iterator[Finding]:
    for group in file.groups:
        place = (*group.place, "node_config")
        if not file.document.at(*place, "SecurityGroupIds") and not file.document.at(*place, "NetworkInterfaces"):
            yield finding(
                file.document,
                place,
                f"{group.name}: SSH must be open to you alone.",
                "no SecurityGroupIds, for which Ray makes a group with port 22 open to 0.0.0.0/0",
                "Name a security group of your own.",
            )


def _services(file: ClusterFile) -> Iterator[Finding]:
    head = file.groups[0].place
    if (service := file.document.at(*head, "serviceType")) in ("LoadBalancer", "NodePort"):
        rule = "The head must be reached through a tunnel alone."
        remedy = "Write ClusterIP and use `kubectl port-forward`."
        yield finding(file.document, (*head, "serviceType"), rule, f"serviceType {service}", remedy)


def no_secret_is_in_it(file: ClusterFile) -> Iterator[Finding]:
    """The file is committed, and copied to the head."""
    for document in file.documents:
        for place, value in document.scalars():
            named = any(_SECRET_KEYS.search(str(step)) for step in place) and place[0] != "file_mounts"
            if named or any(pattern.search(str(value)) for pattern in _SECRETS):
                rule = "No secret may stand in the file."
                remedy = "Use an instance role or a mounted file; a secret that was committed must be replaced."
                yield finding(document, place, rule, "what looks like one (not printed)", remedy)
