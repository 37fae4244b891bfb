"""The page of a finished search: its sections in their order -> report.html, report.json and MODEL_CARD.md.

write_report(Path("runs/<name>"))
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from reports.card import model_card
from reports.layout.downloads import config_toml, download, trials_csv
from reports.layout.report_json import report_json
from reports.layout.section import Cover, Section, draw_page
from reports.numbers.comparison import Comparison
from reports.numbers.finished import Finished, finished_run
from reports.numbers.privacy import without_folders
from reports.records import write_beside_then_move
from reports.sections.ablation.section import ablation
from reports.sections.checks.section import checks, limits
from reports.sections.classes.section import confusion, scores
from reports.sections.cost.section import cost
from reports.sections.examples.section import examples
from reports.sections.parameters.section import parameters
from reports.sections.reproduce.section import data, reproduce
from reports.sections.result.section import result
from reports.sections.retrainings.section import curves, runs
from reports.sections.search.section import search

SECTIONS: Final[tuple[Callable[[Finished], Section | None], ...]] = (
    result,
    ablation,
    checks,
    runs,
    confusion,
    scores,
    examples,
    curves,
    search,
    parameters,
    cost,
    data,
    reproduce,
    limits,
)


def write_report(run_dir: Path) -> Comparison:
    """Write `report.html`, `report.json` and `MODEL_CARD.md` into a finished search's folder, and return the result.

    Raises:
        RecordError: when outcome.json or predictions.npz is missing, damaged, or they do not belong together.
        OSError: when the folder cannot be written.
    """
    numbers = finished_run(run_dir)
    sections = tuple(drawn for section in SECTIONS if (drawn := section(numbers)) is not None)
    outcome = numbers.outcome
    cover = Cover(
        task=numbers.task.name,
        study=without_folders(outcome.study),
        written=outcome.ended,
        is_finished=True,
        records=("outcome.json", "predictions.npz"),
    )
    report, trials = report_json(sections, finished=True), numbers.trials
    rows = trials_csv((*trials.trials, *trials.earlier), (*outcome.trials, *outcome.warm_started))
    files = [("report.json", report), ("trials.csv", rows),
             ("config.toml", config_toml(outcome.settings, outcome.command))]  # fmt: skip
    inside = [link for name, content in files for link in download(name, content)]
    write_beside_then_move(run_dir / "report.html", draw_page(sections, cover, inside).encode())
    write_beside_then_move(run_dir / "report.json", report)
    write_beside_then_move(run_dir / "MODEL_CARD.md", model_card(numbers).encode(errors="backslashreplace"))
    return numbers.comparison
