"""Where a search ran: versions, processor, cluster."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Final

from cluster.resources import ClusterSize
from search.records import Environment

_PACKAGES: Final = ("ray", "optuna", "tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pandas", "matplotlib")
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
    )


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
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in cpuinfo.splitlines())}
    name, flags = told.get("model name", ""), told.get("flags", "").split()
    vectors = next((word for flag, word in _VECTORS.items() if flag in flags), "")
    return f"{name} ({vectors})" if name and vectors else name
