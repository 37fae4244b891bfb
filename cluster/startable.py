"""What a Ray of our own needs of this machine: known before it is started, and told with its own remedy."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Final

# As Ray names it: the longest of its sockets, in the folder of a session with its time and its process
_SOCKET: Final = "ray/session_2026-01-01_00-00-00_000000_{process}/sockets/plasma_store"
_MOST_BYTES: Final = 103 if sys.platform == "darwin" else 107
_LEAST_FREE_BYTES: Final = 64 * 2**20
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - Ray's own choice
_LEAST_SHARED_BYTES: Final = 256 * 2**20  # all images several times


class ConnectError(Exception):
    """Ray cannot be started or reached."""


def temporary_folder() -> Path:
    """Where Ray makes its folder `ray`."""
    named = os.environ.get("RAY_TMPDIR") or (os.environ.get("TMPDIR") if sys.platform == "linux" else None)
    return Path(named or "/tmp")  # noqa: S108 - Ray's own default


def require_startable() -> list[str]:
    """Look for what is known to keep Ray from starting. Returns a line for each thing that only makes it slow.

    Raises:
        ConnectError: when it cannot start.
    """
    folder = temporary_folder()
    length = len(os.fsencode(folder / _SOCKET.format(process=os.getpid())))
    if length > _MOST_BYTES:
        raise ConnectError(
            f"Ray's sockets need a path of at most {_MOST_BYTES} bytes. Received: {length}, in {folder}, which "
            "RAY_TMPDIR or TMPDIR names. Set RAY_TMPDIR to a short path, as in RAY_TMPDIR=/tmp."
        )
    try:
        made = folder / "ray"
        made.mkdir(parents=True, exist_ok=True)
        probe = made / f".{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
        free = shutil.disk_usage(made).free
    except OSError as error:
        raise ConnectError(
            f"Ray needs a folder that it can write. Received: {error}. Set RAY_TMPDIR to one, with a short path."
        ) from error
    if free < _LEAST_FREE_BYTES:
        raise ConnectError(
            f"Ray needs at least {_LEAST_FREE_BYTES // 2**20} MiB of free space. Received: {free // 2**20} MiB at "
            f"{made}. Free some, or set RAY_TMPDIR to a folder on another disk, with a short path."
        )
    return _shared_memory(folder)


def _shared_memory(folder: Path) -> list[str]:
    if not _SHARED_MEMORY.is_dir():
        return []
    free = shutil.disk_usage(_SHARED_MEMORY).free
    if free >= _LEAST_SHARED_BYTES:
        return []
    return [
        f"{_SHARED_MEMORY} has {free // 2**20} MiB free, so Ray keeps the images in {folder}, which is slower. Delete "
        "what is left there of other programs; in a container, give it more (docker run --shm-size=2g)."
    ]


def keep_others_out() -> None:
    """Give a Ray of our own a token of its own, unless the user has one: no other program joins it by accident. Ray
    then writes none to ~/.ray, which may be a folder that cannot be written. A process with Ray has one already.
    """
    if "ray" not in sys.modules and not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def has_token() -> bool:
    """Whether the user has a token for Rays, where Ray looks for it."""
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    return "RAY_AUTH_TOKEN" in os.environ or file.is_file()
