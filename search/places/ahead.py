"""The processes that a Ray of our own starts ahead, one a core: trials run in them, and find TensorFlow loaded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import ray
from ray.tune.execution import class_cache

_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02


def await_processes() -> None:
    """Wait until they are there, with which they have told Ray of themselves, and load what is to be preloaded: for
    whoever comes before that, Ray starts more."""
    deadline = time.monotonic() + _SECONDS
    cores = int(ray.cluster_resources().get("CPU", 0)) if _is_our_own() else 0
    while len(ray._private.state.workers()) < cores and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


@contextmanager
def processes_started_ahead() -> Iterator[None]:
    """For the body, have Tune use them.

    Tune gives its actors an environment, of variables that these processes have already, and for that Ray starts others
    beside them. On somebody else's Ray, where the whole job has an environment, Tune adds to it as ever.
    """
    names = ("DEFAULT_ENV_VARS", "ENV_VARS_TO_PROPAGATE")
    kept = {name: getattr(class_cache, name) for name in names}
    if _is_our_own():
        for name in names:
            setattr(class_cache, name, {})
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(class_cache, name, value)


def _is_our_own() -> bool:
    """Whether workers have the driver's variables because this process has started Ray: see cluster/connect.py."""
    return not ray.get_runtime_context().runtime_env
