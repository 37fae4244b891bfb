"""Connecting to Ray: the cluster at an address, else one that `ray start` made on this machine, else a new one here."""

from __future__ import annotations

import gc
import logging
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cluster.internals import PRELOAD, UNDOCUMENTED_SWITCHES, asks_for_token
from cluster.resources import ClusterSize, cluster_size, usable_cores
from cluster.startable import ConnectError, has_token, keep_others_out, require_startable, temporary_folder

LOCAL: Final = "local"
_CONNECT_TIMEOUT_SECONDS: Final = 5
_HOST_AND_PORT: Final = re.compile(r"(?:ray://)?\[?([^/\s]+?)\]?:(\d{1,5})")
# Ray speaks gRPC, and so HTTP/2: both sides begin with their settings, a frame of type 4
_HTTP2_SETTINGS: Final = b"\x04"
_HTTP2_GREETING: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + _HTTP2_SETTINGS + bytes(5)
_PROJECT: Final = Path(__file__).resolve().parent.parent

# Read by Ray when it is imported or started, and documented there.
_RAY_SWITCHES: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_COLOR_PREFIX": "0",  # log.txt is no terminal
    "RAY_AIR_NEW_OUTPUT": "0",  # the newer one begins log.txt with a table of 9223372036854775807 trials
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # keep relative --data-dir working in workers
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # five log files a trial that nobody reads: the study has it all
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Tune's own makes Ctrl-C look like success
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial without a value is a failed trial, not the end of the search
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's own record of all trials, written every 10 s and never read back
    "RAY_task_oom_retries": "3",  # a training that no machine's memory can hold; Ray's own default is without end
}

_WORKER_ENVIRONMENT: Final = {"PYTHONPATH": str(_PROJECT), "TF_CPP_MIN_LOG_LEVEL": "2"}
# Of a Ray that others have started, whose machines may have variables and a keras.json of their own
_FOREIGN_WORKERS: Final = {"KERAS_BACKEND": "tensorflow", "KERAS_HOME": os.devnull, "MPLBACKEND": "agg"}


@contextmanager
def connected(
    address: str | None,
    meanwhile: Callable[[], object] = lambda: None,
    preload: Sequence[str] = (),
    say: Callable[[str], object] = lambda text: None,
) -> Iterator[ClusterSize]:
    """Connect to Ray for the body of the `with`; a cluster that was started here ends with it.

    `address` None means RAY_ADDRESS, else a cluster that `ray start` made on this machine, else a new local one.
    `meanwhile` is called in a thread: for seconds there is nothing to do but to wait for Ray's processes. `preload`
    names modules that each worker of a cluster that is started here imports before it takes on anything. `say` is told
    which cluster it is, where others have started it.

    Raises:
        ConnectError: when no cluster answers at the address, or a local one does not start.
    """
    switches = _RAY_SWITCHES | UNDOCUMENTED_SWITCHES
    os.environ.update({name: os.environ.get(name, value) for name, value in switches.items()})
    os.environ[PRELOAD] = ",".join(preload)
    address = choose_address(address or os.environ.get("RAY_ADDRESS"), say)
    try:
        with uncollected():
            import ray

            with ThreadPoolExecutor(1) as thread:
                loading = thread.submit(meanwhile)
                _init(ray, address)
            loading.result()
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _not_connected(address, error) from error
    try:
        yield cluster_size(ray.nodes())
    finally:
        ray.shutdown()


def choose_address(named: str | None, say: Callable[[str], object]) -> str:
    """The address to connect to, where a Ray answers; "local" for one of our own."""
    found = None if named not in (None, "", "auto") else started_on_this_machine()
    if named == "auto" and found is None:
        raise _not_connected("auto", ConnectionError("no cluster that `ray start` made on this machine answers"))
    address = found or named or LOCAL
    if address == LOCAL:
        for line in require_startable():
            say(f"warning: {line}")
        keep_others_out()
        return address
    if found is None:
        try:
            _require_listener(address)
        except (OSError, ValueError, OverflowError) as error:  # a host or a port that cannot be
            raise _not_connected(address, error) from error
    # `ray.init` with an address brings a token only so; to another machine none is sent unasked
    if address == (found or _noted()) and has_token() and asks_for_token(address) is not False:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    say(f"  on the Ray cluster at {address}, {'made by `ray start` on this machine' if found else 'as named'}")
    return address


def _not_connected(address: str, error: Exception) -> ConnectError:
    if address == LOCAL:
        return ConnectError(
            f"The search must start a Ray of its own on this machine. Received: {error}. Its logs are in "
            f"{temporary_folder()}/ray/session_latest/logs; --local searches without Ray, one trial at a time."
        )
    why = f" ({error.__cause__})" if error.__cause__ else ""  # Ray's own message names the address alone
    return ConnectError(
        f"The search must reach the Ray cluster at {address}. Received: {error}{why}. Check --address and `ray status`."
    )


def started_here() -> bool:
    """Whether this process has started the Ray that it is connected to.

    Workers of such a Ray have the driver's variables; on any other one they come as the job's environment (see _init).
    """
    import ray

    return not ray.get_runtime_context().runtime_env


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


def _init(ray: Any, address: str) -> None:
    arguments = {
        "include_dashboard": False,
        "log_to_driver": True,  # the driver's output is log.txt, and a worker's belongs there too
        "logging_level": logging.ERROR,
    }
    if address == LOCAL:
        # what is started here inherits it; a runtime_env would leave the workers that Ray starts ahead unused: 0.5 s
        os.environ.update(_WORKER_ENVIRONMENT | {"PYTHONPATH": _with_project(os.environ.get("PYTHONPATH"))})
        # they inherit this too: a terminal that is closed ends the search, which ends them
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            ray.init(LOCAL, num_cpus=_fewer_cores(), **arguments)
        except Exception as error:
            if type(error) is Exception:  # so Ray says that a busy machine was too slow to start it
                raise ConnectionError(error) from error
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        ray.init(address, **arguments, runtime_env={"env_vars": _WORKER_ENVIRONMENT | _FOREIGN_WORKERS})


def _fewer_cores() -> int | None:
    """The cores that Ray may use, where they are fewer than it would find by itself."""
    cores = usable_cores()
    return cores if cores < (os.cpu_count() or 1) else None


def started_on_this_machine() -> str | None:
    """The address of the last cluster that `ray start` made here, if something answers there.

    It stands in the file that `ray.init` documents. A Ray that another program started for itself is not in it: that
    one ends with its program, and with it a search that had joined it.
    """
    address = _noted()
    try:
        if address is not None:
            _require_listener(address)
    except (OSError, ValueError, OverflowError):  # one that is gone, or no address
        return None
    return address


def _noted() -> str | None:
    try:
        address = (temporary_folder() / "ray" / "ray_current_cluster").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return address if _HOST_AND_PORT.fullmatch(address) else None


def _with_project(path: str | None) -> str:
    entries = (path or "").split(os.pathsep)
    return os.pathsep.join([str(_PROJECT), *(entry for entry in entries if entry not in ("", str(_PROJECT)))])


def _require_listener(address: str) -> None:
    """Ask the port first: where nothing listens, or something that is no Ray, `ray.init` keeps trying for minutes."""
    match = _HOST_AND_PORT.fullmatch(address)
    if match:
        with socket.create_connection((match[1], int(match[2])), timeout=_CONNECT_TIMEOUT_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
                return
            connection.sendall(_HTTP2_GREETING)
            if connection.recv(9)[3:4] != _HTTP2_SETTINGS:
                raise ConnectionError("what listens there is no Ray")
