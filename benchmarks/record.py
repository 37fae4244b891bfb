"""What a benchmark leaves: a table on standard output, and a JSON file that says on what it was measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cluster.resources import ClusterSize, usable_cores
from reports.records import write_beside_then_move
from search.run_folder.environment import environment

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "performance"


def save(name: str, result: Any, tables: str, folder: Path = FOLDER, gpus: Sequence[str] = ()) -> Path:
    """Write `result`, a dataclass of plain values, and its tables to NAME.json, with date, hardware and versions.
    `gpus` are the models of the GPUs that it was measured on."""
    cpus, models = float(usable_cores()), ", ".join(sorted(set(gpus)))
    content = {
        "benchmark": name,
        "command": " ".join(["python", "-m", f"benchmarks.{name}", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "environment": asdict(environment(ClusterSize(cpus=cpus, gpus=float(len(gpus)), nodes=1, gpu_model=models))),
        "result": asdict(result),
        "tables": tables,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    write_beside_then_move(path, (json.dumps(content, indent=1, sort_keys=True) + "\n").encode())
    return path


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns padded to be read as it is; the first column is text, the others are numbers."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    return "\n".join([line(header), rule, *(line(row) for row in rows)])
