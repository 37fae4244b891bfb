"""What the cluster has now, what it had at most, and what it may have: how many trials are to be under way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster.growth import Growth, growth
from cluster.resources import ClusterSize, Machine, TrialResources, concurrent_trials

_LOOK_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 600.0
_HEAD: Final = "node:__internal_head__"
_MODEL: Final = "accelerator_type:"


class Capacity:
    """A cluster that may grow and shrink.

    `nodes` is Ray's list of machines (`ray.nodes`), asked for anew at most every five seconds.
    """

    def __init__(self, nodes: Callable[[], Sequence[dict[str, Any]]], growth: Growth) -> None:
        self._nodes, self._growth = nodes, growth
        self._looked = time.monotonic()
        self._now = self._look()
        self._largest = self._now

    def settle(self, patience_seconds: float = _SETTLE_SECONDS) -> None:
        """Wait for the first machine, where nobody knows what those to come will have: a trial takes what suits it."""
        deadline = time.monotonic() + patience_seconds
        while not self._growth.is_known() and not self._now.cpus and time.monotonic() < deadline:
            time.sleep(1.0)
            self._now = self._look()
        self._largest = _larger(self._largest, self._now)

    def now(self) -> ClusterSize:
        """What there is."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._now = self._look()
            self._largest = _larger(self._largest, self._now)
        return self._now

    def largest(self) -> ClusterSize:
        """The most that there was whenever somebody looked."""
        self.now()
        return self._largest

    def most(self) -> ClusterSize:
        """What there is, or what the cluster grows to when trials wait, whichever is more."""
        now = self.now()
        workers = self._growth.machines(
            like=max(now.each(), key=lambda machine: (machine.gpus, machine.cpus), default=None)
        )
        return _larger(now, _sized((*self._head, *workers), now.gpu_model))

    def can_grow(self) -> bool:
        """Whether machines come when trials wait."""
        return self._growth.is_possible()

    def require_room(self, each: TrialResources) -> None:
        """Check that the cluster has room for a trial, or will have.

        Raises:
            ResourceError: when no machine fits, of those that are there and those that may come.
        """
        if self._growth.is_known():
            concurrent_trials(self.most(), each)

    def room(self, each: TrialResources) -> int:
        """How many trials are to be under way: as many as fit, and those that wait make the cluster grow.

        At least one: where the last machine is gone, it waits for the next.
        """
        return max(1, sum(each.fitting(machine) for machine in self.most().each()))

    def _look(self) -> ClusterSize:
        alive = [node["Resources"] for node in self._nodes() if node["Alive"]]
        self._head = [_machine(resources) for resources in alive if _HEAD in resources]
        models = {name.removeprefix(_MODEL) for resources in alive for name in resources if name.startswith(_MODEL)}
        return _sized([_machine(resources) for resources in alive], ", ".join(sorted(models)))


def cluster_capacity() -> Capacity:
    """That of the cluster which this process is connected to."""
    import ray

    return Capacity(ray.nodes, growth())


def size_now(nodes: Sequence[dict[str, Any]]) -> ClusterSize:
    """What a cluster of these machines, as Ray lists them, has."""
    return Capacity(lambda: nodes, Growth()).now()


def _sized(machines: Sequence[Machine], gpu_model: str) -> ClusterSize:
    cpus, gpus = sum(machine.cpus for machine in machines), sum(machine.gpus for machine in machines)
    return ClusterSize(cpus, gpus, len(machines), gpu_model, tuple(machines))


def _machine(resources: dict[str, float]) -> Machine:
    return Machine(resources.get("CPU", 0.0), resources.get("GPU", 0.0))


def _larger(one: ClusterSize, other: ClusterSize) -> ClusterSize:
    return max(one, other, key=lambda size: (size.gpus, size.cpus, size.nodes))
