"""Cost by stage, the workers' timeline, and the machines where there is more than one device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup
from matplotlib.axes import Axes

from reports.layout import svg
from reports.layout.section import Section, draw_section
from reports.numbers.finished import Finished
from reports.numbers.wording import count, duration, plural
from reports.sections.cost.figures import Bar, Cost, Price, Timeline, cost_of, price_of
from reports.sections.cost.machines import Machines

LANES_SHOWN: Final = 32


def cost(finished: Finished) -> Section:
    """What was spent, and where."""
    spent = cost_of(finished.outcome)
    machines, price = spent.machines, price_of(finished.outcome, spent.total)
    return draw_section(
        "sections/cost/cost.html", id="cost", title="Cost", heading=_heading(spent, price),
        numbers={"cost": spent} | ({"cost.price": price} if price else {}),
        cost=spent, price=price, timeline_heading=_timeline_heading(spent.timeline),
        timeline_chart=_timeline_chart(spent.timeline),
        not_drawn=lanes_not_drawn(spent.timeline),
        machines_heading=machines_heading(machines),
        machines_chart=_machines_chart(machines) if machines_differ(spent) else None,
    )  # fmt: skip


def _heading(spent: Cost, price: Price | None) -> str:
    hours = f"{spent.gpu_hours:.3g} GPU-hours of {spent.gpus:g} GPU{'s' if spent.gpus != 1 else ''}"
    gpus = hours if spent.gpus else "no GPU"
    cpu = f"{spent.cpu_hours:.2f}" if spent.cpu_hours < 10 else count(spent.cpu_hours)
    money = f", {price.usd:.2f} USD" if price else ""
    return f"{duration(spent.total.wall_seconds)} of wall time, {cpu} CPU-hours, {gpus}{money}"


def _timeline_heading(timeline: Timeline) -> str:
    if not timeline.lanes:
        return "No worker took a trial"
    return f"Up to {plural(timeline.peak, 'trial')} at once, busy {timeline.busy_share:.0%} of the time"


def lanes_not_drawn(timeline: Timeline) -> str:
    """What the lanes do that the chart has no room for; empty where it shows all."""
    rest = timeline.lanes[LANES_SHOWN:]
    if not rest:
        return ""
    trials, busy = sum(len(lane.bars) for lane in rest), sum(lane.busy_share for lane in rest) / len(rest)
    workers = f"The first {LANES_SHOWN} of {len(timeline.lanes):,} workers are drawn"
    return f"{workers}; the other {len(rest):,} ran {plural(trials, 'trial')} and were busy {busy:.0%} of the time."


def machines_heading(machines: Machines) -> str:
    """How many machines or GPUs there were, and how busy."""
    nodes = plural(machines.nodes, "machine")
    devices = f"{plural(machines.gpus, 'GPU')} of {nodes}" if machines.gpus else nodes
    return f"{devices}, busy {machines.busy_share:.0%} of the search on average"


def machines_differ(spent: Cost) -> bool:
    """Whether the machines' busy times are others than those of the workers, which are drawn already."""
    devices, workers = spent.machines.devices, spent.timeline.lanes
    return len(devices) > 1 and (spent.machines.gpus > 0 or len(devices) != len(workers))


def _timeline_chart(numbers: Timeline) -> Markup:
    """One lane a worker, one bar a trial: tall if complete, low if stopped early, crossed if failed."""
    lanes = numbers.lanes[:LANES_SHOWN]
    figure, (axes,) = svg.new_figure(_height(lanes))
    for row, lane in enumerate(lanes):
        for bar in lane.bars:
            _draw_bar(axes, row, bar)
    _name_lanes(axes, [f"{lane.worker}  {lane.busy_share:.0%}" for lane in lanes])
    text = "; ".join(f"{lane.worker}: {len(lane.bars)} trials, busy {lane.busy_share:.0%}" for lane in lanes)
    return svg.to_svg(figure, name="timeline", title="Timeline of the workers", description=text or "No worker.")


def _machines_chart(numbers: Machines) -> Markup:
    """One lane a GPU, or a machine without: when at least one trial was on it."""
    devices = numbers.devices[:LANES_SHOWN]
    figure, (axes,) = svg.new_figure(_height(devices))
    for row, device in enumerate(devices):
        bars = [(start / 60, (end - start) / 60) for start, end in device.spans]
        axes.broken_barh(bars, (row - 0.35, 0.7), color=svg.BEST, edgecolor=svg.CARD, linewidth=0.9)
    axes.set_xlim(0, numbers.span_seconds / 60 or 1)
    names = {f"{device.node} · {device.name}": device for device in devices}
    _name_lanes(axes, [f"{name}  {device.busy_share:.0%}" for name, device in names.items()])
    text = "; ".join(f"{name}: {device.trials} trials, busy {device.busy_share:.0%}" for name, device in names.items())
    return svg.to_svg(figure, name="machines", title="Busy times of the machines", description=text)


def _height(lanes: Sequence[object]) -> float:
    return 0.9 + 0.27 * max(1, len(lanes))


def _name_lanes(axes: Axes, names: Sequence[str]) -> None:
    svg.name_rows(axes, names)
    axes.invert_yaxis()
    axes.set_xlabel("minutes since the first trial started")


def _draw_bar(axes: Axes, row: int, bar: Bar) -> None:
    colour, height = svg.STATUS_COLOURS[bar.status], 0.4 if bar.status == "PRUNED" else 0.7
    start, minutes = bar.start / 60, (bar.end - bar.start) / 60
    axes.barh(row, minutes, left=start, height=height, color=colour, edgecolor=svg.CARD, linewidth=0.9)
    if bar.status == "FAIL":
        axes.plot([bar.end / 60], [row], "x", color=svg.INK, markersize=5)
