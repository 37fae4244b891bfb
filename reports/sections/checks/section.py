"""Coded self-checks, which a careful reader would make before believing the numbers; and what no number shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Final

import numpy as np

from fashion_model.config import TrainConfig
from reports.layout.section import Section, draw_section
from reports.numbers.checks import Check, level
from reports.numbers.finished import Finished
from reports.numbers.wording import plural, points, value_text
from reports.records import SearchOutcome

USUAL_TEST_GAP: Final = 0.02
COMPLETE_WANTED: Final = 10
VALUES_OF_A_RANGE: Final = 5


def checks(finished: Finished) -> Section:
    """Every check; in full those that fail, and the notes."""
    made = self_checks(finished)
    return draw_section(
        "sections/checks/checks.html", id="checks", title="Checks", heading=_heading(made), numbers={"checks": made},
        checks=made,
    )  # fmt: skip


def _heading(checks: Sequence[Check]) -> str:
    counts = Counter(check.level for check in checks)
    if counts["fail"]:
        return f"{counts['fail']} of {len(checks)} self-checks {'fails' if counts['fail'] == 1 else 'fail'}"
    if not counts["note"]:
        return f"All {len(checks)} self-checks passed"
    return f"No self-check of {len(checks)} fails; {plural(counts['note'], 'note')} to read the result with"


def limits(finished: Finished) -> Section:
    """What no number of the page can say."""
    opened = next(check for check in finished.comparison.checks if check.code == "C6")
    return draw_section(
        "sections/checks/limits.html", id="limits", title="Limits", heading="What this does not show",
        document=finished.document, opened_once=opened.level == "pass",
    )  # fmt: skip


def self_checks(finished: Finished) -> tuple[Check, ...]:
    """Every check that the task has, in the order of its code."""
    notes = (
        *_document_notes(finished),
        *_class_notes(finished),
        *_search_notes(finished),
        *_surprise_notes(finished),
    )
    return tuple(sorted((*finished.comparison.checks, *notes), key=lambda check: check.code))


def _note(code: str, holds: bool, rule: str, found: str) -> Check:
    return Check(code=code, level=level(fails=False, notes=not holds), rule=rule, found=found)


def _document_notes(finished: Finished) -> Iterator[Check]:
    """Whether the terms are those of the document's claim; none for images of one's own."""
    data, document = finished.outcome.data, finished.document
    if document is None:
        return
    images = data.train_count + data.validation_count
    epochs = max(len(run.train.epochs) for run in finished.outcome.finals)
    yield _note(
        "C1", images == document.training_images,
        f"All {document.training_images:,} training images are used: the document’s claim is about those.",
        f"{data.train_count:,} + {data.validation_count:,} images",
    )  # fmt: skip
    yield _note(
        "C2", epochs == document.epochs,
        f"Retraining takes the documented {document.epochs} epochs.", plural(epochs, "epoch"),
    )  # fmt: skip


def _class_notes(finished: Finished) -> Iterator[Check]:
    classes, names, document = finished.task.classes, finished.task.class_names, finished.document
    support = np.bincount(finished.predictions.labels, minlength=classes)
    least, most = int(support.min()), int(support.max())
    if document is None:
        holds, rule = least > 0, "The test set has images of each class."
    else:
        wanted = document.test_images_per_class
        holds, rule = least == most == wanted, f"The test set has {wanted:,} images of each class."
    yield _note("C3", holds, rule, f"{least:,} to {most:,} a class")
    never: Counter[str] = Counter()
    for model, _ in finished.comparison.distinct():
        for run in finished.predictions.of(model).argmax(axis=2):
            never.update(names[label] for label in np.flatnonzero(np.bincount(run, minlength=classes) == 0))
    runs = ", ".join(f"{name} never, in {plural(count, 'run')}" for name, count in never.most_common())
    yield _note("C7", not never, "Every run predicts every class.", runs or "all predicted")


def _search_notes(finished: Finished) -> Iterator[Check]:
    trials, counts = finished.trials.trials, finished.trials.counts
    references = [trial for trial in trials if trial.is_reference]
    asked, ended = finished.outcome.settings.get("trials"), len(trials)
    yield _note(
        "D1", [trial.status for trial in references].count("COMPLETE") == 1,
        "The reference ran to its end in the study, exactly once.",
        ", ".join(f"trial {trial.number} {trial.status}" for trial in references) or "not in the study",
    )  # fmt: skip
    yield _note(
        "D2", not isinstance(asked, int) or ended >= asked, "As many trials ended as were asked for.",
        f"{ended} of {asked if isinstance(asked, int) else 'unrecorded'}",
    )  # fmt: skip
    yield _note(
        "D4", counts.complete >= COMPLETE_WANTED,
        f"At least {COMPLETE_WANTED} trials ran to their end, so that the winner was chosen among many.",
        f"{counts.complete} complete, {counts.pruned} stopped early",
    )  # fmt: skip
    at_border = settings_at_a_border(finished.outcome)
    yield _note(
        "D5", not at_border,
        "No setting of the winner is the least or the largest that was tried, beyond which a better one may lie.",
        ", ".join(at_border) or "none",
    )  # fmt: skip


def settings_at_a_border(outcome: SearchOutcome) -> tuple[str, ...]:
    """Settings of the winner at an end of what the trials tried; of ranges alone, and not 0, which nothing is below."""
    if outcome.is_reference_best():
        return ()
    tried = [trial.config for trial in outcome.trials if trial.config is not None]
    found = []
    for name in (field.name for field in fields(TrainConfig) if isinstance(field.default, (int, float))):
        value, values = getattr(outcome.best_config, name), {getattr(config, name) for config in tried}
        if len(values) >= VALUES_OF_A_RANGE and value and value in (min(values), max(values)):
            end = "least" if value == min(values) else "largest"
            found.append(f"{name} {value_text(value)} is the {end}")
    return tuple(found)


def _surprise_notes(finished: Finished) -> Iterator[Check]:
    comparison, winner, document = finished.comparison, finished.winner, finished.document
    if document is not None:
        highest = max(model.test_accuracy.value for _, model in comparison.models())
        limit = document.best_published
        rule = f"No accuracy above {limit:.1%}, which no published network of this size reaches."
        yield _note("E1", highest <= limit, rule, f"highest {highest:.2%}")
    validation = winner.search_value if winner.fresh_mean is None else winner.fresh_mean
    gap = None if validation is None else validation - winner.test_mean
    usual = "" if document is None else f" (about {100 * document.test_gap:.0f} pt is usual for this data)"
    yield _note(
        "E2", gap is None or abs(gap) <= USUAL_TEST_GAP,
        f"The winner’s validation and test accuracy differ by at most {100 * USUAL_TEST_GAP:.0f} pt{usual}.",
        "no validation score recorded" if gap is None else f"{points(gap)} pt",
    )  # fmt: skip
