"""The command line of `python -m search.run`: flags into Settings and what to do with them. Imports nothing heavy."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from search.settings import PRUNERS, SAMPLERS, Settings, SettingsError, read_file

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
  python -m search.run --report-only runs/NAME         build a run's report again

exit codes: 0 done · 1 a fault of ours · 2 usage · 3 fewer trials than asked for, or none that completed
            4 data or storage · 130 interrupted
"""


@dataclass(frozen=True, slots=True)
class Request:
    """What to do: a search with `settings`, only its plan, only the settings, or only the report of `report_only`."""

    settings: Settings
    report_only: Path | None
    dry_run: bool
    print_config: bool
    as_json: bool
    verbosity: int
    show_progress: bool


def parse(arguments: Sequence[str] | None) -> Request:
    """Parse the command line; argparse ends the process on --help (0) and on a wrong flag (2).

    Raises:
        SettingsError: when a value breaks its rule, or the --config file cannot be used.
    """
    flags = vars(_parser().parse_args(arguments))
    names = [field.name for field in fields(Settings)]
    given = {name: flags[name] for name in names if flags[name] is not None}
    values = _defaults(flags) | (read_file(flags["config"]) if flags["config"] else {}) | _environment(given) | given
    settings = Settings(**values)
    _check_extras(settings.sampler)
    return Request(
        settings=settings,
        report_only=flags["report_only"],
        dry_run=flags["dry_run"],
        print_config=flags["print_config"],
        as_json=flags["json"],
        verbosity=flags["verbose"] - flags["quiet"],
        show_progress=not flags["no_progress"],
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
        "--gpus-per-trial", type=float, metavar="G", help="GPUs of a trial, may be a fraction (default 1 if any)"
    )
    group.add_argument("--max-concurrent", type=int, metavar="N", help="trials at a time (default: as many as fit)")


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--name", help="name of the run and of its study (default: the time, UTC)")
    group.add_argument("--output", metavar="DIR", help="where run folders are made (default runs)")
    group.add_argument("--overwrite", action="store_const", const=True, help="delete a run folder of that name first")
    group.add_argument(
        "--storage", metavar="URL", help="SQLAlchemy URL of the study's database (default: study.db in the run folder)"
    )


def _add_other(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--report-only", type=Path, metavar="DIR", help="build the report of a finished run again, and nothing else"
    )
    group.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    group.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings; flags win over it")
    group.add_argument("--print-config", action="store_true", help="print the settings as such a file, and do nothing")
    group.add_argument("--json", action="store_true", help="print the result as JSON")
    group.add_argument("-q", "--quiet", action="count", default=0, help="only warnings and the result")
    group.add_argument(
        "-v", "--verbose", action="count", default=0, help="a line for each trial, even beside the progress line"
    )
    group.add_argument("--no-progress", action="store_true", help="plain lines instead of a live progress line")
