"""Ray's interface to a cloud, over the lab's hosts: launching takes a free one, terminating gives it back.

Laptop and head see the same cloud: its state is a locked JSON file on the disk that every host shares. A host that is
given back is switched off and on again by the lab itself (tests/lab/hosts.py), which a file NAME.off asks for.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import NODE_KIND_HEAD, TAG_RAY_NODE_KIND


class NamespaceProvider(NodeProvider):
    """See NodeProvider. `provider` in the cluster file gives `folder`, `boot_seconds`, `head` and `workers`."""

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)
        self._folder = Path(provider_config["folder"])
        self._boot_seconds = float(provider_config["boot_seconds"])

    @contextmanager
    def _machines(self) -> Iterator[dict[str, dict[str, Any]]]:
        """Every machine that there ever was, by its id; what the body changes is kept."""
        path = self._folder / "machines.json"
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            machines = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            yield machines
            part = path.with_suffix(".part")
            part.write_text(json.dumps(machines, indent=1), encoding="utf-8")
            part.replace(path)

    def _machine(self, node_id: str) -> dict[str, Any]:
        with self._machines() as machines:
            return machines[node_id]

    def non_terminated_nodes(self, tag_filters: Mapping[str, str]) -> list[str]:
        """Machines that are not given back and have these tags."""
        with self._machines() as machines:
            return [
                node_id
                for node_id, machine in machines.items()
                if not machine["is_gone"] and tag_filters.items() <= machine["tags"].items()
            ]

    def is_running(self, node_id: str) -> bool:
        """Whether it has booted."""
        machine = self._machine(node_id)
        return not machine["is_gone"] and time.time() >= machine["launched"] + self._boot_seconds

    def is_terminated(self, node_id: str) -> bool:
        """Whether it was given back."""
        return bool(self._machine(node_id)["is_gone"])

    def node_tags(self, node_id: str) -> dict[str, str]:
        """Its tags."""
        return dict(self._machine(node_id)["tags"])

    def external_ip(self, node_id: str) -> str:
        """Its address."""
        return str(self._machine(node_id)["address"])

    def internal_ip(self, node_id: str) -> str:
        """Its address: there is one network."""
        return self.external_ip(node_id)

    def set_node_tags(self, node_id: str, tags: Mapping[str, str]) -> None:
        """Change some of its tags."""
        with self._machines() as machines:
            machines[node_id]["tags"].update(tags)

    def create_node(self, node_config: dict[str, Any], tags: dict[str, str], count: int) -> None:
        """Launch up to `count` of the hosts that are free."""
        kind = "head" if tags[TAG_RAY_NODE_KIND] == NODE_KIND_HEAD else "workers"
        with self._machines() as machines:
            busy = {machine["host"] for machine in machines.values() if not machine["is_gone"]}
            free = [host for host in self.provider_config[kind] if host not in busy and not self._off(host).exists()]
            if not free:
                raise RuntimeError("InsufficientInstanceCapacity: no host of the lab is free")
            for host in free[:count]:
                machines[f"i-{len(machines):04d}"] = {
                    "host": host,
                    "address": self.provider_config[kind][host],
                    "tags": dict(tags),
                    "launched": time.time(),
                    "is_gone": False,
                }

    def terminate_node(self, node_id: str) -> None:
        """Give it back. The head stays on: it runs this."""
        with self._machines() as machines:
            machines[node_id]["is_gone"] = True
            if machines[node_id]["host"] not in self.provider_config["head"]:
                self._off(machines[node_id]["host"]).touch()

    def _off(self, host: str) -> Path:
        return self._folder / f"{host}.off"

    @staticmethod
    def bootstrap_config(cluster_config: dict[str, Any]) -> dict[str, Any]:
        """Nothing is to be filled in."""
        return cluster_config
