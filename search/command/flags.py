"""The flags of `python -m search.run`, in groups. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Container, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

from search.command import __version__
from search.command.settings import (
    OBJECTIVES,
    PRUNERS,
    SAMPLERS,
    SIZES,
    Settings,
    SettingsError,
    flag_of,
    seconds_of,
)

_DESCRIPTION: Final = """\
Search the hyperparameters of the documented Fashion-MNIST CNN, retrain the reference and the best
configuration on equal terms, and report whether tuning helped, by how much, and at what cost.
"""
_EXAMPLES: Final = """\
examples:
  python -m search.run --trials 50                     a full search, on this machine or the cluster it is in
  python -m search.run --local --train-size 2000 --epochs 1 --retrain-seeds 1
                                                       one trial in this process, without Ray, in under a minute
  python -m search.run --data my-images.npz            on images of your own
  python -m search.run --address 10.0.0.1:6379         on a running Ray cluster
  python -m search.run --resume                        go on with the last run, wherever it stopped
  python -m search.run --resume runs/NAME --trials 80  take a run of 50 trials to 80
  python -m search.run --report-only runs/NAME         build a run's report again

exit codes: 0 done · 1 a bug in this project · 2 wrong usage, or a study with other settings · 3 no trial came to its
            end, too many failed, or a retraining failed · 4 data, storage or cluster cannot be used · 5 another
            process runs this study · 6 the tuned model is not better (--fail-unless-better)
            129 the terminal was closed, 130 Ctrl-C, 143 SIGTERM: --resume goes on
            more: docs/runs.md
"""


# a flag for each of what they hold
_REPEATED: Final = {"space": "--fix", "add_config": "--add-config", "warm_start": "--warm-start"}


def flags_of(settings: Settings, names: Container[str]) -> Iterator[tuple[str, ...]]:
    """The flags that set those of the settings that `names` holds: a flag and its value, or a switch alone."""
    for name in (field.name for field in fields(Settings) if field.name in names):
        value, flag = getattr(settings, name), flag_of(name)
        if isinstance(value, tuple):
            yield from ((_REPEATED[name], line) for line in value)
        else:
            yield (flag,) if value is True else (flag, str(value))


def command_line() -> argparse.ArgumentParser:
    """The parser; where no flag is given, its value is None, or what changes nothing."""
    parser = argparse.ArgumentParser(
        prog="python -m search.run",
        usage="python -m search.run [--trials N] [--local] [option ...]     (all of them: --help)",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_search(parser.add_argument_group("search"))
    _add_space(parser.add_argument_group("what is tried (docs/search-space.md)"))
    _add_data(parser.add_argument_group("images"))
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
    objective_help = "accuracy alone (default), or accuracy and few multiply-adds: which trials no other beats in both"
    group.add_argument("--objective", choices=OBJECTIVES, metavar="accuracy[,cost]", help=objective_help)
    group.add_argument(
        "--sampler", choices=SAMPLERS, help="how the next point is chosen (default tpe; gp needs `make env EXTRAS=gp`)"
    )
    group.add_argument(
        "--pruner",
        choices=PRUNERS,
        help="which trials are stopped early (default halving; none with --objective accuracy,cost)",
    )
    group.add_argument("--seed", type=int, metavar="S", help="seed of the sampler and of every training (default 0)")
    group.add_argument("--finalists", type=int, metavar="M", help="best trials that race on fresh seeds (default 3)")
    group.add_argument(
        "--ablate",
        type=int,
        metavar="K",
        help="train K steps from reference to best, one more change at each, to say which mattered (default: 3, or as "
        "many as a tenth of the run's epochs allows; 0: none)",
    )
    seeds_help = "retrainings of reference and best each (default 5)"
    group.add_argument("--retrain-seeds", type=int, metavar="K", help=seeds_help)
    group.add_argument(
        "--train-size", type=int, metavar="N", help="use a stratified N of the training images, to try things out"
    )


def _add_space(group: argparse._ArgumentGroup) -> None:
    size_help = "how large a network may be: up to 10, 60 or 300 million multiply-adds (default small; medium on GPUs)"
    group.add_argument("--size", choices=SIZES, help=size_help)
    fix_help = "a hyperparameter's value, or a range as in --space, for all trials but the reference; may be repeated"
    group.add_argument("--fix", action="append", metavar="NAME=VALUE", help=fix_help)
    space_help = 'TOML file of ranges of your own: learning_rate = "0.001 to 0.1, log", activation = ["relu", "silu"]'
    group.add_argument("--space", type=Path, metavar="FILE", help=space_help)
    start_help = (
        "what is tried before the sampler's points: the reference and configurations known to be good (portfolio, the "
        "default), or the reference alone"
    )
    group.add_argument("--start-with", choices=["portfolio", "reference"], help=start_help)
    add_help = (
        "a configuration of your own (TOML, a run's best.json, or JSON), tried after the reference; may be repeated"
    )
    group.add_argument("--add-config", action="append", metavar="FILE", help=add_help)
    warm_help = "learn from the trials of earlier runs over the same data, split and epochs; they are no results here"
    group.add_argument("--warm-start", action="extend", nargs="+", metavar="RUN", help=warm_help)
    group.add_argument("--max-params", type=int, metavar="N", help="the most parameters that a network may have")
    adds_help = "the most multiply-adds that a network may need for an image"
    group.add_argument("--max-multiply-adds", type=int, metavar="N", help=adds_help)


def _add_data(group: argparse._ArgumentGroup) -> None:
    data_help = (
        "images of your own: an .npz file of x_train, y_train, x_test, y_test, class_names (see docs/adapting.md)"
    )
    group.add_argument("--data", metavar="FILE", help=data_help)
    dir_help = "folder with Fashion-MNIST's four files (default: find or download them)"
    group.add_argument("--data-dir", metavar="DIR", help=dir_help)
    split_help = "draws the images that are held out to validate on; runs with the same one can be compared (default 0)"
    group.add_argument("--split-seed", type=int, metavar="S", help=split_help)


def _add_place(group: argparse._ArgumentGroup) -> None:
    local_help = "run in this process, without Ray: for short searches and for a debugger"
    group.add_argument("--local", action="store_const", const=True, help=local_help)
    address_help = "Ray cluster (default RAY_ADDRESS, else one on this machine, else a new local one)"
    group.add_argument("--address", metavar="ADDR", help=address_help)
    cpus_help = "CPU cores of a trial (default 1; with GPUs, the cores that go with its share of them)"
    group.add_argument("--cpus-per-trial", type=float, metavar="C", help=cpus_help)
    gpus_help = (
        "GPUs of a trial: a fraction shares one, 2 or more split each batch (default: 1, or 1/2 or 1/4 where sharing "
        "is measured to be faster)"
    )
    group.add_argument("--gpus-per-trial", type=float, metavar="G", help=gpus_help)
    at_a_time = "trainings at a time, those after the search included (default: as many as fit)"
    group.add_argument("--max-concurrent", type=int, metavar="N", help=at_a_time)
    price_help = "what all machines together cost an hour, for the forecast and the report"
    group.add_argument("--price-per-hour", type=float, metavar="USD", help=price_help)
    source_help = "where that price is from, for the report (search.submit gives the cluster's file)"
    group.add_argument("--price-source", metavar="TEXT", help=source_help)


def _add_run(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--name", help="name of the run and of its study (default: the time, UTC)")
    group.add_argument("--output", metavar="DIR", help="where run folders are made (default runs)")
    resume_help = "go on with a run wherever it stopped: its folder or name (default: the last run)"
    group.add_argument("--resume", nargs="?", const="latest", metavar="DIR", help=resume_help)
    group.add_argument("--overwrite", action="store_const", const=True, help="delete a run folder of that name first")
    storage_help = "SQLAlchemy URL of the study's database (default: study.db in the run folder)"
    group.add_argument("--storage", metavar="URL", help=storage_help)
    path_help = "where checkpoints lie: a folder or URI that every machine reaches (default, on one: the run folder)"
    group.add_argument("--storage-path", metavar="URI", help=path_help)


def _add_limits(group: argparse._ArgumentGroup) -> None:
    timeout_help = "end a trial that takes longer, and start it once more from its last epoch: 90, 90s, 15m, 1h30m, 1d"
    group.add_argument("--trial-timeout", type=_duration, metavar="T", help=timeout_help)
    budget_help = "plan the whole command, report included, to end within this time: 45m, 2h"
    group.add_argument("--time-budget", type=_duration, metavar="T", help=budget_help)
    failures_help = "end the search when this many trials in a row fail (default 10)"
    group.add_argument("--max-failures", type=int, metavar="M", help=failures_help)


def _duration(text: str) -> float:
    """Seconds; argparse says what is wrong with another text."""
    try:
        return seconds_of(text)
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _add_other(group: argparse._ArgumentGroup) -> None:
    instead = group.add_mutually_exclusive_group()
    report_help = "only build a run's report again, also of one under way: its folder or name (default: the last run)"
    instead.add_argument("--report-only", nargs="?", const="latest", metavar="DIR", help=report_help)
    instead.add_argument(
        "--dry-run",
        action="store_true",
        help="check what a run would check, show its settings and a forecast, and do nothing",
    )
    calibrate_help = "with --dry-run: train for half a minute, for a forecast that needs no earlier run"
    group.add_argument("--calibrate", action="store_true", help=calibrate_help)
    print_help = "print the settings as a file for --config, and do nothing else"
    instead.add_argument("--print-config", action="store_true", help=print_help)
    group.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings; flags win over it")
    form = group.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the result as JSON")
    form.add_argument("--format", choices=("text", "md"), default="text", help="md: print the result as Markdown")
    gate_help = "exit code 6 unless the low end of the gain's 95%% interval is above PT points (default 0)"
    group.add_argument("--fail-unless-better", nargs="?", const=0.0, type=float, metavar="PT", help=gate_help)
    mlflow_help = (
        "copy the finished run into an MLflow store: sqlite:///FILE or a server (needs `make env EXTRAS=mlflow`)"
    )
    group.add_argument("--to-mlflow", metavar="URI", help=mlflow_help)
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="count", default=0, help="only warnings and the result")
    loudness.add_argument(
        "-v", "--verbose", action="count", default=0, help="a line for each trial, even beside the progress line"
    )
    group.add_argument("--no-progress", action="store_true", help="plain lines instead of a live progress line")
    group.add_argument("--version", action="version", version=f"fashion-search {__version__}")
