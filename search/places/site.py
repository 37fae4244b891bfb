"""The place that the settings ask for, connected to at the first training that needs one and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from search.command.settings import Settings
from search.places.place import Site
from search.worker.checkpoints import CheckpointStore


@contextmanager
def sites(
    settings: Settings, store: CheckpointStore, say: Callable[[str], object] = lambda text: None
) -> Iterator[Callable[[], Site]]:
    """For the body, a function that gives the place that the settings ask for, connecting to it at the first call.
    `say` is told which cluster it is.

    The function raises what connecting raises: ConnectError, ResourceError; and StorageError, where the checkpoints of
    a cluster would lie on one machine of it.
    """
    opened: list[Site] = []
    with ExitStack() as stack:

        def site() -> Site:
            if not opened:
                # one of the two loads: --local works without Ray, and a driver of workers without TensorFlow
                if settings.local:
                    from search.places.in_process import local_site

                    opened.append(local_site(store))
                else:
                    from search.places.ray.startup import connected_site

                    opened.append(stack.enter_context(connected_site(settings, store, say)))
            return opened[0]

        yield site
