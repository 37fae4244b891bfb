"""Confusion matrices and scores over all seeds, and what the headings say of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fashion_model.config import REFERENCE
from reports.sections.classes.section import confusion, mean_matrix, scores
from tests.reports.conftest import Plan, finish
from tests.reports.parsed_page import Page


def test_headings_name_only_changes_that_survive() -> None:
    same, better = (
        finish(Plan(images=1000, best_error=error, reference_error=0.16)).numbers() for error in (0.16, 0.04)
    )
    assert confusion(same).heading == "No cell of the confusion matrix changes by more than chance"
    assert scores(same).heading == "F1 changes reliably in no class"
    assert better.changes is not None
    largest = max(
        (cell for cell in better.changes.cells if cell.change.survives()), key=lambda c: abs(c.change.estimate.value)
    )
    assert confusion(better).heading.startswith(f"{largest.true} ")
    survivors = sum(cell.change.survives() for cell in better.changes.cells)
    assert confusion(better).heading.endswith(f" images; {survivors} cells change reliably")
    up = sum(each.f1.survives() for each in better.changes.classes)
    assert up > 0
    assert scores(better).heading == f"F1 is reliably higher in {up} of 10 classes, lower in none"


@pytest.mark.parametrize("seeds", [1, 2])
def test_one_or_two_runs_each_tell_nothing_of_a_class_from_chance(seeds: int) -> None:
    numbers = finish(Plan(seeds=seeds, images=1000)).numbers()
    assert confusion(numbers).heading == scores(numbers).heading
    assert "can be told from chance" in confusion(numbers).heading


def test_the_headings_of_a_reference_that_wins_name_no_class_without_images_and_no_mistake_that_none_made() -> None:
    perfect = finish(Plan(best_config=REFERENCE, reference_error=0.0))
    assert confusion(perfect.numbers()).heading == "No image is mistaken"
    search = finish(Plan(best_config=REFERENCE))
    labels = np.where(search.predictions.labels == 9, 8, search.predictions.labels).astype(np.uint8)
    absent = replace(search, predictions=replace(search.predictions, labels=labels))
    assert "Ankle boot" not in scores(absent.numbers()).heading


def test_the_shares_of_each_row_and_the_totals_are_the_matrix() -> None:
    numbers = finish(Plan()).numbers()
    page = Page(str(confusion(numbers).html))
    for name, model in numbers.comparison.models():
        matrix = np.array(mean_matrix(model))
        _, *rows, last = page.tables[f"confusion-{name}-shares"]
        shares = [[float(cell) for cell in row[1:-1]] for row in rows]
        assert np.array(shares) == pytest.approx(100 * matrix / matrix.sum(axis=1, keepdims=True), abs=0.05)
        assert [int(row[-1]) for row in rows] == pytest.approx(matrix.sum(axis=1), abs=0.5)
        assert [int(cell) for cell in last[1:]] == pytest.approx([*matrix.sum(axis=0), 200], abs=0.5)
