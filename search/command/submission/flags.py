"""The command line of `python -m search.submit`, and the command that it has the cluster run. Imports nothing heavy.

What is asked of the search is read by the search's own parser, here, before any machine is started; what the cluster
runs is made of the settings that come out, so that a --config file stays on this computer.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from search.command.arguments import Request, parse
from search.command.flags import flags_of
from search.command.no_effect import refuse_empty
from search.command.settings import SettingsError, flags_in_words, without_password
from search.command.settings_files import read_run

FIRST_LINE: Final = "search.submit: the search begins here"  # of its log; what stands above is Ray's
RUNS: Final = "~/fashion-search/runs"  # on the head, which is where the project's folder is too
_STAYS_HERE: Final = frozenset({"name", "output", "overwrite", "address", "local"})

_DESCRIPTION: Final = """\
Run a search on a cluster, from a computer that may be closed meanwhile: start the cluster or reuse the one that is up,
submit the search through Ray Jobs, show its progress, fetch the run folder.
"""
_EXAMPLES: Final = """\
most other flags are search.run's own: python -m search.run --help. --output is where the run folder comes to on this
computer; --data, --data-dir, --storage and --storage-path are paths and addresses as the cluster sees them.

examples:
  python -m search.submit --cluster cluster/config.yaml --trials 50 --storage-path s3://BUCKET/PATH
  python -m search.submit --address http://localhost:8265 --trials 50      KubeRay's service, or any Ray Jobs address
  python -m search.submit --cluster cluster/config.yaml --follow NAME      after Ctrl-C, or on another day

The same command again follows the search that it began, and brings its run folder; with --name it also goes on with one
that ended early. Ctrl-C leaves the search running and says how to come back to it; --stop ends it.

exit codes: the search's own (python -m search.run --help); 4 also when the cluster cannot be started or reached, 130
            when Ctrl-C left the search running, 143 when it was ended by --stop
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What to do, and where: `cluster` or `address`, one of the two. `follow` and `stop` leave no search to begin."""

    cluster: Path | None
    address: str | None
    follow: str | None
    stop: str | None
    down: bool
    output: Path
    request: Request

    def to_follow(self, job_id: str) -> str:
        """The command that comes back to a submitted search, and does with its run folder what was asked."""
        output = ["--output", str(self.output)] if "output" in self.request.given else []
        return self._command("--follow", job_id, *output, *(["--down"] if self.down else []))

    def to_stop(self, job_id: str) -> str:
        """The command that ends it."""
        return self._command("--stop", job_id)

    def _command(self, *words: str) -> str:
        place = ["--cluster", str(self.cluster)] if self.cluster else ["--address", str(self.address)]
        return shlex.join(["python", "-m", "search.submit", *place, *words])


def parse_submission(arguments: Sequence[str] | None) -> Submission:
    """Parse the command line; argparse ends the process on --help (0) and on a wrong flag (2).

    Raises:
        SettingsError: when a value breaks its rule, or a flag makes no sense on a cluster.
    """
    parser = _parser()
    own, rest = parser.parse_known_args(arguments)
    refuse_empty(vars(own))
    if (own.cluster is None) == (own.address is None):
        received = "both" if own.cluster else "neither"
        raise SettingsError(f"One of --cluster FILE and --address URL must be given. Received: {received}.")
    if own.address and not own.address.startswith(("http://", "https://")):
        raise SettingsError(
            f"--address must be that of Ray Jobs, as http://HOST:8265. Received: {own.address}. "
            "A search from a machine of the cluster is `python -m search.run --address`."
        )
    if own.down and (own.address or own.stop):
        received = f"--down with {'--stop' if own.stop else '--address'}"
        raise SettingsError(
            f"--down must come with --cluster, and without --stop. Received: {received}. To take a cluster down now: "
            "`ray down FILE`."
        )
    if any(word.partition("=")[0] == "--resume" for word in rest):
        raise SettingsError(
            "--resume is for a run on this computer. Received: --resume. To go on with a submitted search, give "
            "--name NAME and the same flags."
        )
    request = parse(rest, parser.error)
    _refuse_what_stays_here(request)
    if (own.follow or own.stop) and (ignored := request.given - {"output", "overwrite"}):
        raise SettingsError(
            f"--follow and --stop take a search as it was submitted. Received: with {flags_in_words(ignored)}. Leave "
            "out one or the other; --name NAME without them goes on with a search."
        )
    return Submission(
        cluster=own.cluster,
        address=own.address and own.address.rstrip("/"),
        follow=own.follow,
        stop=own.stop,
        down=own.down,
        output=Path(request.settings.output),
        request=request,
    )


def _refuse_what_stays_here(request: Request) -> None:
    settings = request.settings
    here = {
        "--local": settings.local,
        "--report-only": request.report_only,
        "--dry-run": request.dry_run,
        "--print-config": request.print_config,
    }
    _refuse(here, "run on the cluster", "Leave it out, or give it to `python -m search.run` here")
    begun = settings.run_dir() / "config.json"
    if begun.is_file() and not settings.overwrite and read_run(begun).get("local"):
        raise SettingsError(
            "A run that was begun with --local goes on in one process, also on a cluster. Received: "
            f"{settings.run_dir()}. Give another --name, or go on with it here: {settings.resume_command()}."
        )
    later = {
        "--fail-unless-better": request.least_gain is not None,
        "--to-mlflow": request.mlflow,
        "--format md": request.as_markdown,
    }
    at_its_end = "Give it to `python -m search.run --report-only runs/NAME` once the folder is here"
    _refuse(later, "only bring its run folder", at_its_end)
    for flag, url in (("--storage", settings.storage), ("--storage-path", settings.storage_path)):
        if url and without_password(url) != url:
            raise SettingsError(
                f"{flag} must have no password: everybody who sees the cluster's jobs sees their command. Received: "
                f"{without_password(url)}. Set PGPASSWORD or ~/.pgpass on the cluster, or give its machines a role."
            )


def _refuse(flags: Mapping[str, object], rule: str, remedy: str) -> None:
    """Refuse those of the flags that are given."""
    if given := ", ".join(flag for flag, is_given in flags.items() if is_given):
        raise SettingsError(f"A submitted search must {rule}. Received: {given}. {remedy}.")


def search_flags(request: Request, storage_path: str | None = None, price: float | None = None) -> str:
    """The flags that ask the same of the search on the cluster, but for its name and folders.

    Those that were not given are left out: a run that goes on keeps its own. `storage_path` is the cluster's, for a
    search that names none, as is the `price` of all its machines for an hour.
    """
    words = ["--storage-path", storage_path] if storage_path and "storage_path" not in request.given else []
    if price and "price_per_hour" not in request.given:
        words += ["--price-per-hour", f"{price:g}", "--price-source", "all machines of the cluster's file"]
    words += [word for flag in flags_of(request.settings, request.given - _STAYS_HERE) for word in flag]
    loud = "-v" if request.verbosity > 0 else "-q"
    return shlex.join([*words, *([loud] * abs(request.verbosity))])


def entrypoint(run: str, flags: str, *, overwrite: bool) -> str:
    """The command for the cluster's head: begin the run, or go on with it wherever it is, as often as it is given."""
    begin = f"set -- --name {run} --output {RUNS}{' --overwrite' if overwrite else ''}"
    go_on = f"set -- --resume {RUNS}/{run}"
    how = begin if overwrite else f"if [ -e {RUNS}/{run}/config.json ]; then {go_on}; else {begin}; fi"
    # sleep: Ray writes to the log, too, once it has started this command
    # exec: the exit code and SIGTERM are the search's own, with no shell between
    return f'sleep 0.5; echo "{FIRST_LINE}"; {how}; exec python -m search.run "$@" --no-progress {flags}'.rstrip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search.submit",
        usage="python -m search.submit (--cluster FILE | --address URL) [--trials N] [any flag of search.run ...]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--cluster", type=Path, metavar="FILE", help="a file for `ray up`; started if it is not up")
    parser.add_argument("--address", metavar="URL", help="Ray Jobs of a cluster that is up, as http://HOST:8265")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--follow", metavar="ID", help="show the progress of a submitted search, and fetch what it left")
    what.add_argument("--stop", metavar="ID", help="end a submitted search; it keeps all that is finished")
    parser.add_argument("--down", action="store_true", help="take the cluster down once the run folder is here")
    return parser
