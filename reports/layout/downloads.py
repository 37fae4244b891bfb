"""Files inside the page, so that a page sent alone has its numbers with it: links that hold their content.

What they hold may be shared: the trials as CSV and the settings as a file for --config, without hosts and folders.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from fashion_model.config import TrainConfig
from reports.numbers.privacy import without_credentials, without_folders
from reports.numbers.trials import TrialPoint
from reports.records import TrialRecord

_PLAIN: Final = 200_000  # bytes; a larger file is compressed
_MOST: Final = 400_000  # bytes of a compressed file; a larger one stays beside the page
_OF_TRIAL: Final = (
    "number",
    "status",
    "value",
    "epochs",
    "is_reference",
    "origin",
    "seconds",
    "cpu_seconds",
    "worker",
    "attempts",
)
_PLACES: Final = frozenset({"name", "output", "overwrite", "address", "storage", "storage_path", "warm_start"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for one


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A link: the file's name, and its content as a data: URI."""

    name: str
    uri: str


def download(name: str, content: bytes) -> tuple[Download, ...]:
    """The link to a file of this content; none where the file is too large for a page."""
    kind, held = "application/octet-stream", content
    if len(content) > _PLAIN:
        name, kind, held = f"{name}.gz", "application/gzip", gzip.compress(content, mtime=0)
    if len(held) > _MOST:
        return ()
    return (Download(name=name, uri=f"data:{kind};base64,{base64.b64encode(held).decode()}"),)


def trials_csv(points: Sequence[TrialPoint], trials: Sequence[TrialRecord]) -> bytes:
    """A line a trial: how it ended, then its settings. Without hosts and folders, unlike the run folder's own file."""
    configs = {trial.number: trial.config for trial in trials}
    settings = [field.name for field in fields(TrainConfig)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_OF_TRIAL, "remarks", *settings])
    for point in points:
        config, remarks = configs[point.number], point.remarks()
        writer.writerow(
            [
                *(getattr(point, name) for name in _OF_TRIAL),
                f"'{remarks}" if remarks.startswith(_FORMULA) else remarks,
                *(getattr(config, name) if config else "" for name in settings),
            ]
        )
    return text.getvalue().encode(errors="backslashreplace")


def config_toml(settings: Mapping[str, Any], command: str) -> bytes:
    """The settings as --config reads them, without those that name a place: folders, hosts, a database."""
    lines = [f"# of: {json.dumps(without_credentials(command))}"]
    for name, value in settings.items():
        is_own = not isinstance(value, str) or value == without_folders(without_credentials(value))
        is_set = value is not None and is_own and name not in _PLACES
        lines.append(f"{name} = {json.dumps(value, ensure_ascii=False)}" if is_set else f"# {name} =")
    return ("\n".join(lines) + "\n").encode(errors="backslashreplace")
