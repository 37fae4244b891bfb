"""Connecting to Ray: the cluster at an address, else one running on this machine, else a new one here."""

from __future__ import annotations

import gc
import logging
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cluster.capacity import size_now
from cluster.resources import ClusterSize

_CONNECT_TIMEOUT_SECONDS: Final = 10
# Ray speaks gRPC, and so HTTP/2: both sides begin with their settings, a frame of type 4
_HTTP2_SETTINGS: Final = b"\x04"
_HTTP2_GREETING: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + _HTTP2_SETTINGS + bytes(5)
_PROJECT: Final = Path(__file__).resolve().parent.parent

# Read by Ray when it is imported or started. Each is its switch for something that the search does itself.
_RAY_SWITCHES: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_COLOR_PREFIX": "0",  # log.txt is no terminal
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # keep relative --data-dir working in workers
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # five log files a trial that nobody reads: the study has it all
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's own makes Ctrl-C look like success
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial without a value is a failed trial, not the end of the search
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's own record of all trials, written every 10 s and never read back
    # wait until it is known what broke the line to a worker, rather than 1 s: a lost machine is found out after 14 s
    "RAY_timeout_ms_task_wait_for_death_info": "30000",
    "RAY_task_oom_retries": "3",  # a training that no machine's memory can hold; Ray's own default is without end
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # leave CUDA_VISIBLE_DEVICES alone for tasks without a GPU
}

_PRELOAD: Final = "RAY_preload_python_modules"  # read by the raylet, for each worker that it starts
_WORKER_ENVIRONMENT: Final = {"PYTHONPATH": str(_PROJECT), "TF_CPP_MIN_LOG_LEVEL": "2"}


class ConnectError(Exception):
    """Ray cannot be started or reached."""


@contextmanager
def connected(
    address: str | None, meanwhile: Callable[[], object] = lambda: None, preload: Sequence[str] = ()
) -> Iterator[ClusterSize]:
    """Connect to Ray for the body of the `with`; a cluster that was started here ends with it.

    `address` None means RAY_ADDRESS, else a running cluster of this machine, else a new local one. `meanwhile` is
    called in a thread: for seconds there is nothing to do but to wait for Ray's processes. `preload` names modules that
    each worker of a cluster that is started here imports before it takes on anything.

    Raises:
        ConnectError: when no cluster answers at the address, or a local one does not start.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in _RAY_SWITCHES.items()})
    os.environ[_PRELOAD] = ",".join(preload)
    try:
        with uncollected():
            import ray

            _require_listener(address or os.environ.get("RAY_ADDRESS"))
            with ThreadPoolExecutor(1) as beside:
                other = beside.submit(meanwhile)
                _init(ray, address)
            other.result()
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"the Ray cluster at {address}" if address else "a local Ray cluster"
        raise ConnectError(
            f"The search must reach {where}. Received: {error}. Check --address and `ray status`."
        ) from error
    try:
        yield size_now(ray.nodes())
    finally:
        _end(ray)


@contextmanager
def uncollected() -> Iterator[None]:
    """Load modules in the body: no garbage is looked for, and what is loaded is left out whenever it is, later on.

    Loading TensorFlow and Keras takes 2.5 s so, and 3.5 s with garbage collected all the while; all that there was to
    collect are some 3,000 objects. And Keras collects between two trials: 0.02 s, and 0.2 s with TensorFlow in it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _end(ray: Any) -> None:
    """Leave the cluster, and end it if it was started here.

    Ray's API server does not end when it is told to, and Ray then waits a second before it kills it.
    """
    node = ray._private.worker._global_node
    for process in node.all_processes.get("dashboard", []) if node is not None else []:
        process.process.kill()
    ray.shutdown()


def _init(ray: Any, address: str | None) -> None:
    arguments = {
        "include_dashboard": False,
        "log_to_driver": True,  # the driver's output is log.txt, and a worker's belongs there too
        "logging_level": logging.ERROR,
    }
    remote = arguments | {"runtime_env": {"env_vars": _WORKER_ENVIRONMENT}}
    if address is None and "RAY_ADDRESS" not in os.environ:
        try:
            ray.init("auto", **remote)
        except ConnectionError:
            address = "local"
        else:
            return
    if address == "local":
        # what is started here inherits it; a runtime_env would leave the workers that Ray starts ahead unused: 0.5 s
        os.environ.update(_WORKER_ENVIRONMENT | {"PYTHONPATH": _with_project(os.environ.get("PYTHONPATH"))})
        ray.init("local", **arguments)
    else:
        ray.init(address, **remote)


def _with_project(path: str | None) -> str:
    entries = (path or "").split(os.pathsep)
    return os.pathsep.join([str(_PROJECT), *(entry for entry in entries if entry not in ("", str(_PROJECT)))])


def _require_listener(address: str | None) -> None:
    """Ask the port first: where nothing listens, or something that is no Ray, `ray.init` keeps trying for minutes."""
    match = re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)", address or "")
    if match:
        with socket.create_connection((match[1], int(match[2])), timeout=_CONNECT_TIMEOUT_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                return
            connection.sendall(_HTTP2_GREETING)
            if connection.recv(9)[3:4] != _HTTP2_SETTINGS:
                raise ConnectionError("what listens there is no Ray")
