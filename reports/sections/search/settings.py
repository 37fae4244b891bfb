"""The trials by their settings: parallel coordinates of all of them, and each setting against the accuracy.

Only settings that vary are drawn. They are complete without scripts; page.js adds choosing ranges on the axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

from fashion_model.config import TrainConfig
from reports.layout.plot import Layer, Point, Tick, dots, line, strands
from reports.numbers.wording import value_text
from reports.records import TrialRecord
from reports.sections.search.picture import ring, value_scale

_LOG_FROM: Final = 20  # an axis whose largest value is so many times its smallest is logarithmic
_OFF: Final = 0.0  # where the values begin that a logarithm has no place for
_START: Final = 0.12  # where the others begin then
_TICKS_APART: Final = 0.22
_BEST_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One setting: the place of each trial on it, from 0 to 1, in the order of the trials, and what the ends mean."""

    name: str
    places: tuple[float, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates:
    """Parallel coordinates: an axis a row, the accuracy first. `data` is what page.js reads: a trial a record, of its
    number, its accuracy (10,000ths; empty unless it is complete) and its places (1,000ths)."""

    axes: tuple[Axis, ...]
    layers: tuple[Layer, ...]
    rows: tuple[float, ...]
    data: str
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One setting against the validation accuracy of the complete trials."""

    name: str
    layers: tuple[Layer, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BySetting:
    """Both pictures. `low` and `high` are the ends of the slices' vertical axis in percent."""

    coordinates: Coordinates
    slices: tuple[Slice, ...]
    low: float
    high: float


def by_setting(trials: Sequence[TrialRecord], best: int | None) -> BySetting | None:
    """Both pictures; None where fewer than three trials have a configuration, or none of their settings varies."""
    shown = [trial for trial in trials if trial.config is not None]
    axes = [axis for field in fields(TrainConfig) if (axis := _axis(field.name, shown))]
    complete = [trial.value for trial in shown if trial.value is not None]
    if len(shown) < 3 or not axes or not complete:
        return None
    y = value_scale([100 * value for value in complete])
    accuracy = Axis(
        name="validation accuracy, %",
        places=tuple(_OFF if t.value is None else _after_off(y(100 * t.value)) for t in shown),
        ticks=_apart([Tick(_OFF, "not complete"), *(Tick(_after_off(t.at), t.text) for t in y.ticks(4))]),
    )
    return BySetting(
        coordinates=_coordinates(shown, (accuracy, *axes), best),
        slices=tuple(_slice(axis, shown, [y(100 * (trial.value or 0)) for trial in shown], best) for axis in axes),
        low=y.low,
        high=y.high,
    )


def _coordinates(trials: Sequence[TrialRecord], axes: Sequence[Axis], best: int | None) -> Coordinates:
    rows = tuple(1 - (row + 0.5) / len(axes) for row in range(len(axes)))
    lines = [[(axis.places[index], y) for axis, y in zip(axes, rows, strict=True)] for index in range(len(trials))]
    values = {index: trial.value for index, trial in enumerate(trials) if trial.value is not None}
    ranked = sorted(values, key=lambda index: -values[index])
    top = min(_BEST_SHOWN, max(1, len(ranked) // 10))
    layers = strands([points for i, points in enumerate(lines) if i not in values], "line stopped", "not complete")
    layers += strands([lines[index] for index in ranked[top if top > 1 else 0 :]], "line complete", "complete")
    if top > 1:
        layers += strands([lines[index] for index in ranked[:top]], "line complete thick", f"the best {top}")
    chosen = [points for trial, points in zip(trials, lines, strict=True) if trial.number == best]
    layers += tuple(Layer(kind="line ink thick", path=line(points), label="chosen") for points in chosen)
    return Coordinates(axes=tuple(axes), layers=layers, rows=rows, data=_data(trials, axes), trials=len(trials))


def _data(trials: Sequence[TrialRecord], axes: Sequence[Axis]) -> str:
    return ";".join(
        ",".join([str(trial.number), "" if trial.value is None else str(round(10_000 * trial.value)),
                  *(str(round(1000 * axis.places[index])) for axis in axes)])
        for index, trial in enumerate(trials)
    )  # fmt: skip


def _slice(axis: Axis, trials: Sequence[TrialRecord], heights: Sequence[float], best: int | None) -> Slice:
    points: list[Point] = []
    chosen: list[Point] = []
    for trial, place, height in zip(trials, axis.places, heights, strict=True):
        if trial.value is not None:
            (chosen if trial.number == best else points).append((place, height))
    return Slice(name=axis.name, layers=dots(points, "dot complete small") + ring(chosen, "chosen"), ticks=axis.ticks)


def _axis(name: str, trials: Sequence[TrialRecord]) -> Axis | None:
    """The axis of a setting; None where it does not vary."""
    values = [getattr(trial.config, name) for trial in trials]
    distinct = sorted(set(values))
    if len(distinct) < 2:
        return None
    spoken = name.replace("_", " ")
    if isinstance(distinct[0], (str, bool)) or len(distinct) <= 5:
        places = {value: index / (len(distinct) - 1) for index, value in enumerate(distinct)}
        ticks = [Tick(place, value_text(value)) for value, place in places.items()]
        return Axis(name=spoken, places=tuple(places[value] for value in values), ticks=_apart(ticks))
    return _of_numbers(spoken, values, distinct)


def _of_numbers(name: str, values: Sequence[float], distinct: Sequence[float]) -> Axis:
    """Logarithmic where the values span decades. A 0 far from the others mostly means off: it stands apart."""
    positive = [value for value in distinct if value > 0]
    is_log = distinct[0] >= 0 and positive[-1] >= _LOG_FROM * positive[0]
    has_off = distinct[0] == 0 and (is_log or 2 * positive[0] > positive[-1])
    form = math.log if is_log else float
    low, high = (form(value) for value in (positive[0] if has_off else distinct[0], distinct[-1]))

    def place(value: float) -> float:
        if has_off and value == 0:
            return _OFF
        part = (form(value) - low) / (high - low)
        return _after_off(part) if has_off else part

    middle = math.exp((low + high) / 2) if is_log else (low + high) / 2
    ends = [*([0.0] if has_off else []), positive[0] if has_off else distinct[0], middle, distinct[-1]]
    return Axis(
        name=name + (", log" if is_log else ""),
        places=tuple(place(value) for value in values),
        ticks=_apart([Tick(place(value), value_text(float(f"{value:.3g}"))) for value in ends]),
    )


def _after_off(part: float) -> float:
    return _START + (1 - _START) * part


def _apart(ticks: Sequence[Tick]) -> tuple[Tick, ...]:
    """The ticks without those whose texts would touch the one before, or the last one."""
    kept = [ticks[0]]
    for tick in ticks[1:-1]:
        if tick.at - kept[-1].at >= _TICKS_APART and ticks[-1].at - tick.at >= _TICKS_APART:
            kept.append(tick)
    return (*kept, ticks[-1])
