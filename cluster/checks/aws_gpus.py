"""How many GPUs an EC2 instance type has: Ray asks AWS, a forecast must know it without."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Final

_TABLE: Final = Path(__file__).with_name("aws_gpus.csv")


def gpus_of(instance_type: str) -> float:
    """The NVIDIA GPUs of an instance type; 0 where it has none, or is not in the table."""
    return _table().get(instance_type, 0.0)


@cache
def _table() -> dict[str, float]:
    with _TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["instance_type"]: float(row["gpus"]) for row in rows}
