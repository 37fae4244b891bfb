"""The sections' numbers in one document."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from markupsafe import Markup

from reports.layout.report_json import report_json
from reports.layout.section import Section


@dataclass(frozen=True)
class Pair:
    first: float
    second: tuple[int, ...]


def section(numbers: dict[str, object]) -> Section:
    return Section(id="a", title="A", heading="A section", html=Markup(""), numbers=numbers)


def test_numbers_are_at_their_places_and_nan_is_null() -> None:
    sections = [section({"search": Pair(float("nan"), (1, 2))}), section({"search.third": "x", "cost": None})]
    assert json.loads(report_json(sections, finished=True)) == {
        "schema": 1,
        "finished": True,
        "search": {"first": None, "second": [1, 2], "third": "x"},
        "cost": None,
    }


def test_a_place_belongs_to_one_section() -> None:
    sections = [section({"search": Pair(1.0, ())}), section({"search.first": 2.0})]
    with pytest.raises(ValueError, match=r"belongs to one section\. Received: 'search\.first' a second time"):
        report_json(sections, finished=True)
