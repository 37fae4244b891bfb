"""Pictures of the trials: every one with the best so far, how each learned, and how far they came."""

from __future__ import annotations

from collections.abc import Sequence

from reports.layout.plot import Layer, Plot, Point, Scale, Strip, Tick, dots, line, marks, steps, strands
from reports.numbers.trials import TrialNumbers, TrialPoint
from reports.records import TrialRecord

_STOPPED = "stopped early"
_GIVEN = ("portfolio", "added")  # to the sampler, with no draw of its own


def history(search: TrialNumbers, ringed: str) -> Plot:
    """Validation accuracy of each complete trial by number, the best so far, and a strip for those without a place.
    Those of earlier runs have numbers of this study, and are no part of the best so far.

    `ringed` says in one or two words what the ring around the best trial means.
    """
    complete = [point for point in search.trials if point.status == "COMPLETE" and point.value is not None]
    values = [100 * point.value for point in (*complete, *search.earlier) if point.value is not None]
    x, y = _numbers((*search.earlier, *search.trials)), value_scale(values)
    below = sum(value < y.low for value in values)
    best_so_far = [(x(each.number), y(100 * each.best_so_far)) for each in complete if each.best_so_far is not None]
    note = f" ({below} below the axis drawn on it)" if below else ""
    layers = dots(_places(search.earlier, x, y), "dot warm", "warm-started, of earlier runs") if search.earlier else ()
    layers += dots(_places(complete, x, y), "dot complete", "complete" + note)
    if best_so_far:
        layers += (Layer(kind="line ink", path=steps(best_so_far), label="best so far"),)
    layers += dots(_places([point for point in complete if point.is_reference], x, y), "dot reference", "reference")
    for origin in _GIVEN:
        layers += dots(_places([point for point in complete if point.origin == origin], x, y), f"dot {origin}", origin)
    layers += ring(_places([point for point in complete if point.is_best], x, y), ringed)
    return Plot(
        name="history", title="Search history", description=_history_text(search, ringed), layers=layers,
        x_ticks=x.ticks(6, "{:,g}", whole=True), y_ticks=y.ticks(5), x_label="trial",
        y_label="validation accuracy, %", strips=_strips(search, x),
    )  # fmt: skip


def ring(points: Sequence[Point], label: str) -> tuple[Layer, ...]:
    """A ring around a point."""
    return dots(points, "dot ring", label) + dots(points, "dot hole") + dots(points, "dot complete")


def _places(points: Sequence[TrialPoint], x: Scale, y: Scale) -> list[Point]:
    return [(x(point.number), y(100 * point.value)) for point in points if point.value is not None]


def _numbers(trials: Sequence[TrialPoint]) -> Scale:
    numbers = [point.number for point in trials]
    return Scale(low=min(numbers, default=0) - 0.5, high=max(numbers, default=0) + 0.5)


def value_scale(percents: Sequence[float]) -> Scale:
    """An axis for values in percent. It starts below the tenth percentile, so that a few poor ones flatten none."""
    values = sorted(percents) or [0.0, 100.0]
    tenth, highest = values[len(values) // 10], values[-1]
    room = max(0.2, 0.08 * (highest - tenth))
    floor = tenth - 0.35 * (highest - tenth)
    return Scale(low=max(values[0], floor) - room, high=min(100.0, highest + room) if highest < 100 else 100.0 + room)


def _strips(search: TrialNumbers, x: Scale) -> tuple[Strip, ...]:
    """The trials without a comparable value, by what became of them: they have a place in time alone."""
    strips = []
    for status, word, kind in (("PRUNED", _STOPPED, "stopped"), ("FAIL", "failed", "failed")):
        if places := [x(point.number) for point in search.trials if point.status == status]:
            strips.append(Strip(label=f"{len(places):,} {word}", layers=marks(places, f"mark {kind}")))
    return tuple(strips)


def _history_text(search: TrialNumbers, ringed: str) -> str:
    counts, best = search.counts, next((point for point in search.trials if point.is_best), None)
    value = (
        f" Trial {best.number} ({ringed}) reached {100 * best.value:.2f}%." if best and best.value is not None else ""
    )
    return f"{counts.complete} trials complete, {counts.pruned} {_STOPPED}, {counts.failed} failed.{value}"


def curves(trials: Sequence[TrialRecord], best: int | None, ringed: str) -> Plot | None:
    """Validation accuracy of every trial by epoch. None where no trial finished two epochs."""
    learned = [trial for trial in trials if len(trial.measurements) > 1]
    if not learned:
        return None
    last = max(trial.measurements[-1].epoch for trial in learned)
    x = Scale(low=1, high=last)
    starts = [100 * trial.measurements[0].value for trial in learned if trial.status == "COMPLETE"]
    ends = [100 * trial.measurements[-1].value for trial in learned]
    y = value_scale([*starts, max(ends)])
    of = {status: [_curve(t, x, y) for t in learned if t.status == status] for status in ("PRUNED", "FAIL", "COMPLETE")}
    layers = strands(of["PRUNED"], "line stopped", _STOPPED) + strands(of["FAIL"], "line failed", "failed")
    layers += strands(of["COMPLETE"], "line complete", "complete")
    for kind, label, chosen in (("line reference thick", "reference", None), ("line ink thick", ringed, best)):
        path = "".join(
            line(_curve(trial, x, y)) for trial in learned
            if (trial.number == chosen if chosen is not None else trial.is_reference and trial.status == "COMPLETE")
        )  # fmt: skip
        layers += (Layer(kind=kind, path=path, label=label),) if path else ()
    single = sum(len(trial.measurements) == 1 for trial in trials)
    text = (
        f"{len(learned)} trials by epoch; {single} more ended after one epoch." if single else f"{len(learned)} trials."
    )
    return Plot(
        name="curves-of-trials", title="Learning curves of the trials", description=text, layers=layers,
        x_ticks=x.ticks(6, whole=True), y_ticks=y.ticks(5), x_label="epoch", y_label="validation accuracy, %",
    )  # fmt: skip


def _curve(trial: TrialRecord, x: Scale, y: Scale) -> list[Point]:
    return [(x(epoch), y(100 * value)) for epoch, value in trial.measurements]


def rungs(search: TrialNumbers) -> Plot | None:
    """How many trials reached each epoch; the darker part ended there. None if no epoch was finished."""
    if not search.rungs:
        return None
    epochs = len(search.rungs)
    x, y = Scale(low=0.5, high=epochs + 0.5), Scale(low=0, high=max(rung.reached for rung in search.rungs))
    every = max(1, epochs // 12)
    shown = [rung for rung in search.rungs if rung.reached]
    reached = "".join(_bar(x(rung.epoch), y(rung.reached), 0.36 / epochs) for rung in shown)
    ended = "".join(_bar(x(rung.epoch), y(rung.ended_here), 0.36 / epochs) for rung in shown)
    text = "; ".join(f"epoch {rung.epoch}: {rung.reached} reached, {rung.ended_here} ended" for rung in search.rungs)
    return Plot(
        name="rungs", title="Trials by epoch", description=text,
        layers=(
            Layer(kind="bar reached", path=reached, label="reached this epoch"),
            Layer(kind="bar ended", path=ended, label="ended here"),
        ),
        x_ticks=tuple(Tick(x(rung.epoch), str(rung.epoch)) for rung in search.rungs if rung.epoch % every == 0),
        y_ticks=y.ticks(4, "{:,g}", whole=True), x_label="epoch", y_label="trials",
    )  # fmt: skip


def _bar(x: float, y: float, half: float) -> str:
    left, right, top = (round(1000 * value) for value in (x - half, x + half, 1 - y))
    return f"M{left} 1000V{top}H{right}V1000Z"
