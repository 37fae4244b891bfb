"""Where a submitted search runs, seen from one's own computer: the cluster of a file, or an address of Ray Jobs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.check.document import DocumentError
from cluster.client.archive import fetch
from cluster.client.jobs import Connection, find_token, missing_token
from cluster.client.up import Launcher, Tunnel
from cluster.startable import ConnectError
from search.command.settings import SettingsError, counted
from search.command.submission.flags import RUNS, Submission

_TO_ANSWER_SECONDS: Final = 10.0
_THROUGH_SSH_SECONDS: Final = 90.0  # SSH's own time, and a dashboard that came up a moment ago


@dataclass(frozen=True, slots=True)
class Remote:
    """A cluster that runs searches: that of a file, reached through SSH; or without a launcher any address of Ray Jobs,
    where everything goes through that API, and somebody else starts and ends the cluster."""

    jobs: Connection
    launcher: Launcher | None = None

    def start(self) -> None:
        """Start it with `ray up` unless it is up: then that would start Ray anew on its head, and end the trials."""
        if self.launcher and not self.launcher.is_up():
            require_sound(self.launcher.path)
            self.launcher.up()

    def require_up(self) -> None:
        """Raise ConnectError when its provider knows no head of it; at an address the first request shows it."""
        if self.launcher and not self.launcher.is_up():
            path = self.launcher.path
            raise ConnectError(
                f"The cluster must be up for that. Received: {path}, whose head is not running. To go on with a "
                f"search, give the command that began it; to start the cluster alone: `ray up {path}`."
            )

    def send(self, here: Path, run: str) -> None:
        """Copy a run folder to its head, for a search that went on elsewhere."""
        if self.launcher is None:
            raise SettingsError(
                f"A run must have a folder of its own. Received: {here}, of a run that this cluster does not know. "
                "Use another --name or --output."
            )
        self.launcher.send(here, f"{RUNS}/{run}")

    def fetch(self, run: str, here: Path) -> None:
        """Copy a run folder from its head: with rsync, or packed by a small job.

        Raises:
            ConnectError: when it is not there, does not arrive, or cannot be written here.
        """
        try:
            with _older_log_aside(here):
                if self.launcher:
                    self.launcher.fetch(f"{RUNS}/{run}", here)
                else:
                    fetch(self.jobs, f"{RUNS}/{run}", run, here)
        except OSError as error:
            raise ConnectError(
                f"The run folder must be written here. Received: {error}. Free space there, or fix its rights, and "
                "give the same command again."
            ) from error

    def down(self) -> None:
        """Take the cluster of a file down with `ray down`."""
        if self.launcher:
            self.launcher.down()


@contextmanager
def _older_log_aside(here: Path) -> Iterator[None]:
    """While a run folder is fetched into one that is here: a killed search left its database with a log, and SQLite
    would write the pages in that into the newer database, which has a log of its own or none."""
    log, aside = here / "study.db-wal", here / "study.db-wal.older"
    if log.exists():
        log.replace(aside)
    try:
        yield
    except BaseException:
        if aside.exists() and not log.exists():
            aside.replace(log)
        raise
    aside.unlink(missing_ok=True)


def say(text: str) -> None:
    """Tell who waits at the terminal; stdout is for data."""
    print(text, file=sys.stderr, flush=True)


def require_sound(path: Path) -> None:
    """See that nothing is wrong with a cluster's file, before a machine is started that somebody pays for.

    Raises:
        SettingsError: with every fault of its check.
    """
    # Ray's schema and AWS's load here: a second that a cluster which is up need not cost
    from cluster.check.examine import examine

    faults = examine(path).faults
    if faults:
        listed = "\n".join(map(str, faults))
        raise SettingsError(
            f"The cluster's file must pass its check. Received: {path}, with {counted(len(faults), 'fault')}:\n{listed}"
            f"\nMend them; `python -m cluster.check {path}` looks again."
        )


@contextmanager
def remote(submission: Submission) -> Iterator[Remote]:
    """The cluster that a submission names, for the body of the `with`.

    Raises:
        SettingsError: when its file cannot be used.
        ConnectError: when its token is missing.
    """
    if submission.cluster is None:
        address = str(submission.address)
        yield Remote(Connection(lambda: address, find_token(None), _TO_ANSWER_SECONDS, say))
        return
    try:
        launcher = Launcher(submission.cluster)
    except DocumentError as error:
        raise SettingsError(str(error)) from error
    token_file = launcher.token_file()
    token = find_token(token_file)
    if token_file is not None and token is None:
        raise missing_token(f"no token, and {submission.cluster} sends {token_file} to every node")
    with closing(Tunnel(launcher.path)) as tunnel:
        yield Remote(Connection(tunnel.address, token, _THROUGH_SSH_SECONDS, say), launcher)
