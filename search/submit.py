"""The command: a search on a cluster, submitted, followed and fetched from one's own computer.

python -m search.submit --cluster cluster/config.yaml --trials 50
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cluster.client.jobs import Job
from cluster.startable import ConnectError
from search.command.process.inherited import prepare_streams
from search.command.settings import SettingsError
from search.command.submission.attempts import FLAGS, RUN, USAGE, Attempt, find, next_attempt
from search.command.submission.flags import FIRST_LINE, Submission, entrypoint, parse_submission, search_flags
from search.command.submission.remote import Remote, remote, say

_POLL_SECONDS: Final = 2.0
_BYTES_A_SECOND: Final = 20_000  # of a log that is read again and again
_SUBMIT_SECONDS: Final = 120.0  # a submission that fails for longer is refused


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: see --help."""
    if arguments is None:
        prepare_streams()
    _end_cleanly_when_told_to()
    try:
        return _with_cluster(parse_submission(arguments))
    except SettingsError as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted: the same command again finds out what there is, and goes on from there")
        return 130


def _end_cleanly_when_told_to() -> None:
    """A closed terminal ends this command as Ctrl-C does, so that the tunnel ends with it; `nohup` keeps it open."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _with_cluster(submission: Submission) -> int:
    try:
        with remote(submission) as place:
            if submission.stop:
                return _stop(place, submission.stop)
            attempt = _begun(place, submission.follow) if submission.follow else _begin(submission, place)
            return _see_to_its_end(submission, place, attempt)
    except ConnectError as error:
        say(f"error: {error}")
        return 4


def _stop(place: Remote, asked: str) -> int:
    attempt = _begun(place, asked)
    place.jobs.ask(lambda jobs: jobs.stop(attempt.job_id))
    while not (job := place.jobs.ask(lambda jobs: jobs.get(attempt.job_id))).is_over():
        time.sleep(_POLL_SECONDS)
    say(f"{job.id} has ended ({job.status}). What is finished is kept on the cluster: --follow {job.id} fetches it")
    return 0


def _begun(place: Remote, asked: str) -> Attempt:
    """A search that was submitted before, by the name of its run or the id of its job."""
    place.require_up()
    return find(place.jobs.ask(lambda jobs: jobs.all()), asked)


def _begin(submission: Submission, place: Remote) -> Attempt:
    """Have the search under way: begin it, go on with it, or find that it is."""
    settings = submission.request.settings
    file = place.launcher
    flags = search_flags(submission.request, file.storage_path() if file else None, file.price() if file else None)
    place.start()
    jobs = place.jobs.ask(lambda jobs: jobs.all())
    attempt = next_attempt(jobs, submission.request, flags, lambda job: _is_fetched(submission.output, job))
    if not attempt.is_new:
        say(f"{attempt.job_id} was submitted before: this command follows it")
        return attempt
    here = submission.output / attempt.run
    if here.exists() and not settings.overwrite and all(job.metadata.get(RUN) != attempt.run for job in jobs):
        place.send(here, attempt.run)  # a run of a cluster that was taken down since, or whose Ray was
    command = entrypoint(attempt.run, flags, overwrite=settings.overwrite)
    metadata = {RUN: attempt.run, FLAGS: flags}
    place.jobs.ask(lambda jobs: jobs.submit(attempt.job_id, command, metadata), _SUBMIT_SECONDS)
    say(f"submitted: {attempt.job_id}. It goes on without this computer; Ctrl-C only ends the watching")
    return attempt


def _see_to_its_end(submission: Submission, place: Remote, attempt: Attempt) -> int:
    try:
        job = _follow(place, attempt.job_id)
    except KeyboardInterrupt:
        say(f"\nleft running: {attempt.job_id} goes on without this computer")
        say(f"back to it: {submission.to_follow(attempt.job_id)}")
        say(f"end it: {submission.to_stop(attempt.job_id)}")
        return 130
    code = job.code()
    did_not_begin = code == USAGE and attempt.job_id == attempt.run  # a later attempt was at a run that is there
    is_here = not did_not_begin and _fetch(submission, place, attempt.run, code)
    if code > USAGE:
        say(f"the search ended with exit code {code}. It goes on with the same command and --name {attempt.run}")
    if submission.down and (is_here or did_not_begin):
        place.down()
    elif submission.down:
        say("the cluster stays up: what the search found there is not here")
    return code


def _follow(place: Remote, job_id: str) -> Job:
    """Show what the search writes until the job is over; what Ray writes before it is left out."""
    shown = 0
    while True:
        job, log = place.jobs.ask(lambda jobs: (jobs.get(job_id), jobs.log(job_id)))
        lines = log.partition(f"{FIRST_LINE}\n")[2]
        sys.stderr.write(lines[shown:])
        sys.stderr.flush()
        shown = len(lines)
        if job.is_over():
            return job
        time.sleep(_POLL_SECONDS + len(log) / _BYTES_A_SECOND)


def _is_fetched(output: Path, job: Job) -> bool:
    """Whether all that a job left, whose search came to its end, is here: its report is younger than the job."""
    outcome, report = (output / job.metadata[RUN] / name for name in ("outcome.json", "report.html"))
    return outcome.exists() and report.exists() and 1000 * report.stat().st_mtime >= job.started


def _fetch(submission: Submission, place: Remote, run: str, code: int) -> bool:
    """Bring the run folder here. Whether there is one: a search that failed before it began left none."""
    here = submission.output / run
    if submission.request.settings.overwrite and code != USAGE and (here / "config.json").is_file():
        shutil.rmtree(here)
    try:
        place.fetch(run, here)
    except ConnectError as error:
        if not code:
            raise
        say(f"no run folder was fetched: {error}")
        return False
    report = here / ("report.json" if submission.request.as_json else "report.html")
    if report.exists():
        print(report.read_text(encoding="utf-8") if submission.request.as_json else report)
    return True


if __name__ == "__main__":
    raise SystemExit(main())
