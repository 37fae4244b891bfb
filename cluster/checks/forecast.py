"""What a cluster can hold and what it costs: at rest, and at the most that its file allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cluster.checks.cluster_file import PRICES, ClusterFile, Kind, NodeGroup
from cluster.checks.finding import Finding, finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Nodes with the head, their GPUs, and dollars an hour; None where a number is not in the file."""

    nodes: int
    gpus: float | None
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The smallest and the largest cluster. GPUs and dollars of the largest are each the most that may be reached."""

    at_rest: Size
    at_most: Size


def forecast(file: ClusterFile) -> Forecast:
    """From the minimum of each group to the maximum of all. Which groups grow is not known, so the dearest do."""
    least = {group.name: group.least for group in file.workers}
    room = max(0, file.most_workers - sum(least.values()))
    return Forecast(at_rest=_size(file, least, 0), at_most=_size(file, least, room))


def _size(file: ClusterFile, least: dict[str, int], room: int) -> Size:
    growth = min(room, sum(max(0, group.most - group.least) for group in file.workers))
    return Size(
        nodes=1 + sum(least.values()) + growth,
        gpus=_most(file, room, lambda group: group.gpus),
        usd_per_hour=_most(file, room, lambda group: group.usd_per_hour, with_head=True),
    )


def _most(
    file: ClusterFile, room: int, each: Callable[[NodeGroup], float | None], *, with_head: bool = False
) -> float | None:
    groups = [(group, each(group)) for group in file.groups if with_head or not group.is_head]
    if any(value is None for group, value in groups if group.is_head or group.most):
        return None
    known = [(group, value or 0.0) for group, value in groups]
    total = sum(value * (1 if group.is_head else group.least) for group, value in known)
    for group, value in sorted(known, key=lambda pair: -pair[1]):
        if not group.is_head:
            more = min(room, max(0, group.most - group.least))
            total += more * value
            room -= more
    return total


def every_price_is_given(file: ClusterFile) -> Iterator[Finding]:
    """Without a price the cost is unknown until the bill comes."""
    for group in file.groups:
        if group.usd_per_hour is None and (group.is_head or group.most) and file.kind is not Kind.OTHER:
            in_kubernetes = file.kind is Kind.KUBERAY
            yield finding(
                file.document,
                (*group.place, "template", "metadata") if in_kubernetes else PRICES,
                f"{group.name}: the price of an hour must be given, for the forecast.",
                "none",
                "Add the annotation fashion-search/usd-per-hour to the pod's template."
                if in_kubernetes
                else f"Add `{group.name}: 1.23` to metadata.usd_per_hour.",
            )


def describe(file: ClusterFile) -> str:
    """The forecast as lines: each group, then the whole."""
    numbers = forecast(file)
    rows = [_row(group) for group in file.groups]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, _total("at rest", numbers.at_rest), _total("at most", numbers.at_most)])


def _row(group: NodeGroup) -> tuple[str, ...]:
    nodes = "1 node" if group.is_head else f"{group.least} to {group.most} nodes"
    gpus = "no GPU" if not group.gpus else f"{group.gpus:g} GPUs each"
    price = "price unknown" if group.usd_per_hour is None else f"{group.usd_per_hour:.2f} USD an hour each"
    return group.name, group.machine, nodes, gpus, price


def _total(when: str, size: Size) -> str:
    if size.gpus is None:
        room = "GPUs unknown"
    else:
        room = (
            f"{size.gpus:g} GPUs, {int(size.gpus)} trials at once with one GPU each"
            if size.gpus
            else "no GPU, no trial"
        )
    price = "unknown price" if size.usd_per_hour is None else f"{size.usd_per_hour:.2f} USD an hour"
    return f"{when}: {size.nodes} {'node' if size.nodes == 1 else 'nodes'}, {room}, {price}"
