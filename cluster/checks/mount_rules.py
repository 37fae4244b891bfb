"""What is copied to the nodes must be here: `ray up` starts the head first and then finds out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cluster.checks.cluster_file import ClusterFile
from cluster.checks.document import Place
from cluster.checks.fill_in import MARK
from cluster.checks.finding import Finding, finding

_TOKEN: Final = "~/.ray/auth_token"  # noqa: S105 - where Ray looks for it
_LOCK: Final = "requirements.lock"


def sources_are_there(file: ClusterFile) -> Iterator[Finding]:
    """Every source of a mount, and the SSH key. Relative sources begin at the current folder."""
    mounts = file.document.at("file_mounts")
    for target, source in mounts.items() if isinstance(mounts, dict) else ():
        yield from _source(file, ("file_mounts", target), source)
        yield from _is_the_project(file, target, source)
    for key in ("ssh_private_key", "ssh_public_key"):
        if (source := file.document.at("auth", key)) is not None:
            yield from _source(file, ("auth", key), source)


def _source(file: ClusterFile, place: Place, source: Any) -> Iterator[Finding]:
    if MARK in str(source) or Path(str(source)).expanduser().exists():
        return
    if source == _TOKEN:
        missing = finding(
            file.document,
            place,
            "The cluster's token must be here, to be copied to every node.",
            f"no file {source}",
            f"Run `ray get-auth-token --generate; chmod 600 {source}`.",
        )
        yield replace(missing, to_fill_in=True)
        return
    yield finding(
        file.document,
        place,
        "What is copied to the nodes must be here.",
        f"no file or folder {source}, as seen from {Path.cwd()}",
        "Correct the path, or make the file.",
    )


def _is_the_project(file: ClusterFile, target: str, source: Any) -> Iterator[Finding]:
    """Set-up reads the lock file from the mounted project: in another current folder `.` is something else."""
    used = f"{target}/{_LOCK}"
    commands = " ".join(
        str(value) for place, value in file.document.scalars() if str(place[0]).endswith("setup_commands")
    )
    folder = Path(str(source)).expanduser()
    if used in commands and folder.is_dir() and not (folder / _LOCK).is_file():
        yield finding(
            file.document,
            ("file_mounts", target),
            f"The set-up reads {used}.",
            f"no {_LOCK} in {folder.resolve()}",
            "Change to the repository's root first.",
        )
