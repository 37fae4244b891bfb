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

from cluster.check import content_rules as content
from cluster.check import node_rules as nodes
from cluster.check import schema_rules as schemas
from cluster.check.cluster_file import ClusterFile, read
from cluster.check.document import DocumentError
from cluster.check.finding import Finding
from cluster.check.forecast import describe

Rule = Callable[[ClusterFile], Iterator[Finding]]

RULES: Final[tuple[Rule, ...]] = (
    schemas.rays_schema_holds,
    schemas.aws_knows_the_request,
    nodes.keys_are_given_once,
    nodes.the_provider_is_one_of_rays,
    nodes.the_head_has_a_type,
    nodes.a_container_has_name_and_image,
    nodes.all_minima_within_the_maximum,
    nodes.minimum_within_maximum,
    nodes.workers_have_gpus,
    nodes.own_machines_say_what_they_have,
    nodes.own_machines_may_start,
    nodes.own_machines_use_the_first_autoscaler,
    nodes.own_machines_are_set_up,
    nodes.pods_are_not_restarted,
    nodes.storage_is_shared,
    nodes.every_node_may_write_there,
    nodes.every_price_is_given,
    content.nothing_is_left_to_fill_in,
    content.sources_are_there,
    content.the_project_is_mounted,
    content.versions_are_the_lock_files,
    content.every_node_asks_for_the_token,
    content.nothing_is_open_to_the_internet,
    content.no_secret_is_in_it,
)


@dataclass(frozen=True, slots=True)
class Examination:
    """A cluster's file, what is wrong with it, and what its user has yet to fill in."""

    file: ClusterFile
    faults: tuple[Finding, ...]
    to_fill_in: tuple[Finding, ...]


def examine(path: Path) -> Examination:
    """Every finding of the rules, in the order of the file's lines; what an alias repeats is found once.

    Raises:
        DocumentError: when the file is no cluster's.
    """
    file = read(path)
    every: dict[tuple[Path, int, str, str], Finding] = {}
    for each in (finding for rule in RULES for finding in rule(file)):
        every.setdefault((each.place.document.path, each.place.line(), each.rule, each.received), each)
    found = [every[key] for key in sorted(every, key=lambda key: key[:2])]
    faults = tuple(finding for finding in found if not finding.to_fill_in)
    return Examination(file, faults, tuple(finding for finding in found if finding.to_fill_in))


def main(arguments: Sequence[str] | None = None) -> int:
    """Check each file; 0 when all are fine, else 2."""
    parser = argparse.ArgumentParser(prog="python -m cluster.check", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="for `ray up`, or for KubeRay")
    parser.add_argument("--template", action="store_true", help="what is left to fill in is listed, and is no fault")
    options = parser.parse_args(arguments)
    return max(_report(path, template=options.template) for path in options.files)


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
