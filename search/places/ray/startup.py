"""How a search on Ray starts: what loads when, in the driver and in its workers, so that the first training comes soon.

    driver, main thread   imports and starts Ray, or connects to it (cluster/connect.py)
    driver, a thread      loads Ray Tune and the place, while Ray starts its processes
    driver, a thread      reads the images, then loads Optuna and the study's modules (search/stages/data.py)
    workers               of a Ray of our own: Ray starts one a core, and each loads TensorFlow before it takes work
                          (preloaded.py), while the driver is still busy with the above
    driver                waits until these have registered, and has Tune run its trials in them (cluster/internals.py)

From the command to the first training this takes 11 s on two cores where loading one after another takes 18
(docs/log.md, 2026-11-25). No module here loads TensorFlow, Tune or Optuna when it is imported: each of them loads where
its line above says, and the imports within functions are those lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster.capacity import Capacity, cluster_capacity
from cluster.connect import connected, started_here
from cluster.internals import await_started_workers
from cluster.resources import trial_resources, usable_cores
from search.command.process.interrupt import catch_signals
from search.command.settings import Settings, counted
from search.places.place import Site
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import StorageError

_PRELOAD: Final = ("search.places.ray.preloaded", "search.places.ray.worker")
_GPU: Final = Path("/dev/nvidiactl")  # NVIDIA's driver makes it


@contextmanager
def connected_site(
    settings: Settings, store: CheckpointStore, say: Callable[[str], object] = lambda text: None
) -> Iterator[Site]:
    """The Ray cluster that the settings name, connected to for the body.

    Raises:
        ConnectError: when it cannot be reached or started.
        ResourceError: when no machine of it has room for a trial.
        StorageError: when the checkpoints would lie on one machine of several.
    """
    preload = _PRELOAD if every_core_trains(settings) else ()
    with connected(settings.address, meanwhile=_load_place, preload=preload, say=say):
        catch_signals()  # ray.init has set a SIGTERM handler of its own
        await_workers()
        yield site_on(settings, store, cluster_capacity())


def every_core_trains(settings: Settings) -> bool:
    """Whether a Ray of our own will have a trial on each core, as far as can be known before it starts. It starts a
    process a core, and 64 of them with TensorFlow, where one GPU is all that there is, would take 20 GB."""
    cores = usable_cores()
    single = settings.cpus_per_trial in (None, 1.0) and not settings.gpus_per_trial and not _GPU.exists()
    return single and (settings.max_concurrent or cores) >= cores and settings.trials >= cores


def await_workers() -> None:
    """Wait for the processes that a Ray of our own starts, one a core."""
    import ray

    if started_here():
        await_started_workers(int(ray.cluster_resources().get("CPU", 0)))


def require_shared_storage(settings: Settings, machines: int, can_grow: bool) -> None:
    """Trials move from machine to machine, and go on from their checkpoints: these must lie where each one reaches.

    Raises:
        StorageError: when they would lie on the driver's own machine, of several.
    """
    if settings.storage_path is None and (machines > 1 or can_grow):
        grows = " that starts more when trials wait" if can_grow else ""
        raise StorageError(
            "On a cluster, checkpoints must lie where all of its machines reach them. Received: no --storage-path, on "
            f"a cluster of {counted(machines, 'machine')}{grows}. Name a bucket, as in "
            "--storage-path s3://BUCKET/PATH, or a folder that all machines share."
        )


def site_on(settings: Settings, store: CheckpointStore, capacity: Capacity) -> Site:
    """What a training takes of the cluster, and how many run on it at a time."""
    from search.places.ray.place import OnRay

    grows = capacity.can_grow()
    require_shared_storage(settings, capacity.now().nodes, grows)
    at_most = settings.max_concurrent or settings.trials
    together = min(settings.trials, at_most)
    if settings.cpus_per_trial is None or settings.gpus_per_trial is None:
        capacity.settle(together, settings.gpus_per_trial)
    size = capacity.now()
    share, measured = settings.gpus_per_trial, ""
    if share is None and together > size.gpus > 0:
        from search.places.ray.packing import measure_packing

        on_each = math.ceil(together / size.gpus)  # Ray fills one GPU before the next: more would leave some idle
        packing = measure_packing(size.cpus_a_gpu() // 1, settings.cpus_per_trial, on_each)
        share, measured = (packing.share(), str(packing)) if packing.rates else (1.0, "")  # nothing could be measured
    each = trial_resources(size, settings.cpus_per_trial, share)
    if settings.max_concurrent is None or capacity.is_fixed():
        capacity.require_room(each)

    def room(trials: int) -> int:
        return min(at_most, capacity.room(each, min(at_most, trials)))

    return Site(OnRay(each, room, store, settings.max_concurrent), capacity.largest, each, room(0), grows, measured)


def _load_place() -> None:
    import search.places.ray.place  # noqa: F401  # with Ray Tune, 0.6 s
