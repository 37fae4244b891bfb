"""Every name of Ray's that is private or undocumented: what each buys, and how the program goes on without it.

Ray ignores a switch that it no longer knows, and the search runs on. For a module or a file that is gone there is a
line on stderr, and the caller gets None.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

UNDOCUMENTED_SWITCHES: Final = {
    # Wait for the reason why the connection to a worker broke, rather than 1 s: that a machine is lost is known after
    # 14 s. It buys the right cause of a trial's failure: a lost machine is no failed attempt of the trial's own.
    # Without it the trial is recorded as "its worker died", which is tried again less often.
    "RAY_timeout_ms_task_wait_for_death_info": "30000",
    # A driver whose Ray is gone looks for it for this long, and not for 60 s, before Ray's code ends the process.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "10",
}

# Names of modules, with commas between them, that each worker imports as soon as Ray has started it. It buys 3 s of the
# 12 s until the first training of a Ray of our own. Without it a worker imports them with its first trial.
PRELOAD: Final = "RAY_preload_python_modules"

_POLL_SECONDS: Final = 0.02
_ENVIRONMENTS: Final = ("DEFAULT_ENV_VARS", "ENV_VARS_TO_PROPAGATE")


def await_started_workers(count: int, patience_seconds: float = 5.0) -> None:
    """Wait until the processes that Ray starts by itself, one a core, have registered with it.

    It buys that trials run in these, which have TensorFlow loaded: an actor that is asked for earlier gets a process
    that Ray starts for it, in one search of three, and its first training comes 3 s later, of 11. Without it a search
    does not wait.
    """
    try:
        from ray._private.state import workers
    except ImportError:
        _say_gone("list of workers")
        return
    deadline = time.monotonic() + patience_seconds
    while len(workers()) < count and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def asks_for_token(address: str, patience_seconds: float = 5.0) -> bool | None:
    """Whether the Ray at HOST:PORT refuses who brings no token; None where it does not say, as one over TLS.

    A driver that brings one to a Ray that has none takes each of that Ray's own calls for a stranger's, and every actor
    dies as it starts. It buys that a token which any `ray.init` has left in ~/.ray does no such harm. Without it the
    token is brought wherever there is one.
    """
    import grpc

    with grpc.insecure_channel(address) as channel:
        is_alive: Any = channel.unary_unary("/ray.rpc.NodeInfoGcsService/CheckAlive")
        try:
            is_alive(b"", timeout=patience_seconds)
        except grpc.RpcError as error:
            return True if error.code() is grpc.StatusCode.UNAUTHENTICATED else None
    return False


@contextmanager
def tune_actors_without_environment() -> Iterator[None]:
    """For the body, have Ray Tune start its actors without a runtime environment.

    It buys that they run in the processes that Ray has started by itself: an actor that has an environment, be it of
    variables that these processes have already, is given another one, which takes 2.2 s where these take 0.6, and has
    yet to load TensorFlow. Without it every trial's process is a new one.
    """
    try:
        class_cache: Any = import_module("ray.tune.execution.class_cache")
        kept = {name: getattr(class_cache, name) for name in _ENVIRONMENTS}
    except (ImportError, AttributeError):
        _say_gone("environment of Tune's actors")
        kept = {}
    for name in kept:
        setattr(class_cache, name, {})
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(class_cache, name, value)


def ray_up_schema() -> dict[str, Any] | None:
    """The JSON schema that `ray up` holds a cluster's file to; a file of the package that is not documented.

    It buys every typing error of a file at once, each with its line: without it `ray up` names the first, without a
    line. Found without importing Ray, which takes a second.

    Raises:
        RuntimeError: when Ray is not installed.
    """
    ray = find_spec("ray")
    if ray is None or not ray.submodule_search_locations:
        raise RuntimeError("A cluster's file is checked by Ray. Received: no package ray. Run `make env`.")
    path = Path(ray.submodule_search_locations[0]) / "autoscaler" / "ray-schema.json"
    if not path.is_file():
        _say_gone("schema of a cluster's file")
        return None
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def log_file(node: str, name: str) -> str:
    """The path and query, at the address of Ray Jobs, of a file in the log folder of a node, whatever its bytes.

    It is what `ray.util.state.get_log` asks for, which cannot be told such an address. It buys the run folder where
    there is no SSH: a job's own log, which is documented, is text, and is held in memory whole. Without it the fetch
    ends with HTTP status 404, and the run folder stays on the head.
    """
    return f"/api/v0/logs/file?{urllib.parse.urlencode({'node_id': node, 'filename': name, 'lines': -1})}"


def _say_gone(what: str) -> None:
    print(f"This Ray has no {what} where it was: left out. See cluster/internals.py.", file=sys.stderr)
