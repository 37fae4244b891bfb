"""SSH hosts on one machine, for what a cluster of several needs: each is made of Linux namespaces, and costs a second.

A host has its own network, processes, name, root file system (changes in memory), /tmp, /dev/shm and SSH server. They
reach one another through a bridge in a namespace of its own, and nothing else: no route leads out. `ray stop` ends
every Ray process that it sees, which is why each has process ids of its own.

Whatever ends the tests ends the hosts: they die with the thread that started them, and what a killed run left behind
under our names is removed before the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
DATA: Final = Path("/usr/share/datasets/fashion-mnist")
_HERE: Final = Path(__file__).resolve().parent
_STATE: Final = Path(tempfile.gettempdir()) / "fashion-search-lab"
_PREFIX: Final = "fslab-"
_NET: Final = "10.99.7"
_TOOLS: Final = ("ip", "unshare", "nsenter", "setpriv", "ssh", "ssh-keygen", "/usr/sbin/sshd", "rsync")
_NAMESPACES: Final = ("unshare", "--fork", "--kill-child", "--pid", "--mount", "--uts", "--ipc")
_LEAST_KIB: Final = 8 * 2**20  # a head, three workers with TensorFlow, and their Rays
_BOOT_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.1


def why_not() -> str:
    """Why this machine cannot have a lab; empty if it can."""
    if os.geteuid() != 0:
        return "namespaces with networks and mounts need root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"it needs {', '.join(missing)}: Debian's iproute2, openssh-server, openssh-client, rsync, util-linux"
    if not DATA.is_dir():
        return f"it needs {DATA}: Debian's dataset-fashion-mnist"
    if _available_kib() < _LEAST_KIB:
        return f"it needs {_LEAST_KIB >> 20} GiB of free memory"
    tried = subprocess.run([*_NAMESPACES, "--net", "true"], capture_output=True)
    return "" if tried.returncode == 0 else "this kernel, or the container around us, allows no namespaces"


def _available_kib() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


@dataclass(frozen=True, slots=True)
class Host:
    """A host that runs: `pid` is its PID 1, seen from here."""

    process: subprocess.Popen[bytes]
    pid: int

    def path(self, name: str) -> Path:
        """A file of the host, seen from here."""
        return Path(f"/proc/{self.pid}/root") / name.lstrip("/")


class Lab:
    """A laptop, a head and workers w1, w2, …; powered off hosts come back with a fresh disk."""

    def __init__(self, workers: int) -> None:
        self.workers = {f"w{number}": f"{_NET}.{10 + number}" for number in range(1, workers + 1)}
        self.addresses = {"laptop": f"{_NET}.2", "head": f"{_NET}.10"} | self.workers
        self.shared = _STATE / "shared"
        self._hosts: dict[str, Host] = {}
        self._started: list[subprocess.Popen[bytes]] = []
        self._closing = threading.Event()
        self._cloud = threading.Thread(target=self._recycle, daemon=True)

    def open(self) -> None:
        """Make keys, network and hosts, and answer the cloud provider's requests from now on."""
        _STATE.mkdir(mode=0o700)
        (self.shared / "cloud").mkdir(parents=True)
        for key in ("user", "host"):
            _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(_STATE / key))
        _run("ip", "netns", "add", f"{_PREFIX}net")
        _run("ip", "-n", f"{_PREFIX}net", "link", "add", "bridge", "type", "bridge")
        _run("ip", "-n", f"{_PREFIX}net", "link", "set", "bridge", "up")
        for name in self.addresses:
            self._plug_in(name)
            self.boot(name)
        self._cloud.start()

    def close(self) -> None:
        """Power everything off, and leave nothing."""
        self._closing.set()
        if self._cloud.ident is not None:
            self._cloud.join()
        for name in list(self._hosts):
            self.power_off(name)
        for process in self._started:
            process.wait()  # its host is off
        _sweep()

    def boot(self, name: str) -> None:
        """Power a host on, with a fresh disk."""
        ready = _STATE / f"{name}.ready"
        ready.unlink(missing_ok=True)
        # --pdeathsig: it ends with us; --kill-child: and so does all that is in its namespaces
        enter = ("setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", _PREFIX + name, *_NAMESPACES)
        with (_STATE / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*enter, "bash", str(_HERE / "boot.sh")],
                env=self._environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for pytest, which then closes the lab
            )
        deadline = time.monotonic() + _BOOT_SECONDS
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not ready.exists() or not children.exists():
            raise RuntimeError(f"{name} did not boot: {(_STATE / f'{name}.log').read_text()}")
        self._hosts[name] = Host(process, int(children.read_text().split()[0]))

    def power_off(self, name: str) -> None:
        """Cut its power: every process of it is gone at once."""
        host = self._hosts.pop(name)
        with suppress(ProcessLookupError):
            os.kill(host.pid, signal.SIGKILL)
        host.process.wait()

    def host(self, name: str) -> Host:
        """A host that runs."""
        return self._hosts[name]

    def command(self, name: str, line: str) -> list[str]:
        """A command for this machine that runs a shell line on a host, as if one had logged in there."""
        host = self._hosts[name]
        enter = ["nsenter", "-t", str(host.pid), "-n", "-p", "-m", "-u", "-i", f"--root=/proc/{host.pid}/root"]
        clean = ["env", "-i", "HOME=/root", "USER=root", "TERM=dumb", "bash", "-lc", f"cd; {line}"]
        return [*enter, f"--wd=/proc/{host.pid}/root", *clean]

    def run(self, name: str, line: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a shell line on a host."""
        return subprocess.run(self.command(name, line), capture_output=True, text=True, timeout=timeout)

    def start(self, name: str, line: str) -> subprocess.Popen[bytes]:
        """Run a shell line on a host, and do not wait for its end."""
        self._started.append(subprocess.Popen(self.command(name, line), stdin=subprocess.DEVNULL))
        return self._started[-1]

    def _plug_in(self, name: str) -> None:
        namespace, net = _PREFIX + name, f"{_PREFIX}net"
        _run("ip", "netns", "add", namespace)
        _run("ip", "-n", net, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        _run("ip", "-n", net, "link", "set", name, "master", "bridge", "up")
        _run("ip", "-n", namespace, "link", "set", "lo", "up")
        _run("ip", "-n", namespace, "addr", "add", f"{self.addresses[name]}/24", "dev", "eth0")
        _run("ip", "-n", namespace, "link", "set", "eth0", "up")
        # Ray asks the kernel which address would be used to the world, and needs a route for an answer: to nobody
        _run("ip", "-n", namespace, "route", "add", "default", "via", f"{_NET}.254")

    def _environment(self, name: str) -> dict[str, str]:
        # the virtual environment as a folder, not as a link into one that a host does not have
        environment = Path(sys.prefix).resolve()
        seen = [ROOT, environment, Path(sys.base_prefix).resolve()]
        profile = (
            f"export PATH={environment}/bin:$PATH RAY_USAGE_STATS_ENABLED=0",
            f"export PYTHONPATH={_HERE}",  # the provider, on the laptop and the head
        )
        names = {"127.0.0.1": "localhost"} | {address: host for host, address in self.addresses.items()}
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "NAME": name,
            "ADDRESS": self.addresses[name],
            "NAMES": "".join(f"{address} {host}\n" for address, host in names.items()),
            "STATE": str(_STATE),
            "SEEN": "\n".join(str(folder) for folder in seen if folder != Path("/usr")),
            "PROFILE": "\n".join(profile),
        }

    def _recycle(self) -> None:
        """What a cloud does with a machine that is given back: off, and free with a fresh disk. See the provider."""
        while not self._closing.wait(_POLL_SECONDS):
            for request in (self.shared / "cloud").glob("*.off"):
                if request.stem in self._hosts:
                    self.power_off(request.stem)
                self.boot(request.stem)
                request.unlink()


@contextmanager
def laboratory(workers: int) -> Iterator[Lab]:
    """A lab for the body of the `with`, the only one on this machine; skips the test where there can be none."""
    reason = why_not()
    if reason:
        pytest.skip(f"no lab: {reason}")
    with (_STATE.with_suffix(".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep()
        lab = Lab(workers)
        try:
            lab.open()
            yield lab
        finally:
            lab.close()


def _sweep() -> None:
    """Remove what there is of a lab: processes, networks, files. Mounts go with the processes that see them."""
    for namespace in [line.split()[0] for line in _run("ip", "netns", "list").splitlines() if line.startswith(_PREFIX)]:
        for pid in _run("ip", "netns", "pids", namespace).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        _run("ip", "netns", "del", namespace)
    shutil.rmtree(_STATE, ignore_errors=True)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
