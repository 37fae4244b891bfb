"""Ray Jobs, the engine that runs a command on a cluster's head and outlives whoever asked for it.

The log is asked for again and again rather than streamed: whatever breaks on the way, the next answer is whole.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cluster.connect import ConnectError

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

_Answer = TypeVar("_Answer")

_ANSWER_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 1.0
_LATE_SECONDS: Final = 15.0
_PATIENCE_SECONDS: Final = 600.0  # with a line that once was: a computer that wakes up, a network that comes back
_STOP_SECONDS: Final = 60  # for a search to end by itself; Ray Jobs' own 3 would kill it in the middle of a write
_SERVER_FAULT: Final = "status code 5"
_STOPPED_BY_SIGTERM: Final = 128 + 15

# What the cluster needs of the project to run it; the hash of it is its version there
_PROJECT: Final = Path(__file__).resolve().parent.parent
_LEFT_HERE: Final = (".?*", "runs", "tests", "docs", "benchmarks", "__pycache__", "*.egg-info")  # ".*" would be all


class JobUnknown(LookupError):
    """The cluster has no job of that id."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the cluster knows it now. `exit_code` is the command's own, None where it has none (yet)."""

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
        """The exit code of a job that is over, as a shell would tell it.

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


class Jobs:
    """The Jobs API at one address, the token sent with every request.

    Raises:
        ConnectError: when the token is missing or wrong.
        ConnectionError: when nothing answers there, or something that is no Ray.
    """

    def __init__(self, address: str, token: str | None) -> None:
        self.address = address
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = _client(address, dict(self.headers))

    def submit(self, job_id: str, command: str, metadata: Mapping[str, str]) -> None:
        """Have the head run a shell command, in this project as it is here; the cluster keeps it by its hash.

        Nothing happens if there is a job of that id: an answer that got lost is no reason to run it twice.
        """
        if any(job.id == job_id for job in self.all()):
            return
        environment = {"working_dir": str(_PROJECT), "excludes": list(_LEFT_HERE)}
        settings = {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_SECONDS)}}
        with _as_connection_error():
            self._client.submit_job(
                submission_id=job_id, entrypoint=command, metadata=dict(metadata), runtime_env=environment | settings
            )

    def all(self) -> tuple[Job, ...]:
        """Every job that was submitted, the oldest first."""
        with _as_connection_error():
            details = self._client.list_jobs()
        jobs = [_job(each) for each in details if each.submission_id]
        return tuple(sorted(jobs, key=lambda job: job.started))

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            JobUnknown: when there is none of that id.
        """
        found = next((job for job in self.all() if job.id == job_id), None)
        if found is None:
            raise JobUnknown(job_id)
        return found

    def log(self, job_id: str) -> str:
        """All that it has written so far, stdout and stderr."""
        with _as_connection_error():
            return str(self._client.get_job_logs(job_id))

    def stop(self, job_id: str) -> None:
        """Send it SIGTERM; it has a minute to end."""
        with _as_connection_error():
            self._client.stop_job(job_id)


class Line:
    """Jobs behind an address that may change, or not answer for a while; `address` says where it is now.

    `patience_seconds` is how long the first answer may take; `say` is told when one is late.
    """

    def __init__(
        self, address: Callable[[], str], token: str | None, patience_seconds: float, say: Callable[[str], None]
    ) -> None:
        self._address, self._token, self._patience, self._say = address, token, patience_seconds, say
        self._jobs: Jobs | None = None

    def ask(self, question: Callable[[Jobs], _Answer]) -> _Answer:
        """The answer to a question, which is put again when the line breaks.

        Raises:
            ConnectError: when there is no answer in time, or the token is missing or wrong.
        """
        asked, is_told = time.monotonic(), False
        while True:
            try:
                address = self._address()
                if self._jobs is None or self._jobs.address != address:
                    self._jobs = Jobs(address, self._token)
                answer = question(self._jobs)
            except ConnectionError as error:
                self._jobs = None
                if time.monotonic() - asked > self._patience:
                    raise ConnectError(
                        f"The cluster's Jobs API must answer. Received: {error}. Check that the cluster is up and the "
                        "address right; a search that was submitted goes on there without this computer."
                    ) from error
                if not is_told and time.monotonic() - asked > _LATE_SECONDS:
                    self._say(f"no answer from the cluster yet: {error}")
                    is_told = True
                time.sleep(_PAUSE_SECONDS)
            else:
                self._patience = _PATIENCE_SECONDS
                return answer


def _client(address: str, headers: dict[str, Any]) -> JobSubmissionClient:
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):  # they would win over the address that is asked for
        os.environ.pop(name, None)
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    logging.disable(logging.WARNING)  # of the upload, on the terminal; what fails is raised

    class Client(JobSubmissionClient):
        def _do_request(self, *arguments: Any, **options: Any) -> Any:
            # without it a connection that died unnoticed is waited for without end
            return super()._do_request(*arguments, timeout=_ANSWER_SECONDS, **options)

    try:
        with _as_connection_error():
            return Client(address, headers=headers)
    except AuthenticationError as error:
        received = "one that the cluster refuses (403)" if headers else "none, and the cluster asks for one (401)"
        raise missing_token(received) from error


@contextmanager
def _as_connection_error() -> Iterator[None]:
    """What may be better in a moment as ConnectionError, so that `Line` asks again; what will not as ConnectError."""
    try:
        yield
    except OSError as error:  # those of the package requests are OSErrors
        raise ConnectionError(_in_one_line(error)) from error
    except RuntimeError as error:  # Ray's client has no other
        told = _in_one_line(error)
        if _SERVER_FAULT in told:
            raise ConnectionError(told) from error
        raise ConnectError(
            f"The Jobs API must take the request. Received: {told}. Check that it is a Ray of this project's version."
        ) from error


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _job(details: JobDetails) -> Job:
    return Job(
        id=str(details.submission_id),
        metadata=details.metadata or {},
        status=str(details.status.value),
        exit_code=details.driver_exit_code,
        message=details.message or "",
        started=details.start_time or 0,
        node=details.driver_node_id or "",
    )
