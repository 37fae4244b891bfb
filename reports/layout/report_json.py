"""The numbers of a page's sections as JSON text, `report.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

from reports.layout.section import Section

SCHEMA: Final = 1


def report_json(sections: Sequence[Section], *, finished: bool) -> bytes:
    """report.json with all that the sections add. `finished` says of which page.

    Accuracies are fractions, times are ISO-8601 UTC or seconds, and NaN is null.

    Raises:
        ValueError: when two sections add a number at the same place.
    """
    document: dict[str, Any] = {"schema": SCHEMA, "finished": finished}
    for section in sections:
        for place, value in section.numbers.items():
            *parents, name = place.split(".")
            inside = document
            for parent in parents:
                inside = inside.setdefault(parent, {})
            if name in inside:
                raise ValueError(f"A place in report.json belongs to one section. Received: {place!r} a second time.")
            inside[name] = _plain(value)
    return (json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode(
        errors="backslashreplace"
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
