"""The place that the settings ask for, connected to at the first training that needs one and not before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.connect import connected, uncollected
from cluster.resources import ClusterSize, TrialResources, trial_resources
from search.faults import StorageError
from search.interrupt import catch_signals
from search.places.place import Place
from search.settings import Settings
from search.trials.checkpoints import CheckpointStore

_PRELOAD: Final = "search.places.preloaded"
_GPU: Final = Path("/dev/nvidiactl")  # NVIDIA's driver makes it


@dataclass(frozen=True, slots=True)
class Site:
    """A place to train, what each training takes of it, and how many run at a time, once the cluster has grown to it.

    `size` tells what it is made of: the most that was there at one time. `measured` says what the share of a GPU rests
    on, where it was measured.
    """

    place: Place
    size: Callable[[], ClusterSize]
    each: TrialResources
    concurrent: int
    grows: bool = False
    measured: str = ""


@contextmanager
def sites(settings: Settings, store: CheckpointStore) -> Iterator[Callable[[], Site]]:
    """For the body, a function that gives the site, opening it the first time.

    The function raises what connecting raises: ConnectError, ResourceError; and StorageError, where the checkpoints of
    a cluster would lie on one machine of it.
    """
    opened: list[Site] = []
    with ExitStack() as stack:

        def site() -> Site:
            if not opened:
                opened.append(_local(store) if settings.local else _on_ray(settings, store, stack))
            return opened[0]

        yield site


def _local(store: CheckpointStore) -> Site:
    from search.places.in_process import InProcess

    with uncollected():
        from fashion_model import training  # noqa: F401

    # TensorFlow spreads one training over every core here
    size = ClusterSize(cpus=float(os.cpu_count() or 1), gpus=0.0, nodes=1)
    return Site(InProcess(store), lambda: size, TrialResources(size.cpus, 0.0), 1)


def _on_ray(settings: Settings, store: CheckpointStore, stack: ExitStack) -> Site:
    # Ray loads here, so that --local works without it
    from cluster.capacity import cluster_capacity

    preload = (_PRELOAD,) if all_cores_train(settings) else ()
    stack.enter_context(connected(settings.address, meanwhile=_load_tune, preload=preload))
    catch_signals()  # ray.init has set a SIGTERM handler of its own
    from search.places.ahead import await_processes
    from search.places.on_ray import OnRay

    await_processes()
    capacity = cluster_capacity()
    require_shared_storage(settings, capacity.now().nodes, capacity.can_grow())
    capacity.settle()
    most = capacity.most()
    share, measured = settings.gpus_per_trial, ""
    if share is None and settings.trials > most.gpus > 0:
        share, measured = _measured_share(most)
    each = trial_resources(most, settings.cpus_per_trial, share)
    if settings.max_concurrent is None:
        capacity.require_room(each)
    place = OnRay(each, settings.max_concurrent or (lambda: capacity.room(each)), store)
    concurrent = settings.max_concurrent or capacity.room(each)
    return Site(place, capacity.largest, each, concurrent, capacity.can_grow(), measured)


def require_shared_storage(settings: Settings, machines: int, can_grow: bool) -> None:
    """Trials move from machine to machine, and go on from their checkpoints: these must lie where each one reaches.

    Raises:
        StorageError: when they would lie on the driver's own machine, of several.
    """
    if settings.storage_path is None and (machines > 1 or can_grow):
        grows = " that starts more when trials wait" if can_grow else ""
        raise StorageError(
            "On a cluster, checkpoints must lie where all of its machines reach them. Received: no --storage-path, on "
            f"a cluster of {machines} {'machine' if machines == 1 else 'machines'}{grows}. Name a bucket, as in "
            "--storage-path s3://BUCKET/PATH, or a folder that all machines share."
        )


def all_cores_train(settings: Settings) -> bool:
    """Whether a Ray of our own will have a trial on each core, as far as can be told before it starts. It starts a
    process a core ahead, and 64 of them with TensorFlow, where one GPU is all that there is, would take 20 GB."""
    cores = os.cpu_count() or 1
    single = settings.cpus_per_trial in (None, 1.0) and not settings.gpus_per_trial and not _GPU.exists()
    return single and (settings.max_concurrent or cores) >= cores and settings.trials >= cores


def _load_tune() -> None:
    import search.places.on_ray  # noqa: F401  # 0.6 s


def _measured_share(most: ClusterSize) -> tuple[float, str]:
    """A trial's share of a GPU, and the measurement it rests on; a whole one where nothing could be measured."""
    from search.places.packing import measure_packing

    packing = measure_packing(most.cpus_a_gpu() // 1)
    return (packing.share(), str(packing)) if packing.rates else (1.0, "")
