"""The page of a search that has not ended: its sections in their order -> report.html and report.json.

write_interim(Path("runs/<name>"))

The command has ten seconds for it after Ctrl-C, so nothing is loaded here that this page does not show.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from reports.layout.report_json import report_json
from reports.layout.section import Cover, Section, draw_page
from reports.numbers.privacy import without_folders
from reports.numbers.so_far import SoFar, so_far
from reports.records import load_state, write_beside_then_move
from reports.sections.reproduce.so_far import reproduce_so_far, resume
from reports.sections.result.so_far import result_so_far, sentence_of
from reports.sections.search.so_far import search_so_far

SECTIONS: Final[tuple[Callable[[SoFar], Section], ...]] = (result_so_far, resume, search_so_far, reproduce_so_far)


def write_interim(run_dir: Path) -> str:
    """Write `report.html` and `report.json` of a search that has not ended, and return in words how far it came.

    Raises:
        RecordError: when state.json is missing, damaged or of another schema.
        OSError: when the folder cannot be written.
    """
    numbers = so_far(load_state(run_dir / "state.json"))
    sections = tuple(section(numbers) for section in SECTIONS)
    state = numbers.state
    cover = Cover(
        task=state.task.name,
        study=without_folders(state.study),
        written=state.saved,
        is_finished=False,
        records=("state.json",),
    )
    write_beside_then_move(run_dir / "report.html", draw_page(sections, cover).encode())
    write_beside_then_move(run_dir / "report.json", report_json(sections, finished=False))
    return sentence_of(numbers)
