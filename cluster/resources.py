"""What one trial takes of a cluster, and how many trials fit."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_MODEL: Final = "accelerator_type:"  # what Ray calls a resource that says which GPU a machine has
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: microseconds of CPU time, and of the period they are for
_SLACK: Final = 1e-6  # three times a third is one


class ResourceError(ValueError):
    """A trial asks for more than the cluster has."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What one machine of a cluster has."""

    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """What a cluster has, all nodes together, at the time of asking. `gpu_model` is empty where unknown or without.

    `machines` are the same nodes one by one; where they are not told, all are taken to be alike.
    """

    cpus: float
    gpus: float
    nodes: int
    gpu_model: str = ""
    machines: tuple[Machine, ...] = ()

    def each(self) -> tuple[Machine, ...]:
        """The machines."""
        if self.machines or not self.nodes:
            return self.machines
        return (Machine(self.cpus / self.nodes, self.gpus / self.nodes),) * self.nodes

    def cpus_a_gpu(self) -> float:
        """The cores that go with each GPU, on the machine with GPUs that has the fewest; 0 where there are no GPUs."""
        return min((machine.cpus / machine.gpus for machine in self.each() if machine.gpus), default=0.0)


def usable_cores() -> int:
    """The cores of this machine that this process may use: `taskset` and a container may allow fewer than there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # outside of a container there is no such file; without a limit it says "max"
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def cluster_size(nodes: Sequence[dict[str, Any]]) -> ClusterSize:
    """What the machines have that are alive, of those that Ray lists (`ray.nodes`)."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    models = {name.removeprefix(_MODEL) for resources in alive for name in resources if name.startswith(_MODEL)}
    machines = tuple(Machine(resources.get("CPU", 0.0), resources.get("GPU", 0.0)) for resources in alive)
    cpus, gpus = sum(machine.cpus for machine in machines), sum(machine.gpus for machine in machines)
    return ClusterSize(cpus, gpus, len(machines), ", ".join(sorted(models)), machines)


@dataclass(frozen=True, slots=True)
class TrialResources:
    """CPU cores and GPUs of one trial; `gpus` may be a fraction of one."""

    cpus: float
    gpus: float

    def threads(self) -> int:
        """Threads that a trial's TensorFlow may use: one for each whole core, at least one."""
        return max(1, int(self.cpus))

    def fitting(self, machine: Machine) -> int:
        """How many trials fit a machine: none is spread over two, and no share of a GPU over two GPUs."""
        fitting = [int(machine.cpus / self.cpus + _SLACK)] if self.cpus else []
        if self.gpus >= 1:
            fitting.append(int(machine.gpus // self.gpus))
        elif self.gpus:
            fitting.append(int(machine.gpus) * int(1 / self.gpus + _SLACK))
        return min(fitting, default=0)


def trial_resources(size: ClusterSize, cpus: float | None, gpus: float | None) -> TrialResources:
    """What was asked for, with the default for what was not.

    With GPUs in the cluster a trial takes one, and its share of the cores; without, it takes one core: two
    trials of one thread each train 1.65 times the images per second of one trial on two threads.
    """
    if gpus is None:
        gpus = 1.0 if size.gpus else 0.0
    if cpus is None:
        cpus = float(max(1, int(size.cpus_a_gpu() * gpus + _SLACK)))
    return TrialResources(cpus, gpus)


def concurrent_trials(size: ClusterSize, each: TrialResources) -> int:
    """How many trials fit a cluster of that size.

    Raises:
        ResourceError: when not even one fits.
    """
    fitting = sum(each.fitting(machine) for machine in size.each())
    if fitting < 1:
        raise ResourceError(
            f"A trial must fit a machine of the cluster. Received: {each.cpus:g} CPUs and {each.gpus:g} GPUs a trial, "
            f"where the cluster has {_described(size.each())}. Lower --cpus-per-trial or --gpus-per-trial, or, "
            "where a larger machine comes on demand, say with --max-concurrent how many trials to run at once."
        )
    return fitting


def _described(machines: tuple[Machine, ...]) -> str:
    kinds = Counter(machines)
    told = [(count, f"{kind.cpus:g} CPUs and {kind.gpus:g} GPUs") for kind, count in kinds.items()]
    return "; ".join(what if len(machines) == 1 else f"{count} × {what}" for count, what in told) or "no machine"
