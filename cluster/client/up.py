"""A cluster of a `ray up` file, from one's own computer: start it, reach its Jobs API, copy folders, take it down.

All of it is Ray's own command line, each command in a process of its own: what it prints goes to stderr, it may end
its process as it likes, and Ray is not loaded here.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.check.cluster_file import Kind, read
from cluster.check.content_rules import nothing_is_left_to_fill_in
from cluster.check.document import DocumentError
from cluster.check.forecast import forecast
from cluster.client.jobs import RAY, last_line
from cluster.startable import ConnectError

_STDERR: Final = 2  # stdout is for data
_SECONDS_TO_END: Final = 10


@dataclass(frozen=True, slots=True)
class Launcher:
    """Ray's cluster launcher with a file for `ray up`.

    Raises:
        DocumentError: when it is not there, is none, or still has a placeholder.
    """

    path: Path

    def __post_init__(self) -> None:
        file = read(self.path)
        if file.kind is Kind.KUBERAY:
            raise DocumentError(
                f"--cluster must name a file for `ray up`. Received: {self.path}, which is KubeRay's. Apply it with "
                "kubectl and give --address."
            )
        if left := list(nothing_is_left_to_fill_in(file)):
            places = ", ".join(f"line {each.place.line()}: {each.received}" for each in left)
            raise DocumentError(
                f"The cluster file must have no placeholder left. Received: {self.path}, {places}. The comments there "
                "say what belongs in their place."
            )

    def token_file(self) -> Path | None:
        """The file here whose token every node gets; None where they get none."""
        source = read(self.path).root.value("file_mounts", "~/.ray/auth_token")
        return Path(source).expanduser() if source else None

    def price(self) -> float | None:
        """What an hour with all the machines that the file allows costs (USD), where the file has their prices."""
        return forecast(read(self.path)).at_most.usd_per_hour

    def storage_path(self) -> str | None:
        """Where every node may keep checkpoints, by the file's `metadata.storage_path`, which Ray does not read."""
        storage = read(self.path).storage
        return storage and storage[1]

    def is_up(self) -> bool:
        """Whether there is a head that was set up to its end.

        `ray get-head-ip` ends with 1 where there is none, and where that cannot be found out. `ray get-worker-ips`
        needs no head, so that it tells the two apart; the head is then asked for once more, as the network may have
        been away the first time.

        Raises:
            ConnectError: when it cannot be found out: no credentials, no network.
        """
        if self._quietly("get-head-ip").returncode == 0:
            return True
        asked = self._quietly("get-worker-ips")
        if asked.returncode:
            raise ConnectError(
                f"The cluster's provider must say which machines are up. Received: {last_line(asked.stderr)}. "
                f"Check the credentials and {self.path}."
            )
        return self._quietly("get-head-ip").returncode == 0

    def up(self) -> None:
        """Start the cluster, or finish what was begun of it. Ray on a head that is up would be started anew.

        Raises:
            ConnectError: when it does not come up.
        """
        self._ray("up", "--yes", str(self.path))

    def down(self) -> None:
        """Take the cluster down, every machine of it."""
        self._ray("down", "--yes", str(self.path))

    def fetch(self, there: str, here: Path) -> None:
        """Copy a folder of the head to this computer; what is here already is brought up to date.

        Raises:
            ConnectError: when it is not there, or the way to it is broken.
        """
        here.mkdir(mode=0o700, parents=True, exist_ok=True)  # its owner's, as every run is
        self._ray("rsync-down", str(self.path), f"{there}/", f"{here}/")

    def send(self, here: Path, there: str) -> None:
        """Copy a run folder of this computer to the head, unless the head has one on which a search worked later: a Ray
        that was started anew knows nothing of its jobs."""
        sent, mark = f"{there}+sent", "sessions.json"  # no run has a plus in its name
        self._ray("exec", str(self.path), f"rm -rf {sent} && mkdir -p {sent}")
        self._ray("rsync-up", str(self.path), f"{here}/", f"{sent}/")
        keep = f"echo 'the {there} of the head is newer, and stays'; rm -r {sent}"
        replace = f"rm -rf {there} && mv {sent} {there}"
        newer = f"[ {there}/{mark} -nt {sent}/{mark} ]"
        self._ray("exec", str(self.path), f"if {newer}; then {keep}; else {replace}; fi")

    def _quietly(self, word: str) -> subprocess.CompletedProcess[str]:
        command = [RAY, word, str(self.path)]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # noqa: S603 - see _ray

    def _ray(self, *words: str) -> None:
        environment = {"RAY_USAGE_STATS_ENABLED": "0"} | os.environ
        code = subprocess.run(  # noqa: S603 - Ray's own command on a file that the user names
            [RAY, *words], stdin=subprocess.DEVNULL, stdout=_STDERR, env=environment
        ).returncode
        if code:
            raise ConnectError(
                f"`ray {words[0]}` must succeed. Received: exit code {code}; what it said is above. "
                "Mend the cause and give the same command again: it goes on from there."
            )


class Tunnel:
    """`ray dashboard`: SSH with the cluster's own key, from a free port here to the dashboard's port on the head.

    It is started when its address is first asked for, and again when it is asked for after it broke.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""

    def address(self) -> str:
        """Where the dashboard will answer on this computer."""
        if self._process is None or self._process.poll() is not None:
            port = _free_port()
            self._process = subprocess.Popen(  # noqa: S603 - see Launcher._ray
                [RAY, "dashboard", str(self._path), "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the command that reads the log through it
            )
            self._address = f"http://127.0.0.1:{port}"
        return self._address

    def close(self) -> None:
        """End it, ssh included."""
        if self._process is None or self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
