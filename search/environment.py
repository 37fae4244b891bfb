"""Where a search ran: versions, processor, cluster."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import Final

from cluster.resources import ClusterSize
from search.records import Environment

_PACKAGES: Final = ("ray", "optuna", "tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pandas", "matplotlib")


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
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
