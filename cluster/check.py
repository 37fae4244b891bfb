"""Checks a cluster's file before a cloud is asked, and forecasts what it holds and costs.

    python -m cluster.check cluster/config.yaml          exit code 0 when nothing is wrong or left to fill in, else 2
    python -m cluster.check --template cluster/*.yaml    as shipped: what is left to fill in is listed, and is no fault

Ray's own validation, and what it misses; all findings at once, each with its line and its remedy. It needs no network
and no credentials.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.checks.aws_rules import aws_knows_the_request
from cluster.checks.cluster_file import ClusterFile, read
from cluster.checks.document import DocumentError
from cluster.checks.fill_in import nothing_is_left_to_fill_in
from cluster.checks.finding import Finding
from cluster.checks.forecast import describe, every_price_is_given
from cluster.checks.launch_rules import (
    keys_are_given_once,
    own_machines_are_set_up,
    own_machines_use_the_first_autoscaler,
    pods_are_not_restarted,
)
from cluster.checks.mount_rules import sources_are_there
from cluster.checks.ray_rules import ray_up_accepts_it, rays_schema_holds
from cluster.checks.safety_rules import (
    every_node_asks_for_the_token,
    no_secret_is_in_it,
    nothing_is_open_to_the_internet,
)
from cluster.checks.size_rules import minimum_within_maximum, own_machines_may_start, workers_have_gpus
from cluster.checks.storage_rules import every_node_may_write_there, storage_is_shared
from cluster.checks.version_rules import versions_are_the_lock_files

Rule = Callable[[ClusterFile], Iterator[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    keys_are_given_once,
    rays_schema_holds,
    ray_up_accepts_it,
    aws_knows_the_request,
    minimum_within_maximum,
    workers_have_gpus,
    own_machines_may_start,
    sources_are_there,
    versions_are_the_lock_files,
    every_node_asks_for_the_token,
    nothing_is_open_to_the_internet,
    no_secret_is_in_it,
    storage_is_shared,
    every_node_may_write_there,
    own_machines_are_set_up,
    own_machines_use_the_first_autoscaler,
    pods_are_not_restarted,
    every_price_is_given,
    nothing_is_left_to_fill_in,
)


@dataclass(frozen=True, slots=True)
class Examination:
    """A cluster's file, what is wrong with it, and what its user has yet to fill in."""

    file: ClusterFile
    faults: tuple[Finding, ...]
    to_fill_in: tuple[Finding, ...]


def examine(path: Path, rules: Sequence[Rule] = RULES) -> Examination:
    """Every finding of the rules, in the order of the file's lines; what an alias repeats is found once.

    Raises:
        DocumentError: when the file is no cluster's.
    """
    file = read(path)
    every: dict[tuple[Path, int, str, str], Finding] = {}
    for rule in rules:
        for each in rule(file):
            every.setdefault((each.path, each.line, each.rule, each.received), each)
    found = sorted(every.values(), key=lambda each: (each.path, each.line))
    return Examination(
        file=file,
        faults=tuple(finding for finding in found if not finding.to_fill_in),
        to_fill_in=tuple(finding for finding in found if finding.to_fill_in),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Check each file; 0 when all are fine, else 2."""
    options = _parser().parse_args(arguments)
    return max(_report(path, template=options.template) for path in options.files)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster.check", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="for `ray up`, or for KubeRay")
    parser.add_argument("--template", action="store_true", help="what is left to fill in is listed, and is no fault")
    return parser


def _report(path: Path, *, template: bool) -> int:
    try:
        examination = examine(path)
    except DocumentError as error:
        print(error, file=sys.stderr)
        return 2
    for finding in examination.faults:
        print(finding)
    for finding in examination.to_fill_in:
        print(f"to fill in: {finding}")
    print(describe(examination.file))
    faults, open_places = len(examination.faults), len(examination.to_fill_in)
    print(f"{path}: {faults} {'fault' if faults == 1 else 'faults'}, {open_places} to fill in")
    return 2 if faults or (open_places and not template) else 0


if __name__ == "__main__":
    sys.exit(main())
