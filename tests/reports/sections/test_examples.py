"""Pairs of classes and single images that the two models judge differently, over all seeds."""

from __future__ import annotations

import numpy as np
import pytest

from reports.numbers.finished import Finished
from reports.sections.examples.section import ChangedImages, changed_images, examples
from tests.reports.conftest import Plan, finish


@pytest.fixture(scope="module")
def found() -> Finished:
    return finish(Plan()).numbers()


@pytest.fixture(scope="module")
def changed(found: Finished) -> ChangedImages:
    assert found.changes is not None
    return changed_images(found, found.changes)


def test_changed_images_are_right_in_most_runs_of_one_model_and_wrong_in_most_of_the_other(
    found: Finished, changed: ChangedImages
) -> None:
    before, after = (found.right[model].sum(axis=0) for model in ("reference", "best"))
    fixed, broken = (after >= 3) & (before <= 2), (before >= 3) & (after <= 2)
    assert (changed.fixed_total, changed.broken_total) == (fixed.sum(), broken.sum())
    assert (len(changed.fixed), len(changed.broken)) == (min(8, fixed.sum()), min(8, broken.sum()))
    assert all(fixed[item.index] for item in changed.fixed)
    assert all(broken[item.index] for item in changed.broken)
    gains = [item.right_best - item.right_reference for item in changed.fixed]
    assert gains == sorted((after.astype(int) - before)[fixed], reverse=True)[: len(gains)]


def test_changed_pairs_are_the_largest_mean_changes_off_the_diagonal(found: Finished, changed: ChangedImages) -> None:
    matrices = [np.mean([run.confusion_matrix for run in model.runs], axis=0) for _, model in found.comparison.models()]
    off_diagonal = np.abs((matrices[1] - matrices[0]) * (1 - np.eye(10)))
    sizes = [abs(pair.cell.change.estimate.value) for pair in changed.pairs]
    assert sizes == pytest.approx(sorted(off_diagonal.ravel(), reverse=True)[: len(sizes)])
    assert len(changed.pairs) == 5


def test_the_heading_names_a_pair_only_if_it_survives() -> None:
    headings = []
    for error in (0.16, 0.02):
        section = examples(finish(Plan(images=2000, reference_error=0.16, best_error=error)).numbers())
        assert section is not None
        headings.append(section.heading)
    assert headings[0] == "No pair of classes is reliably confused more or less often"
    assert " taken for " in headings[1]
