"""The shipped cluster files for the lab's hosts: provider, login, container, installation and sizes change; the node
types, mounts, commands' order, token and start commands stay what the user gets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from .hosts import ROOT, Lab

_OBJECT_STORE_BYTES: Final = 200_000_000
_IDLE_MINUTES: Final = 0.3
_INSTALLATION: Final = {
    "initialization_commands": [],
    "setup_commands": ["ray --version"],  # the hosts see this project's environment, and no index to install from
    "head_setup_commands": [],
    "worker_setup_commands": [],
}
SHARED: Final = "/mnt/shared/checkpoints"
_LOGIN: Final = {"ssh_user": "root", "ssh_private_key": "~/.ssh/lab"}
_STARTS: Final = ("head_start_ray_commands", "worker_start_ray_commands")


def cloud_file(lab: Lab) -> str:
    """cluster/config.yaml, with the lab as its cloud: workers of one core and one GPU that is none."""
    file = _shipped("config.yaml")
    workers = len(lab.workers)
    for name, kind in file["available_node_types"].items():
        kind.pop("docker", None)
        kind["node_config"] = {"kind": name}
        if name != file["head_node_type"]:
            kind |= {"resources": {"CPU": 1, "GPU": 1}, "max_workers": workers}
    file |= _INSTALLATION | {
        "provider": {
            "type": "external",
            "module": "namespace_provider.NamespaceProvider",
            "use_internal_ips": True,
            "folder": "/mnt/shared/cloud",
            "boot_seconds": 2,
            "head": {"head": lab.addresses["head"]},
            "workers": lab.workers,
        },
        "auth": _LOGIN,
        "docker": {},
        "max_workers": workers,
        "idle_timeout_minutes": _IDLE_MINUTES,
        # Ray's own defaults, which it does not fill in for a provider that is not its own
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
    }
    return _written(file, dict.fromkeys(_STARTS, ""))


def on_prem_file(lab: Lab) -> str:
    """cluster/on-prem.yaml, with the lab's hosts as one's own machines."""
    file = _shipped("on-prem.yaml")
    workers = len(lab.workers)
    file["available_node_types"][file["head_node_type"]] |= {"resources": {"CPU": 1, "GPU": 1}, "max_workers": workers}
    file |= _INSTALLATION | {
        "setup_commands": [],  # Ray would not run them
        "provider": {"type": "local", "head_ip": lab.addresses["head"], "worker_ips": list(lab.workers.values())},
        "auth": _LOGIN,
        "max_workers": workers,
        "idle_timeout_minutes": _IDLE_MINUTES,
    }
    file.pop("docker", None)
    return _written(file, dict(zip(_STARTS, ("--num-cpus=0 --num-gpus=0 ", "--num-cpus=1 --num-gpus=1 "), strict=True)))


def _shipped(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "cluster" / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def _written(file: dict[str, Any], sizes: dict[str, str]) -> str:
    file["metadata"] |= {"storage_path": SHARED}
    for key, size in sizes.items():
        file[key] = [_sized(line, f"--object-store-memory={_OBJECT_STORE_BYTES} {size}") for line in file[key]]
    return yaml.safe_dump(file, sort_keys=False, width=1000)


def _sized(line: str, size: str) -> str:
    plain = re.sub(r"\S*/ray (?=start|stop)", "ray ", line)  # the environment's own ray, wherever the file has it
    if size.count("--num"):
        plain = re.sub(r" --num-[cg]pus[= ]\S+", "", plain)
    return plain.replace("ray start ", f"ray start {size}")


def write(lab: Lab, name: str, text: str) -> Path:
    """Put a file into the project on the laptop. Returns its path there, from the project's folder."""
    lab.host("laptop").path(f"root/fashion-search/cluster/{name}").write_text(text, encoding="utf-8")
    return Path("cluster") / name
