"""Charts of stretched strokes: places, marks of axes, densities."""

from __future__ import annotations

import re

import pytest

from reports.layout.plot import Scale, dots, line, marks, steps, strands


@pytest.mark.parametrize(
    ("low", "high", "most", "whole", "texts"),
    [
        (83.1, 94.2, 5, False, ["85", "87.5", "90", "92.5"]),
        (0, 3, 6, True, ["0", "1", "2", "3"]),
        (0, 10, 4, True, ["0", "3", "6", "9"]),
        (-0.5, 4999.5, 6, True, ["0", "1,000", "2,000", "3,000", "4,000"]),
        (0.1, 0.3, 4, False, ["0.1", "0.15", "0.2", "0.25", "0.3"]),
    ],
)
def test_an_axis_has_round_marks_at_their_places(
    low: float, high: float, most: int, whole: bool, texts: list[str]
) -> None:
    ticks = Scale(low=low, high=high).ticks(most, "{:,g}", whole=whole)
    assert [tick.text for tick in ticks] == texts
    for tick in ticks:
        assert low + tick.at * (high - low) == pytest.approx(float(tick.text.replace(",", "")))


def test_values_outside_an_axis_are_at_its_ends() -> None:
    assert [Scale(low=80, high=90)(value) for value in (10, 80, 85, 90, 99)] == [0, 0, 0.5, 1, 1]


def test_strokes_run_from_the_lower_left() -> None:
    assert line([(0, 0), (0.5, 1)]) == "M0 1000L500 0"
    assert steps([(0, 0.2), (0.5, 0.2), (0.7, 0.9)]) == "M0 800H500H700V100H1000"
    assert [layer.path for layer in dots([(0.25, 0.5), (0.25, 0.5)], "dot")] == ["M250 500h0"]
    assert dots([], "dot") == strands([], "line") == marks([], "mark") == ()


def test_many_points_become_cells_that_count_each_once_and_darken_with_their_number() -> None:
    points = [(0.5, 0.5)] * 900 + [(0.1, 0.1)] * 30 + [(index / 100, 0.9) for index in range(100)]
    layers = dots(points, "dot", "complete")
    by_level = {layer.level: layer.path for layer in layers}
    assert by_level[4] == "M500 500h0"
    assert by_level[3] == "M100 900h0" or by_level[2] == "M100 900h0"
    assert by_level[1].count("M") == 100
    assert [layer.label for layer in layers if layer.label] == ["complete"]


def test_the_drawing_of_5000_lines_does_not_grow_with_their_number() -> None:
    def drawn(count: int) -> int:
        lines = [[(0.3 + (7 * i % 40) / 100, 0.9), ((11 * i % 50) / 50, 0.5), (0.2, 0.1)] for i in range(count)]
        return sum(len(layer.path) for layer in strands(lines, "line"))

    assert drawn(5000) < 1.2 * drawn(1000)


def test_a_strip_has_a_mark_for_each_of_few_trials() -> None:
    (layer,) = marks([0.1, 0.2, 0.9], "mark failed")
    assert re.findall(r"M(\d+)", layer.path) == ["100", "200", "900"]
