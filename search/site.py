"""The place that the settings ask for, connected to at the first training that needs one and not before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from cluster.resources import ClusterSize, TrialResources, concurrent_trials, trial_resources
from search.checkpoints import CheckpointStore
from search.interrupt import catch_signals
from search.place import Place
from search.settings import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """A place to train, what it is made of, what each training takes of it, and how many run at a time."""

    place: Place
    size: ClusterSize
    each: TrialResources
    concurrent: int


@contextmanager
def sites(settings: Settings, store: CheckpointStore) -> Iterator[Callable[[], Site]]:
    """For the body, a function that gives the site, opening it the first time.

    The function raises what connecting raises: ConnectError, ResourceError.
    """
    opened: list[Site] = []
    with ExitStack() as stack:

        def site() -> Site:
            if not opened:
                opened.append(_local(store) if settings.local else _on_ray(settings, store, stack))
            return opened[0]

        yield site


def _local(store: CheckpointStore) -> Site:
    from search.in_process import InProcess

    # TensorFlow spreads one training over every core here
    size = ClusterSize(cpus=float(os.cpu_count() or 1), gpus=0.0, nodes=1)
    return Site(InProcess(store), size, TrialResources(size.cpus, 0.0), 1)


def _on_ray(settings: Settings, store: CheckpointStore, stack: ExitStack) -> Site:
    # Ray loads here, so that --local works without it
    from cluster.connect import connected

    size = stack.enter_context(connected(settings.address))
    catch_signals()  # ray.init has set a SIGTERM handler of its own
    from search.on_ray import OnRay

    each = trial_resources(size, settings.cpus_per_trial, settings.gpus_per_trial)
    concurrent = settings.max_concurrent or concurrent_trials(size, each)
    return Site(OnRay(each, concurrent, store), size, each, concurrent)
