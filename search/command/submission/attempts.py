"""Which job of a cluster a submitted search is: one that is there, or the next attempt at it.

A job's id is its run's name; Ray gives an id away once, so further attempts are NAME-2, NAME-3, … What a job is of it
says in its metadata.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cluster.client.jobs import Job
from search.command.arguments import Request
from search.command.settings import SettingsError

RUN: Final = "run"  # keys of a job's metadata
FLAGS: Final = "flags"
USAGE: Final = 2  # the search's exit code when it did not begin


@dataclass(frozen=True, slots=True)
class Attempt:
    """The job to follow, and the run that it works on; `is_new` when it is yet to be submitted."""

    run: str
    job_id: str
    is_new: bool


def next_attempt(jobs: Sequence[Job], request: Request, flags: str, is_fetched: Callable[[Job], bool]) -> Attempt:
    """What the command means, with the jobs that the cluster has, the oldest first.

    The same command again never begins a second search while the first one runs, or before what it left was fetched.
    A name says which run is meant: one that ended early, or is asked for more, goes on.
    """
    key, value = (RUN, request.settings.name) if "name" in request.given else (FLAGS, flags)
    mine = [job for job in jobs if job.metadata.get(key) == value and RUN in job.metadata]
    if mine and _is_the_answer(mine[-1], request, flags, is_fetched):
        return Attempt(mine[-1].metadata[RUN], mine[-1].id, is_new=False)
    run = request.settings.name
    taken = {job.id for job in jobs}
    names = itertools.chain([run], (f"{run}-{attempt}" for attempt in itertools.count(2)))
    return Attempt(run, next(name for name in names if name not in taken), is_new=True)


def find(jobs: Sequence[Job], asked: str) -> Attempt:
    """The search that was submitted under a job's id, or the last attempt at a run of that name.

    Raises:
        SettingsError: when there is none.
    """
    searches = [job for job in jobs if RUN in job.metadata]
    found = [job for job in searches if asked in (job.id, job.metadata[RUN])]
    if not found:
        known = ", ".join(job.id for job in searches)
        raise SettingsError(
            "--follow and --stop must name a search that was submitted there. "
            f"Received: {asked}; the cluster knows {known or 'none'}."
        )
    return Attempt(found[-1].metadata[RUN], found[-1].id, is_new=False)


def _is_the_answer(latest: Job, request: Request, flags: str, is_fetched: Callable[[Job], bool]) -> bool:
    if not latest.is_over():
        return True
    is_complete = latest.status == "SUCCEEDED" and latest.metadata[FLAGS] == flags
    if request.settings.overwrite:
        return is_complete and not is_fetched(latest)  # it may be what this very command began
    if "name" not in request.given:
        return latest.exit_code != USAGE and not is_fetched(latest)
    return is_complete
