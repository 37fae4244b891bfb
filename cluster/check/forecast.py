"""What a cluster can hold and what it costs: at rest, and at the most that its file allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cluster.check.cluster_file import ClusterFile, NodeGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Nodes with the head, their GPUs, and dollars an hour; None where a number is not in the file."""

    nodes: int
    gpus: float | None
    usd_per_hour: float | None

    def __str__(self) -> str:
        gpus = "GPUs unknown" if self.gpus is None else "no GPU" if self.nodes > 1 else "no GPU, no trial"
        if self.gpus:
            gpus = f"{self.gpus:g} GPUs, {int(self.gpus)} trials at once with one GPU each"
        price = "unknown price" if self.usd_per_hour is None else f"{self.usd_per_hour:.2f} USD an hour"
        return f"{self.nodes} {'node' if self.nodes == 1 else 'nodes'}, {gpus}, {price}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The smallest and the largest cluster. GPUs and dollars of the largest are each the most that may be reached."""

    at_rest: Size
    at_most: Size


def forecast(file: ClusterFile) -> Forecast:
    """From the minimum of each group to the maximum of all. Which groups grow is not known, so the dearest do."""
    least = sum(group.least for group in file.workers)
    return Forecast(at_rest=_size(file, least, 0), at_most=_size(file, least, max(0, file.most_workers - least)))


def _size(file: ClusterFile, least: int, room: int) -> Size:
    growth = min(room, sum(max(0, group.most - group.least) for group in file.workers))
    return Size(
        nodes=1 + least + growth,
        gpus=_most(file.workers, room, lambda group: group.gpus)
        if file.groups
        else None,  # what Ray fills in is unknown
        usd_per_hour=_most(file.groups, room, lambda group: group.usd_per_hour) if file.groups else None,
    )


def _most(groups: tuple[NodeGroup, ...], room: int, each: Callable[[NodeGroup], float | None]) -> float | None:
    """The sum of a number over the nodes that there are at least, and `room` more where it is highest."""
    values = {group.name: each(group) for group in groups if group.is_head or group.most}
    known = [(group, value) for group in groups if (value := values.get(group.name, 0.0)) is not None]
    if len(known) < len(groups):
        return None
    total = sum(value * (1 if group.is_head else group.least) for group, value in known)
    for group, value in sorted(known, key=lambda pair: -pair[1]):
        more = 0 if group.is_head else min(room, max(0, group.most - group.least))
        total += more * value
        room -= more
    return total


def describe(file: ClusterFile) -> str:
    """The forecast as lines: each group, then the whole."""
    numbers = forecast(file)
    rows = [_row(group) for group in file.groups]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, f"at rest: {numbers.at_rest}", f"at most: {numbers.at_most}"])


def _row(group: NodeGroup) -> tuple[str, ...]:
    nodes = "1 node" if group.is_head else f"{group.least} to {group.most} nodes"
    gpus = "GPUs unknown" if group.gpus is None else "no GPU"
    if group.gpus:
        gpus = f"{group.gpus:g} {'GPU' if group.gpus == 1 else 'GPUs'} each"
    price = "price unknown" if group.usd_per_hour is None else f"{group.usd_per_hour:.2f} USD an hour each"
    return group.name, group.machine, nodes, gpus, price
