"""Put the tables of the last measurements into docs/performance.md, each between its two marks.

python -m benchmarks.page
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.record import FOLDER

PAGE = FOLDER.parent / "performance.md"
_VERSIONS = ("ray", "optuna", "tensorflow", "keras")


def filled(page: str, folder: Path = FOLDER) -> str:
    """The page with what lies in `folder` between `<!-- NAME -->` and `<!-- end of NAME -->`.

    Raises:
        ValueError: when a measurement has no place on the page.
    """
    for path in sorted(folder.glob("*.json")):
        begin, end = f"<!-- {path.stem} -->\n", f"<!-- end of {path.stem} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"The page must hold the marks of {path.stem} once. Received: {page.count(begin)} times.")
        before, rest = page.split(begin)
        after = rest.split(end)[1]
        page = before + begin + _text(json.loads(path.read_text(encoding="utf-8"))) + end + after
    return page


def _text(content: dict[str, Any]) -> str:
    where = content["environment"]
    gpus = f" and {where['gpus']:g} × {where['gpu_model']}" if where.get("gpus") else ""
    versions = ", ".join(f"{name} {where['versions'][name]}" for name in _VERSIONS)
    return (
        f"{content['tables']}\n\n`{content['command']}`, {content['date']}: {where['processor']}, "
        f"{where['cpus']:g} cores{gpus}; Python {where['python']}, {versions}.\n"
    )


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
