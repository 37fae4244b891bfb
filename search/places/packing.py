"""How many trials a GPU is to hold: measured on one GPU of the cluster before the search, in less than a minute.

The reference is trained on made-up images, alone and then with others beside it on the same GPU. More of them pay where
one cannot keep the GPU busy, which is common for networks of this size.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster.resources import TrialResources
from fashion_model.config import CLASS_NAMES, IMAGE_SIDE, REFERENCE
from fashion_model.data import Split
from search.places.ray_worker import prepare

_TOGETHER: Final = (1, 2, 4)
_WORTH: Final = 1.15  # more trials a GPU make each slower and share its memory: they must bring this much more in all
_IMAGES: Final = 6_144
_EPOCHS: Final = 3  # the first one traces and is not counted
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
        told = ", ".join(f"{count}: {rate:,.0f}" for count, rate in sorted(self.rates.items()))
        return f"{self.together()} a GPU, by images/s with so many ({told})"


def measure_packing(cpus_a_gpu: float) -> Packing:
    """Train with one, two and four on a GPU that has so many cores, until more no longer pay or no longer fit."""
    rates: dict[int, float] = {}
    for count in _TOGETHER:
        if count > max(1.0, cpus_a_gpu):
            break
        rate = _rate(TrialResources(max(1.0, cpus_a_gpu // count), 1.0 / count), count)
        if rate is None:
            break
        rates[count] = rate
        if Packing(rates).together() < count:
            break
    return Packing(rates)


class _Training:
    """One of the trainings: an actor."""

    def __init__(self, each: TrialResources) -> None:
        prepare(each)
        from fashion_model.training import Budget, Training

        random = np.random.default_rng(0)
        images = random.integers(0, 256, (_IMAGES, IMAGE_SIDE, IMAGE_SIDE), dtype=np.uint8)
        labels = random.integers(0, len(CLASS_NAMES), _IMAGES, dtype=np.uint8)
        self._epochs = Training(REFERENCE, Split(images, labels), Budget(_EPOCHS, seed=0)).run(None)

    def warm_up(self) -> None:
        """Train the first epoch."""
        next(self._epochs)

    def rate(self) -> float:
        """Train the others. Returns images a second."""
        seconds = [epoch.train_seconds for epoch in self._epochs]
        return _IMAGES * len(seconds) / sum(seconds)


def _rate(each: TrialResources, count: int) -> float | None:
    """Images a second of so many on one GPU. None where they do not fit."""
    group = placement_group([{"GPU": 1.0, "CPU": each.cpus * count}], strategy="STRICT_PACK")
    try:
        ray.get(group.ready(), timeout=_MACHINE_SECONDS)
        return _sum_of_rates(group, each, count)
    except ray.exceptions.RayError as error:  # out of memory, above all: then so many do not fit
        print(f"{count} trials on a GPU were tried and failed: {error}", file=sys.stderr)
        return None
    finally:
        remove_placement_group(group)


def _sum_of_rates(group: PlacementGroup, each: TrialResources, count: int) -> float:
    options: dict[str, Any] = {
        "num_cpus": each.cpus,
        "num_gpus": each.gpus,
        "scheduling_strategy": PlacementGroupSchedulingStrategy(group),
    }
    trainings: list[Any] = [ray.remote(_Training).options(**options).remote(each) for _ in range(count)]
    ray.get([training.warm_up.remote() for training in trainings], timeout=_MOST_SECONDS)
    return float(sum(ray.get([training.rate.remote() for training in trainings], timeout=_MOST_SECONDS)))
