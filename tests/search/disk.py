"""What happens to disks: they fill up, and they become read-only, for root too."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted_disk(folder: Path, size: str = "1m") -> Iterator[None]:
    """A disk of a size at `folder`, in memory, during the body; the test is skipped where none may be mounted."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("a full or a read-only disk is a tmpfs, and only root may mount one")
    mounted = _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run([shutil.which("umount") or "umount", "--lazy", folder], check=True)


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Fill a disk up to its last `leave` bytes. Returns the file that fills it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        file.truncate(file.tell() - leave)
    return filler


def make_read_only(disk: Path) -> None:
    """Take away the right to write."""
    _mount("-o", "remount,ro", str(disk)).check_returncode()


def _mount(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([shutil.which("mount") or "mount", *arguments], capture_output=True, text=True, check=False)
