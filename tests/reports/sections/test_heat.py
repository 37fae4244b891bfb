"""The shading of the confusion tables keeps its convention, and its numbers readable."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports.sections.classes.heat import STRONGEST, count_cells, difference_cells, largest_mistake

CSS = (Path(__file__).parents[3] / "reports" / "layout" / "page" / "page.css").read_text(encoding="utf-8")
Colour = tuple[float, float, float]


def test_blue_is_more_on_the_diagonal_and_fewer_off_it() -> None:
    cells = difference_cells(((5, -3), (2, -1)), [True, False, False, False])
    assert [cell.shade for row in cells for cell in row] == ["better", "better", "worse", "worse"]
    assert [cell.count for row in cells for cell in row] == [5, -3, 2, -1]
    assert [cell.survives for row in cells for cell in row] == [True, False, False, False]


def test_diagonal_and_mistakes_have_scales_of_their_own() -> None:
    cells = difference_cells(((90, -3), (0, 9)), [False] * 4)
    assert cells[0][0].opacity == cells[0][1].opacity == STRONGEST
    assert cells[1][0].shade == "none"


def test_mistakes_are_shaded_on_one_scale_for_both_models() -> None:
    before, after = ((50, 40), (0, 90)), ((80, 10), (0, 90))
    largest = largest_mistake(before, after)
    assert largest == 40
    assert count_cells(before, largest)[0][1].opacity == STRONGEST
    assert count_cells(after, largest)[0][1].opacity == STRONGEST / 2


def variables(theme: str) -> dict[str, str]:
    blocks = re.findall(r":root \{([^}]*)\}", CSS)[: 1 if theme == "light" else 2]
    return dict(re.findall(r"--([\w-]+): ([^;]+);", "".join(blocks)))


def rgb(text: str) -> Colour:
    if text.startswith("#"):
        return tuple(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))  # type: ignore[return-value]
    return tuple(int(part) / 255 for part in text.split())  # type: ignore[return-value]


def luminance(colour: Colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("shade", ["better-rgb", "worse-rgb"])
def test_text_on_the_strongest_shade_has_a_contrast_of_4_5(theme: str, shade: str) -> None:
    colours = variables(theme)
    pairs = zip(rgb(colours[shade]), rgb(colours["card"]), strict=True)
    red, green, blue = (STRONGEST * heat + (1 - STRONGEST) * card for heat, card in pairs)
    assert contrast(rgb(colours["ink"]), (red, green, blue)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "muted", "accent", "worse", "reference"])
def test_text_on_the_card_has_a_contrast_of_4_5(theme: str, name: str) -> None:
    colours = variables(theme)
    assert contrast(rgb(colours[name]), rgb(colours["card"])) >= 4.5
