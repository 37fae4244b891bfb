"""Several finished searches side by side on one page, and whether their data and terms can be compared at all.

python -m reports.compare runs/first runs/second [--output comparison.html]
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fashion_model.config import TrainConfig
from reports.layout.section import Cover, draw_page, draw_section
from reports.numbers.finished import Finished, finished_run
from reports.numbers.privacy import without_credentials, without_folders
from reports.numbers.wording import count, duration, parameter_rows, percent, percent_interval, points, points_interval
from reports.records import RecordError, write_beside_then_move


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fact of every run, as text."""

    name: str
    values: tuple[str, ...]

    def differs(self) -> bool:
        """Whether the runs do not agree."""
        return len(set(self.values)) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """The runs by their names, and their facts by topic. Accuracies can be compared where `terms` agree."""

    names: tuple[str, ...]
    terms: tuple[Row, ...]
    results: tuple[Row, ...]
    settings: tuple[Row, ...]
    costs: tuple[Row, ...]
    origins: tuple[Row, ...]

    def obstacles(self) -> tuple[str, ...]:
        """The terms that differ."""
        return tuple(row.name for row in self.terms if row.differs())


def _files(run: Finished) -> str:
    digests = sorted(run.outcome.data.file_sha256.values())
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


_Fact = tuple[str, Callable[[Finished], str]]
_TERMS: Final[tuple[_Fact, ...]] = (
    ("task", lambda run: run.task.name),
    ("files of the data (SHA-256)", _files),
    ("test images (SHA-256 of the labels)", lambda run: run.outcome.data.test_sha256[:16]),
    ("training images", lambda run: count(run.outcome.data.train_count + run.outcome.data.validation_count)),
    ("split (SHA-256)", lambda run: run.outcome.data.split_sha256[:16]),
    ("epochs of a retraining", lambda run: str(len(run.comparison.best.runs[0].epochs))),
)
_RESULTS: Final[tuple[_Fact, ...]] = (
    ("verdict", lambda run: run.comparison.verdict),
    ("tuned, test accuracy", lambda run: percent(run.comparison.best.test_accuracy.value)),
    ("tuned, 95% interval", lambda run: percent_interval(run.comparison.best.test_accuracy)),
    ("reference, test accuracy", lambda run: percent(run.comparison.reference.test_accuracy.value)),
    ("reference, 95% interval", lambda run: percent_interval(run.comparison.reference.test_accuracy)),
    ("difference", lambda run: f"{points(run.comparison.difference.estimate.value)} pt"),
    ("difference, 95% interval", lambda run: f"{points_interval(run.comparison.difference.estimate)} pt"),
    ("seeds of each model", lambda run: str(len(run.comparison.seeds))),
)
_COSTS: Final[tuple[_Fact, ...]] = (
    ("trials", lambda run: count(len(run.outcome.trials))),
    ("complete", lambda run: count(run.trials.counts.complete)),
    ("epochs of the search", lambda run: count(run.trials.epochs)),
    ("search, wall time", lambda run: duration(run.outcome.times.search_seconds)),
    ("search, CPU time", lambda run: duration(sum(each.work.cpu_seconds for each in run.outcome.trials_and_lost()))),
    ("parameters of the tuned model", lambda run: count(run.comparison.best.parameters)),
    ("one training, CPU time", lambda run: duration(run.comparison.best.cpu_seconds)),
    ("predicting the test images", lambda run: duration(run.comparison.best.predict_seconds)),
)
_ORIGINS: Final[tuple[_Fact, ...]] = (
    ("command", lambda run: without_credentials(run.outcome.command).replace("\n", ", then ")),
    ("ended", lambda run: run.outcome.ended[:16]),
    ("commit", lambda run: run.outcome.environment.commit[:12] or "not recorded"),
    ("processor", lambda run: run.outcome.environment.processor),
    ("GPUs", lambda run: f"{run.outcome.environment.gpus:g} {run.outcome.environment.gpu_model}".strip()),
)


def side_by_side(runs: Sequence[Finished]) -> SideBySide:
    """The facts of the runs, in their order. Of the settings, those that some run has changed."""
    changed = [parameter_rows(TrainConfig(), run.outcome.best_config) for run in runs]
    settings = (
        Row(name=same[0].name.replace("_", " "), values=tuple(row.best for row in same))
        for same in zip(*changed, strict=True)
        if any(row.differs for row in same)
    )
    terms, results, costs, origins = (
        tuple(Row(name=name, values=tuple(fact(run) for run in runs)) for name, fact in facts)
        for facts in (_TERMS, _RESULTS, _COSTS, _ORIGINS)
    )
    names = tuple(without_folders(run.outcome.study) for run in runs)
    return SideBySide(names=names, terms=terms, results=results, settings=tuple(settings), costs=costs, origins=origins)


def page(runs: Sequence[Finished], found: SideBySide) -> str:
    """The page as text."""
    obstacles = found.obstacles()
    heading = "These runs cannot be compared" if obstacles else "These runs were made on the same data and terms"
    section = draw_section(
        "compare.html", id="comparison", title="Comparison", heading=heading, found=found, obstacles=obstacles
    )
    cover = Cover(
        task=runs[0].task.name,
        study=f"{len(runs)} runs",
        written=max(run.outcome.ended for run in runs),
        is_finished=True,
        records=(),
    )
    return draw_page([section], cover)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m reports.compare", description=__doc__.split("\n", 1)[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--output", type=Path, default=Path("comparison.html"), help="default comparison.html")
    flags = parser.parse_args(arguments)
    try:
        if len(flags.runs) < 2:
            raise RecordError(f"A comparison needs two runs or more. Received: {flags.runs[0]} alone. Name another.")
        runs = [finished_run(run) for run in flags.runs]
        found = side_by_side(runs)
        write_beside_then_move(flags.output, page(runs, found).encode())
    except (RecordError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    obstacles = found.obstacles()
    print(f"not comparable: {', '.join(obstacles)} differ" if obstacles else "comparable: same data, same terms")
    print(flags.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
