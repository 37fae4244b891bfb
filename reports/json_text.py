"""A report's numbers as JSON text: the finished report's and the interim one's, told apart by `finished`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

SCHEMA: Final = 1


def json_text(numbers: Mapping[str, Any], *, finished: bool) -> bytes:
    """report.json of these numbers: accuracies are fractions, times ISO-8601 UTC or seconds, NaN is null."""
    document = {"schema": SCHEMA, "finished": finished, **numbers}
    return (json.dumps(_without_nan(document), indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
