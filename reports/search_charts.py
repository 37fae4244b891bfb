"""Pictures of the search, finished or not: every trial and the best so far, who stopped where, who worked when."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reports import svg
from reports.cost import Bar, Timeline
from reports.influence import SettingInfluence
from reports.machines import Machines
from reports.trials import TrialNumbers

_MARKERS = {"COMPLETE": "o", "PRUNED": "v", "FAIL": "x"}
_STATUS_COLOURS = {"COMPLETE": svg.BEST, "PRUNED": svg.REFERENCE, "FAIL": svg.WORSE}
_STATUS_WORDS = {"COMPLETE": "complete", "PRUNED": "stopped early", "FAIL": "failed"}
LANES_SHOWN = 32


def history(search: TrialNumbers, ringed: str = "chosen") -> str:
    """Validation accuracy of each trial by number, marker by status, and the best so far as a step line.

    `ringed` says in one or two words what the ring around the best trial means.
    """
    figure, (axes,) = svg.new_figure(3.2)
    for status, marker in _MARKERS.items():
        ended = [point for point in search.trials if point.status == status]
        shown = [(point.number, 100 * point.value) for point in ended if point.value is not None]
        if shown:
            colour, word = _STATUS_COLOURS[status], _STATUS_WORDS[status]
            axes.plot(*zip(*shown, strict=True), marker, color=colour, label=word, markersize=6, markeredgecolor=colour)
    steps = [(point.number, 100 * point.best_so_far) for point in search.trials if point.best_so_far is not None]
    if steps:
        axes.step(*zip(*steps, strict=True), where="post", color=svg.INK, linewidth=1.4, label="best so far")
    _mark_best(axes, search, ringed)
    _mark_without_value(axes, search)
    _clip_low(axes, search)
    axes.set(xlabel="trial", ylabel="validation accuracy, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    svg.add_legend(axes, columns=5)
    return svg.to_svg(
        figure, svg.Caption(name="history", title="Search history", description=_history_text(search, ringed))
    )


def _mark_best(axes: Axes, search: TrialNumbers, ringed: str) -> None:
    for point in search.trials:
        if point.is_best and point.value is not None:
            place = [point.number], [100 * point.value]
            axes.plot(*place, "o", markersize=12, markerfacecolor="none", markeredgecolor=svg.INK, label=ringed)


def _mark_without_value(axes: Axes, search: TrialNumbers) -> None:
    """Crosses on the axis: trials that failed before their first epoch ended."""
    numbers = [point.number for point in search.trials if point.value is None]
    if numbers:
        axis = axes.get_xaxis_transform()
        heights = [0.0] * len(numbers)
        axes.plot(numbers, heights, "x", color=svg.WORSE, transform=axis, clip_on=False, label="failed, no epoch")


def _clip_low(axes: Axes, search: TrialNumbers) -> None:
    """Keep a few diverged trials from flattening all others: the axis starts below the tenth percentile."""
    values = sorted(100 * point.value for point in search.trials if point.value is not None)
    if len(values) >= 10:
        tenth, highest = values[len(values) // 10], values[-1]
        floor = tenth - 0.35 * (highest - tenth) - 0.2
        below = [point for point in search.trials if point.value is not None and 100 * point.value < floor]
        if below:
            axes.set_ylim(bottom=floor)
            words = f"{len(below)} below the axis"
            axes.text(1.0, 0.03, words, transform=axes.transAxes, ha="right", color=svg.MUTED)


def _history_text(search: TrialNumbers, ringed: str) -> str:
    counts, best = search.counts, next((point for point in search.trials if point.is_best), None)
    value = (
        f" Trial {best.number} ({ringed}) reached {100 * best.value:.2f}%." if best and best.value is not None else ""
    )
    return f"{counts.complete} trials complete, {counts.pruned} stopped early, {counts.failed} failed.{value}"


def rungs(search: TrialNumbers) -> str:
    """How many trials reached each epoch; the darker part ended there."""
    figure, (axes,) = svg.new_figure(2.1)
    epochs = [rung.epoch for rung in search.rungs]
    reached, ended = [rung.reached for rung in search.rungs], [rung.ended_here for rung in search.rungs]
    axes.bar(epochs, reached, color=svg.REFERENCE, alpha=0.35, width=0.72, label="reached this epoch")
    axes.bar(epochs, ended, color=svg.REFERENCE, width=0.72, label="ended here")
    axes.set(xlabel="epoch", ylabel="trials")
    axes.grid(axis="x", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    svg.add_legend(axes, columns=2)
    text = "; ".join(f"epoch {rung.epoch}: {rung.reached} reached, {rung.ended_here} ended" for rung in search.rungs)
    return svg.to_svg(
        figure, svg.Caption(name="rungs", title="Trials by epoch", description=text or "No epoch was finished.")
    )


def influence(numbers: SettingInfluence) -> str:
    """Permutation importance of each setting, largest on top, with its deviation over the shuffles."""
    figure, (axes,) = svg.new_figure(0.7 + 0.27 * len(numbers.ranking))
    names = [item.name.replace("_", " ") for item in numbers.ranking]
    means, deviations = [item.mean for item in numbers.ranking], [item.deviation for item in numbers.ranking]
    bars = axes.barh(range(len(names)), means, xerr=deviations, height=0.6, color=svg.BEST, ecolor=svg.MUTED)
    axes.set(yticks=range(len(bars)), yticklabels=names, xlabel="loss of explained variance when shuffled")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelcolor=svg.INK)
    axes.grid(axis="y", visible=False)
    text = "; ".join(f"{name} {mean:.2f}" for name, mean in zip(names, means, strict=True))
    return svg.to_svg(figure, svg.Caption(name="influence", title="Influence of the settings", description=text))


def timeline(numbers: Timeline) -> str:
    """One lane a worker, one bar a trial: tall if complete, low if stopped early, crossed if failed."""
    lanes = numbers.lanes[:LANES_SHOWN]
    figure, (axes,) = svg.new_figure(0.9 + 0.27 * max(1, len(lanes)))
    for row, lane in enumerate(lanes):
        for bar in lane.bars:
            _draw_bar(axes, row, bar)
    labels = [f"{lane.worker}  {lane.busy_share:.0%}" for lane in lanes]
    axes.set(yticks=range(len(lanes)), yticklabels=labels, xlabel="minutes since the first trial started")
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelcolor=svg.INK)
    axes.grid(axis="y", visible=False)
    text = "; ".join(f"{lane.worker}: {len(lane.bars)} trials, busy {lane.busy_share:.0%}" for lane in lanes)
    return svg.to_svg(
        figure, svg.Caption(name="timeline", title="Timeline of the workers", description=text or "No worker.")
    )


def machines(numbers: Machines) -> str:
    """One lane a GPU, or a machine without: when at least one trial was on it."""
    devices = numbers.devices[:LANES_SHOWN]
    figure, (axes,) = svg.new_figure(0.9 + 0.27 * max(1, len(devices)))
    for row, device in enumerate(devices):
        bars = [(start / 60, (end - start) / 60) for start, end in device.spans]
        axes.broken_barh(bars, (row - 0.35, 0.7), color=svg.BEST, edgecolor=svg.CARD, linewidth=0.9)
    names = [f"{device.node} · {device.name}" for device in devices]
    labels = [f"{name}  {device.busy_share:.0%}" for name, device in zip(names, devices, strict=True)]
    axes.set(yticks=range(len(devices)), yticklabels=labels, xlabel="minutes since the first trial started")
    axes.set_xlim(0, numbers.span_seconds / 60 or 1)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelcolor=svg.INK)
    axes.grid(axis="y", visible=False)
    told = (
        f"{name}: {device.trials} trials, busy {device.busy_share:.0%}"
        for name, device in zip(names, devices, strict=True)
    )
    caption = svg.Caption(name="machines", title="Busy times of the machines", description="; ".join(told) or "None.")
    return svg.to_svg(figure, caption)


def _draw_bar(axes: Axes, row: int, bar: Bar) -> None:
    colour, height = _STATUS_COLOURS[bar.status], 0.4 if bar.status == "PRUNED" else 0.7
    start, minutes = bar.start / 60, (bar.end - bar.start) / 60
    axes.barh(row, minutes, left=start, height=height, color=colour, edgecolor=svg.CARD, linewidth=0.9)
    if bar.status == "FAIL":
        axes.plot([bar.end / 60], [row], "x", color=svg.INK, markersize=5)
