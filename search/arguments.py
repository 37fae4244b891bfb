"""The command line of `python -m search.run`: flags into Settings and what to do with them. Imports nothing heavy."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NoReturn

from search.settings import PRUNERS, SAMPLERS, Settings, SettingsError, read_file, read_run

_CONFIG: Final = "config.json"
_RUNS: Final = "runs"  # the default of --output
_DESCRIPTION: Final = """\
Search the hyperparameters of the documented Fashion-MNIST CNN, retrain the reference and the best
configuration on equal terms, and report whether tuning helped, by how much, and at what cost.
"""
_EXAMPLES: Final = """\
examples:
  python -m search.run --trials 50                     the whole search, on this machine or the cluster it is in
  python -m search.run --local --train-size 2000 --epochs 1 --retrain-seeds 1
                                                       one trial in this process, without Ray, in under a minute
  python -m search.run --address 10.0.0.1:6379         on a running Ray cluster
  python -m search.run --resume                        go on with the last run, wherever it stopped
  python -m search.run --resume runs/NAME --trials 80  take a run of 50 trials to 80
  python -m search.run --report-only runs/NAME         build a run's report again

exit codes: 0 done · 1 a fault of ours · 2 usage, or a study of other terms · 3 fewer trials than asked for, or too
            many failed · 4 data, storage, cluster · 5 another driver has the study · 130 Ctrl-C, 143 SIGTERM: resumable
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What to do: a search with `settings`, only its plan, only the settings, or only the report of `report_only`.

    `resume` says that the run is there, and is to go on. `given` names the settings that a flag or the file sets.
    """

    settings: Settings
    given: frozenset[str]
    resume: bool
    report_only: Path | None
    dry_run: bool
    print_config: bool
    as_json: bool
    verbosity: int
    show_progress: bool


def parse(arguments: Sequence[str] | None, refuse: Callable[[str], NoReturn] | None = None) -> Request:
    """Parse the command line; argparse ends the process on --help (0) and on a wrong flag (2).

    `refuse` is how another command, which passes flags on, ends on a wrong one: under its own name.

    Raises:
        SettingsError: when a value breaks its rule, or the --config file cannot be used.
    """
    parser = _parser()
    if refuse is not None:
        parser.error = refuse  # type: ignore[method-assign,assignment]
    flags = vars(parser.parse_args(arguments))
    names = [field.name for field in fields(Settings)]
    given = {name: flags[name] for name in names if flags[name] is not None}
    run = _run_to_resume(flags) if flags["resume"] else {}
    file = read_file(flags["config"]) if flags["config"] else {}
    where = {"output": run["output"]} if run else {}  # --output only says where to look for the run
    settings = Settings(**(_defaults(flags) | run | file | _environment(given) | given | where))
    _require_password(settings)
    _check_extras(settings.sampler)
    return Request(
        settings=settings,
        given=frozenset(given | file),
        resume=bool(flags["resume"]),
        report_only=flags["report_only"],
        dry_run=flags["dry_run"],
        print_config=flags["print_config"],
        as_json=flags["json"],
        verbosity=flags["verbose"] - flags["quiet"],
        show_progress=not flags["no_progress"],
    )


def _run_to_resume(flags: dict[str, Any]) -> dict[str, Any]:
    """The settings of the run that --resume names."""
    for flag in ("name", "overwrite"):
        if flags[flag]:
            raise SettingsError(f"--{flag} is for a new run. Received: with --resume. Leave it out.")
    folder = _find_run(flags["resume"], Path(flags["output"] or _RUNS))
    values = read_run(folder / _CONFIG)
    if values.get("name") != folder.name:
        raise SettingsError(
            f"A run's folder has its study's name. Received: {folder}, of study {values.get('name')}. Rename it back."
        )
    return values | {"output": str(folder.parent), "overwrite": False}


def _find_run(asked: str, output: Path) -> Path:
    if asked != "latest":
        found = next((folder for folder in (Path(asked), output / asked) if (folder / _CONFIG).is_file()), None)
        if found is None:
            raise SettingsError(f"--resume must name a run's folder. Received: {asked}, which has no {_CONFIG}.")
        return found
    runs = sorted(output.glob(f"*/{_CONFIG}"), key=lambda file: file.stat().st_mtime)
    if not runs:
        raise SettingsError(f"--resume needs a run to go on with. Received: none in {output}. Name one, or --output.")
    return runs[-1].parent


def _require_password(settings: Settings) -> None:
    """config.json has no password in it."""
    if settings.storage and ":***@" in settings.storage:
        raise SettingsError(
            f"The password of --storage is not kept. Received: {settings.storage}. Give --storage again, with it."
        )


def _check_extras(sampler: str) -> None:
    if sampler == "gp" and find_spec("torch") is None:
        raise SettingsError("--sampler gp needs torch. Received: torch is not installed. Run `make env EXTRAS=gp`.")


def _defaults(flags: dict[str, Any]) -> dict[str, Any]:
    named = {"name": datetime.now(UTC).strftime("%Y%m%d-%H%M%S")}
    return named | ({"trials": 1} if flags["local"] else {})


def _environment(given: dict[str, Any]) -> dict[str, Any]:
    address = os.environ.get("RAY_ADDRESS")
    return {"address": address} if address and "local" not in given else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search.run",
        usage="python -m search.run [--trials N] [--local] [option ...]     (all of them: --help)",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_search(parser.add_argument_group("search"))
    _add_place(parser.add_argument_group("where it runs"))
    _add_limits(parser.add_argument_group("when to give up"))
    _add_run(parser.add_argument_group("the run folder"))
    _add_other(parser.add_argument_group("other"))
    return parser


def _add_search(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--trials", type=int, metavar="N", help="trials in all (default 50; 1 with --local)")
    group.add_argument(
        "--epochs", type=int, metavar="E", help="epochs of a full trial and of each retraining (default 10)"
    )
    group.add_argument(
        "--sampler", choices=SAMPLERS, help="how the next point is chosen (default tpe; gp needs the extra `gp`)"
    )
    group.add_argument("--pruner", choices=PRUNERS, help="which trials are stopped early (default halving)")
    group.add_argument("--seed", type=int, metavar="S", help="fixes split, sampler and every training (default 0)")
    group.add_argument("--finalists", type=int, metavar="M", help="best trials scored again on fresh seeds (default 3)")
    group.add_argument(
        "--retrain-seeds", type=int, metavar="K", help="retrainings of reference and best each (default 5)"
    )
    group.add_argument(
        "--train-size", type=int, metavar="N", help="use a stratified N of the 60,000 images, to try things out"
    )
    group.add_argument("--data-dir", metavar="DIR", help="folder with the four files (default: find or download them)")


def _add_place(group: argparse._ArgumentGroup) -> None:
    local_help = "in this process, no Ray: natural stack traces, a debugger works"
    group.add_argument("--local", action="store_const", const=True, help=local_help)
    address_help = "Ray cluster (default RAY_ADDRESS, else one on this machine, else a new local one)"
    group.add_argument("--address", metavar="ADDR", help=address_help)
    group.add_argument(
        "--cpus-per-trial", type=float, metavar="C", help="CPU cores of a trial (default 1, or a GPU's share)"
    )
    group.add_argument(
        "--gpus-per-trial",
        type=float,
        metavar="G",
        help="GPUs of a trial: a fraction shares one, 2 or more split each batch (default: 1, 1/2 or 1/4, as measured)",
    )
    group.add_argument("--max-concurrent", type=int, metavar="N", help="trials at a time (default: as many as fit)")


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--name", help="name of the run and of its study (default: the time, UTC)")
    group.add_argument("--output", metavar="DIR", help="where run folders are made (default runs)")
    resume_help = "go on with a run wherever it stopped: its folder, or the last one (default latest)"
    group.add_argument("--resume", nargs="?", const="latest", metavar="DIR", help=resume_help)
    group.add_argument("--overwrite", action="store_const", const=True, help="delete a run folder of that name first")
    group.add_argument(
        "--storage", metavar="URL", help="SQLAlchemy URL of the study's database (default: study.db in the run folder)"
    )

    path_help = "where checkpoints lie: a folder or URI that every machine reaches (default on one: the run folder)"
    group.add_argument("--storage-path", metavar="URI", help=path_help)


def _add_limits(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--trial-timeout",
        type=_duration,
        metavar="T",
        help="end an attempt at a trial after this long: 90, 90s, 15m, 2h",
    )
    group.add_argument(
        "--time-budget", type=_duration, metavar="T", help="end the search after this long, and retrain what it found"
    )
    group.add_argument(
        "--max-failures", type=int, metavar="M", help="end the search when so many trials in a row fail (default 10)"
    )


def _duration(text: str) -> float:
    """Seconds; argparse says what is wrong with another text."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"a duration must be like 90, 90s, 15m or 2h. Received: {text}")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _add_other(group: argparse._ArgumentGroup) -> None:
    report_help = "only build a run's report again, finished or so far"
    group.add_argument("--report-only", type=Path, metavar="DIR", help=report_help)
    group.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    group.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings; flags win over it")
    group.add_argument("--print-config", action="store_true", help="print the settings as such a file, and do nothing")
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    group.add_argument("-q", "--quiet", action="count", default=0, help="only warnings and the result")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="a line for each trial, even beside the progress line"
    )
    group.add_argument("--no-progress", action="store_true", help="plain lines instead of a live progress line")
