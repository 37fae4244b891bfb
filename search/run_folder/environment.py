"""Where a search ran: versions, processor, cluster."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

from cluster.resources import ClusterSize
from reports.records import Environment

_PACKAGES: Final = ("ray", "optuna", "tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pandas", "matplotlib")
_LOCK: Final = Path(__file__).parents[2] / "requirements.lock"
_VECTORS: Final = {"avx512f": "AVX-512", "avx2": "AVX2"}  # the widest first


def environment(size: ClusterSize) -> Environment:
    """This machine's software, and the most that the cluster had at one time. A missing package is left out."""
    return Environment(
        versions=_versions(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        cpus=size.cpus,
        gpus=size.gpus,
        gpu_model=size.gpu_model,
        nodes=size.nodes,
        commit=_commit(),
        lock_sha256=hashlib.sha256(_LOCK.read_bytes()).hexdigest() if _LOCK.is_file() else "",
    )


def _commit() -> str:
    """The project's commit, with a + where files differ from it; empty without Git, or where this is no checkout."""
    if not (_LOCK.parent / ".git").exists():
        return ""  # installed: a repository around it is another project's
    asked = ("git", "rev-parse", "HEAD"), ("git", "status", "--porcelain", "--untracked-files=no")
    try:
        commit, changes = (
            subprocess.run(words, cwd=_LOCK.parent, capture_output=True, text=True, check=True, timeout=20).stdout  # noqa: S603
            for words in asked
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit.strip() + ("+" if changes else "")


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    return processor(text) or platform.machine()


def processor(cpuinfo: str) -> str:
    """The first processor's name by /proc/cpuinfo, and its widest vectors, which the name does not tell of: an AMD EPYC
    may have AVX-512 or AVX2 alone, and trains accordingly."""
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in cpuinfo.splitlines())}
    name, flags = fields.get("model name", ""), fields.get("flags", "").split()
    vectors = next((word for flag, word in _VECTORS.items() if flag in flags), "")
    return f"{name} ({vectors})" if name and vectors else name
