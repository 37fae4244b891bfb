"""Where a submitted search runs, seen from one's own computer: the cluster of a file, or an address of Ray Jobs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from cluster.connect import ConnectError
from cluster.jobs import Line, find_token, missing_token
from cluster.up import ClusterFile, ClusterFileError
from search.settings import SettingsError
from search.submission.flags import RUNS, Submission

_TO_ANSWER_SECONDS: Final = 10.0
_THROUGH_SSH_SECONDS: Final = 90.0  # SSH's own time, and a dashboard that came up a moment ago


class Remote(Protocol):
    """A cluster that runs searches; `line` leads to its jobs."""

    line: Line
    storage_path: str | None  # where its nodes may keep checkpoints, if that is known

    def start(self) -> None:
        """Have it up, which may take minutes."""

    def require_up(self) -> None:
        """Raise ConnectError when it is known to be down."""

    def send(self, here: Path, run: str) -> None:
        """Copy a run folder to it, for a search that went on elsewhere."""

    def fetch(self, run: str, here: Path) -> None:
        """Copy a run folder from it."""

    def down(self) -> None:
        """Take it down."""


class FileRemote:
    """See Remote. Everything through SSH, with the key and account that the cluster file names."""

    def __init__(self, file: ClusterFile, line: Line) -> None:
        self._file, self.line, self.storage_path = file, line, file.storage_path()

    def start(self) -> None:
        """See Remote. One that is up stays as it is, trials and all: `ray up` would start Ray anew on its head."""
        if not self._file.is_up():
            require_sound(self._file.path)
            self._file.up()

    def require_up(self) -> None:
        """See Remote."""
        if not self._file.is_up():
            raise ConnectError(
                f"The cluster must be up for that. Received: no head of {self._file.path} is. A search that was begun "
                f"there goes on with the command that began it, or start it with `ray up {self._file.path}`."
            )

    def send(self, here: Path, run: str) -> None:
        """See Remote."""
        self._file.send(here, f"{RUNS}/{run}")

    def fetch(self, run: str, here: Path) -> None:
        """See Remote."""
        self._file.fetch(f"{RUNS}/{run}", here)

    def down(self) -> None:
        """See Remote."""
        self._file.down()


class AddressRemote:
    """See Remote. Everything through the Jobs API: somebody else starts and ends the cluster."""

    storage_path: str | None = None

    def __init__(self, line: Line) -> None:
        self.line = line

    def start(self) -> None:
        """See Remote: the first question finds out."""

    def require_up(self) -> None:
        """See Remote: the first question finds out."""

    def send(self, here: Path, run: str) -> None:
        """See Remote."""
        raise SettingsError(
            f"A run must have a folder of its own. Received: {here}, of a run that this cluster does not know. "
            "Use another --name or --output."
        )

    def fetch(self, run: str, here: Path) -> None:
        """See Remote."""
        from cluster.archive import fetch

        fetch(self.line, f"{RUNS}/{run}", run, here)

    def down(self) -> None:
        """See Remote. --down is refused with --address."""
        raise NotImplementedError


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def require_sound(path: Path) -> None:
    """See that nothing is wrong with a cluster's file, before a machine is started that somebody pays for.

    Raises:
        SettingsError: with every fault of its check.
    """
    from cluster.check import examine  # Ray's schema and AWS's, a second that a cluster which is up need not cost

    faults = examine(path).faults
    if faults:
        told = "\n".join(map(str, faults))
        raise SettingsError(
            f"The cluster's file must pass its check. Received: {path}, with {_count(len(faults))}:\n{told}\n"
            f"Mend them; `python -m cluster.check {path}` looks again."
        )


def _count(faults: int) -> str:
    return f"{faults} fault{'' if faults == 1 else 's'}"


@contextmanager
def remote(submission: Submission) -> Iterator[Remote]:
    """The cluster that a submission names, for the body of the `with`.

    Raises:
        SettingsError: when its file cannot be used.
        ConnectError: when its token is missing.
    """
    if submission.cluster is None:
        address = str(submission.address)
        yield AddressRemote(Line(lambda: address, find_token(None), _TO_ANSWER_SECONDS, _say))
        return
    try:
        file = ClusterFile(submission.cluster)
    except ClusterFileError as error:
        raise SettingsError(str(error)) from error
    token_file = file.token_file()
    token = find_token(token_file)
    if token_file is not None and token is None:
        raise missing_token(f"no token, and {submission.cluster} sends {token_file} to every node")
    with file.tunnel() as tunnel:
        yield FileRemote(file, Line(tunnel.address, token, _THROUGH_SSH_SECONDS, _say))
