"""Ray Jobs, which runs a command on a cluster's head and goes on without whoever asked for it.

Asked through its REST API, whose HTTP status says what became of a request; a job is submitted by Ray's own command,
which also sends the project. A job's log is read again and again rather than streamed: whatever breaks, the next answer
is whole.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from cluster.startable import ConnectError

_Answer = TypeVar("_Answer")

RAY: Final = str(Path(sys.executable).with_name("ray"))
_ANSWER_SECONDS: Final = 30
_SUBMIT_SECONDS: Final = 180  # to load Ray, and to send the project over a slow network
_PAUSE_SECONDS: Final = 1.0
_LATE_SECONDS: Final = 15.0
_PATIENCE_SECONDS: Final = 600.0  # with a connection that once was: a computer that wakes up, a network that comes back
_STOP_SECONDS: Final = 60  # for a search to end by itself; Ray Jobs' own 3 would kill it in the middle of a write
_TOKEN_REFUSED: Final = {
    401: "none, and the cluster asks for one (401)",
    403: "one that the cluster refuses (403)",
}
_SERVER_FAULT: Final = 500
_STOPPED_BY_SIGTERM: Final = 128 + 15

# What the cluster needs of the project to run it; the hash of it is its version there
_PROJECT: Final = Path(__file__).resolve().parents[2]
_LEFT_HERE: Final = (".?*", "runs", "tests", "docs", "benchmarks", "__pycache__", "*.egg-info")  # ".*" would be all


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the cluster knows it now.

    `exit_code` is the command's own, None where it has none (yet); `started` is in milliseconds since 1970.
    """

    id: str
    metadata: Mapping[str, str]
    status: str
    exit_code: int | None
    message: str
    started: int
    node: str

    def is_over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self.status in ("SUCCEEDED", "FAILED", "STOPPED")

    def code(self) -> int:
        """The exit code of a job that is over, as a shell would give it.

        Raises:
            ConnectError: when the cluster did not get to run the command, or lost it.
        """
        if self.status == "STOPPED":
            return _STOPPED_BY_SIGTERM
        if self.exit_code is None:
            raise ConnectError(
                f"The cluster must run the job to its end. Received: {self.status}: {self.message.strip()}. "
                "Nothing that was finished is lost: give the same command with its --name again."
            )
        return self.exit_code if self.exit_code >= 0 else 128 - self.exit_code


def find_token(file: Path | None) -> str | None:
    """The cluster's token: that of `file`, else where Ray itself looks for one."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if file is None and "RAY_AUTH_TOKEN" in os.environ:
        return os.environ["RAY_AUTH_TOKEN"].strip() or None
    path = file or (Path(named) if named else Path("~/.ray/auth_token").expanduser())
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def missing_token(received: str) -> ConnectError:
    """What to say when there is no token, or not the right one."""
    return ConnectError(
        f"The cluster's token must be in ~/.ray/auth_token or RAY_AUTH_TOKEN. Received: {received}. Copy it from where "
        "the cluster was started; for a new cluster make one: `ray get-auth-token --generate`, then "
        "`chmod 600 ~/.ray/auth_token`."
    )


@dataclass(frozen=True, slots=True)
class Jobs:
    """The Jobs API at one address, the token sent with every request.

    Each request raises ConnectionError when nothing answers there, something that is no Ray, or a server with a fault
    of its own: it may be better in a moment. It raises ConnectError for what will not be: the token is missing or
    wrong, the request is refused.
    """

    address: str
    token: str | None

    def submit(self, job_id: str, command: str, metadata: Mapping[str, str]) -> None:
        """Have the head run a shell command, in this project as it is here; the cluster keeps it by its hash.

        Nothing happens if there is a job of that id: an answer that got lost is no reason to run it twice.
        """
        if any(job.id == job_id for job in self.all()):
            return
        if not (_PROJECT / "pyproject.toml").is_file():  # else all of site-packages would be sent
            raise ConnectError(
                f"A job must be submitted from the project's own folder, which is sent with it. Received: {_PROJECT}, "
                "where it is installed. Clone the project, and run `make env` there."
            )
        environment = {
            "working_dir": str(_PROJECT),
            "excludes": list(_LEFT_HERE),
            "env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_SECONDS)},
        }
        words = ["--address", self.address, "--submission-id", job_id, "--metadata-json", json.dumps(dict(metadata))]
        # exec: no shell stands between Ray's SIGTERM and the command
        run = [*words, "--runtime-env-json", json.dumps(environment), "--", "exec", "sh", "-c", command]
        self._ray("job", "submit", "--no-wait", *run)

    def all(self) -> tuple[Job, ...]:
        """Every job that was submitted, the oldest first."""
        jobs = [_job(each) for each in self._ask("/api/jobs/") if each["submission_id"]]
        return tuple(sorted(jobs, key=lambda job: job.started))

    def get(self, job_id: str) -> Job:
        """One job, which the cluster must know."""
        return _job(self._ask(_path(job_id)))

    def log(self, job_id: str) -> str:
        """All that it has written so far, stdout and stderr."""
        return str(self._ask(f"{_path(job_id)}/logs")["logs"])

    def stop(self, job_id: str) -> None:
        """Send it SIGTERM; it has a minute to end."""
        self._ask(f"{_path(job_id)}/stop", "POST")

    @contextmanager
    def open(self, path: str, method: str = "GET") -> Iterator[IO[bytes]]:
        """The answer to a request, for the body of the `with`."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        # http or https: the command line takes no other address
        request = urllib.request.Request(self.address + path, headers=headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
                yield answer
        except urllib.error.HTTPError as error:
            raise self._refused(path, error.code) from error
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionError(f"{self.address}: {error}") from error

    def _ask(self, path: str, method: str = "GET") -> Any:
        with self.open(path, method) as answer:
            try:
                return json.load(answer)
            except ValueError as error:
                raise ConnectionError(f"{self.address}: what answers there is no Ray") from error

    def _ray(self, *words: str) -> None:
        """Ray's own command line, given the token by its environment; what fails may do better in a moment."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        token = (
            {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token} if self.token else {"RAY_AUTH_MODE": "disabled"}
        )
        try:
            subprocess.run(  # noqa: S603 - Ray's own command, at the address that the user names
                [RAY, *words],
                env=clean | token,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_SUBMIT_SECONDS,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise ConnectionError(last_line(error.stdout.decode(errors="replace"))) from error
        except subprocess.TimeoutExpired as error:
            raise ConnectionError(f"no answer within {_SUBMIT_SECONDS} s") from error

    def _refused(self, path: str, status: int) -> Exception:
        if status in _TOKEN_REFUSED:
            return missing_token(_TOKEN_REFUSED[status])
        if status >= _SERVER_FAULT:
            return ConnectionError(f"{self.address}: HTTP status {status}")
        return ConnectError(
            f"The cluster's Jobs API must take the request. Received: HTTP status {status} for {self.address}{path}. "
            "Check the address, and that the cluster is the one that the job was submitted to."
        )


class Connection:
    """Jobs behind an address that may change, or not answer for a while; `address` gives the one that holds now.

    `patience_seconds` is how long the first answer may take; `say` is called once when one is late.
    """

    def __init__(
        self, address: Callable[[], str], token: str | None, patience_seconds: float, say: Callable[[str], None]
    ) -> None:
        self._address, self._token, self._patience, self._say = address, token, patience_seconds, say

    def ask(self, question: Callable[[Jobs], _Answer], most_seconds: float = _PATIENCE_SECONDS) -> _Answer:
        """The answer to a question, which is asked again when the connection breaks, for `most_seconds` at the most.

        Raises:
            ConnectError: when there is no answer in time, or the token is missing or wrong.
        """
        asked, is_said = time.monotonic(), False
        while True:
            try:
                answer = question(Jobs(self._address(), self._token))
            except ConnectionError as error:
                if time.monotonic() - asked > min(most_seconds, self._patience):
                    raise ConnectError(
                        f"The cluster's Jobs API must answer. Received: {error}. Check that the cluster is up and the "
                        "address right; a search that was submitted goes on there without this computer."
                    ) from error
                if not is_said and time.monotonic() - asked > _LATE_SECONDS:
                    self._say(f"no answer from the cluster yet: {error}")
                    is_said = True
                time.sleep(_PAUSE_SECONDS)
            else:
                self._patience = _PATIENCE_SECONDS
                return answer


def last_line(text: str) -> str:
    """The last line of a text that has words in it."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no word")


def _path(job_id: str) -> str:
    return f"/api/jobs/{urllib.parse.quote(job_id, safe='')}"


def _job(details: Mapping[str, Any]) -> Job:
    return Job(
        id=details["submission_id"],
        metadata=details["metadata"] or {},
        status=details["status"],
        exit_code=details["driver_exit_code"],
        message=details["message"] or "",
        started=details["start_time"] or 0,
        node=details["driver_node_id"] or "",
    )
