"""How many trials are to share a GPU: measured on one GPU of the cluster before the search.

As many processes as may share it start at once, each with its share of the memory, and compile the reference. Then one
of them trains made-up images for a second, then two, then all: nothing is started or compiled in between. Sharing pays
where one training cannot keep the GPU busy, which is common for networks of this size.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster.resources import TrialResources
from fashion_model.config import REFERENCE
from fashion_model.data.splits import Split
from fashion_model.task import FASHION_MNIST
from search.places.ray.worker import prepare

_COUNTS: Final = (1, 2, 4)
_WORTH: Final = 1.15  # more trials a GPU make each slower and share its memory: they must bring this much more in all
_IMAGES: Final = 12_288
_SECONDS: Final = 1.0  # of training, for each count
_EPOCHS: Final = 1_000  # more than a GPU trains in that time
_MOST_SECONDS: Final = 180.0
_MACHINE_SECONDS: Final = 1200.0  # a cloud takes minutes to bring the first one


@dataclass(frozen=True, slots=True)
class Packing:
    """Images a second of the reference on one GPU, all trainings on it together, by how many there were."""

    rates: Mapping[int, float]

    def together(self) -> int:
        """How many pay: each step up must bring enough more than the one before."""
        best = 1
        for count in sorted(self.rates):
            if count > best and self.rates[count] >= _WORTH * self.rates[best]:
                best = count
        return best

    def share(self) -> float:
        """The share of a GPU that a trial is to have."""
        return 1.0 / self.together()

    def __str__(self) -> str:
        rates = ", ".join(f"{count}: {rate:,.0f}" for count, rate in sorted(self.rates.items()))
        return f"{self.together()} a GPU, by images/s with so many ({rates})"


def measure_packing(cpus_a_gpu: float, cpus: float | None, at_most: int) -> Packing:
    """Train with one, two and four on a GPU with `cpus_a_gpu` cores, `at_most` so many, as far as the cores go, or the
    memory. Each has `cpus` cores; None: its share of them."""
    cores = max(1.0, cpus_a_gpu)
    possible = [count for count in _COUNTS if count <= at_most and count * (cpus or 1.0) <= cores]
    for most in reversed(possible):
        each = TrialResources(cpus or max(1.0, cpus_a_gpu // most), 1.0 / most)
        group = placement_group([{"GPU": 1.0, "CPU": each.cpus * most}], strategy="STRICT_PACK")
        try:
            if not ray.wait([group.ready()], timeout=_MACHINE_SECONDS)[0]:
                print(f"no GPU was free within {_MACHINE_SECONDS:g} s to measure on", file=sys.stderr)
                break  # fewer on one need one, too
            return Packing(_rates(group, each, [count for count in possible if count <= most]))
        except ray.exceptions.RayError as error:  # out of memory, above all: `most` do not fit
            print(f"{most} trials on a GPU were tried and failed: {error}", file=sys.stderr)
        finally:
            remove_placement_group(group)
    return Packing({})


class _Probe:
    """One of the trainings: an actor."""

    def __init__(self, each: TrialResources) -> None:
        prepare(each)
        from fashion_model.training.training import Budget, Training

        random = np.random.default_rng(0)
        images = random.integers(0, 256, (_IMAGES, *FASHION_MNIST.array_shape), dtype=np.uint8)
        labels = random.integers(0, FASHION_MNIST.classes, _IMAGES, dtype=np.uint8)
        self._epochs = Training(REFERENCE, Split(images, labels), Budget(_EPOCHS, seed=0)).run(None)

    def warm_up(self) -> None:
        """Train the first epoch."""
        next(self._epochs)

    def rate(self) -> float:
        """Train for a second, and to the end of the epoch. Returns images a second."""
        start, images = time.perf_counter(), 0
        while (seconds := time.perf_counter() - start) < _SECONDS:
            next(self._epochs)
            images += _IMAGES
        return images / seconds


def _rates(group: PlacementGroup, each: TrialResources, counts: Sequence[int]) -> dict[int, float]:
    """Images a second in all, by how many of the processes train at a time."""
    strategy = PlacementGroupSchedulingStrategy(group)
    probe: Any = ray.remote(num_cpus=each.cpus, num_gpus=each.gpus, scheduling_strategy=strategy)(_Probe)
    probes = [probe.remote(each) for _ in range(max(counts))]
    ray.get([one.warm_up.remote() for one in probes], timeout=_MOST_SECONDS)
    return {
        count: float(sum(ray.get([one.rate.remote() for one in probes[:count]], timeout=_MOST_SECONDS)))
        for count in counts
    }
