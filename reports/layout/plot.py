"""A chart that re-lays itself at every width: strokes in an SVG that is stretched, and its labels as text of the page.

A point is (x, y), both from 0 to 1, from the lower left. Strokes and dots keep their size at every width (page.css), so
a chart needs neither a second drawing for a telephone nor a library. Many points become a density.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

Point = tuple[float, float]
_Key = TypeVar("_Key")
_SIDE: Final = 1000  # of the square that is stretched
_FEW: Final = 300  # marks that are drawn one by one
_LEVELS: Final = 4
_CELLS: Final = 100  # a side of the grid in which many marks are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Strokes of one kind, a class in page.css. `level`, from 1 to 4, is how dense they are; `label` is for the key."""

    kind: str
    path: str
    level: int = _LEVELS
    label: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, from 0 to 1."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A row under the plot with a mark for each trial that has no place in it."""

    label: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A chart. `title` and `description` are for those who cannot see it; `name` is its id in the page."""

    name: str
    title: str
    description: str
    layers: tuple[Layer, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_label: str
    y_label: str
    strips: tuple[Strip, ...] = ()

    def grid(self) -> str:
        """Lines at the ticks of the vertical axis."""
        return "".join(f"M0 {_down(tick.at)}H{_SIDE}" for tick in self.y_ticks)

    def keys(self) -> tuple[Layer, ...]:
        """The layers with a label."""
        return tuple(layer for layer in self.layers if layer.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """An axis from `low` to `high`, which differ; values outside are put at its ends."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """The place of a value, from 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def ticks(self, most: int, form: str = "{:g}", *, whole: bool = False) -> tuple[Tick, ...]:
        """At most so many round values within the axis; `whole` numbers alone for counts."""
        step = _round_step((self.high - self.low) / most, whole=whole)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        values = [round(number * step, 10) for number in range(first, last + 1)]
        return tuple(Tick(self(value), form.format(value)) for value in values)


def _round_step(least: float, *, whole: bool) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * (1 - 1e-9))
    return float(math.ceil(step)) if whole else step


def line(points: Iterable[Point]) -> str:
    """One line through the points."""
    return "M" + "L".join(f"{_across(x)} {_down(y)}" for x, y in points)


def steps(points: Sequence[Point]) -> str:
    """A line that keeps each height until the next point, and the last one to the end."""
    first, *rest = points
    path = f"M{_across(first[0])} {_down(first[1])}"
    for (_, before), (x, y) in zip(points, rest, strict=False):
        path += f"H{_across(x)}" + (f"V{_down(y)}" if y != before else "")
    return f"{path}H{_SIDE}"


def dots(points: Sequence[Point], kind: str, label: str = "") -> tuple[Layer, ...]:
    """A dot a point; of many points, a cell of a grid for those that lie together, the darker the more there are."""
    if len(points) <= _FEW:
        path = "".join(dict.fromkeys(f"M{_across(x)} {_down(y)}h0" for x, y in points))
        return (Layer(kind=kind, path=path, label=label),) if points else ()
    counted = Counter((_cell(x), _cell(y)) for x, y in points)
    paths = {place: f"M{_across(place[0])} {_down(place[1])}h0" for place in counted}
    return _by_level(counted, paths, f"{kind} many", label)


def marks(places: Sequence[float], kind: str) -> tuple[Layer, ...]:
    """A short upright mark at each place of a strip, the darker the more there are."""
    side = _SIDE if len(places) <= _FEW else _CELLS
    counted = Counter(round(place * side) / side for place in places)
    return _by_level(counted, {place: f"M{_across(place)} 0V{_SIDE}" for place in counted}, kind, "")


def strands(lines: Sequence[Sequence[Point]], kind: str, label: str = "") -> tuple[Layer, ...]:
    """The lines; many lines as their pieces, the darker the more go the same way."""
    if len(lines) <= _FEW:
        path = "".join(line(points) for points in lines)
        return (Layer(kind=kind, path=path, level=2, label=label),) if lines else ()
    pieces = Counter((_snap(start), _snap(end)) for points in lines for start, end in itertools.pairwise(points))
    return _by_level(pieces, {piece: line(piece) for piece in pieces}, kind, label)


def _by_level(counted: Counter[_Key], paths: Mapping[_Key, str], kind: str, label: str) -> tuple[Layer, ...]:
    """A layer a level, the lightest first; the darkest has the label."""
    most = max(counted.values(), default=1)
    by_level: dict[int, list[str]] = {}
    for key, count in counted.items():
        level = _LEVELS if most == 1 else 1 + round((_LEVELS - 1) * math.log(count) / math.log(most))
        by_level.setdefault(level, []).append(paths[key])
    return tuple(
        Layer(kind=kind, path="".join(by_level[level]), level=level, label=label if level == max(by_level) else "")
        for level in sorted(by_level)
    )


def _cell(value: float) -> float:
    return round(value * _CELLS) / _CELLS


def _snap(point: Point) -> Point:
    """A coarse place: lines that go nearly the same way are counted as one."""
    return round(point[0], 3), round(point[1] * 40) / 40


def _across(x: float) -> int:
    return round(_SIDE * x)


def _down(y: float) -> int:
    return round(_SIDE * (1 - y))
