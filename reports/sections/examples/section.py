"""Test images that the two models judge differently, over all seeds: pairs of classes, and single images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from reports.layout.section import Section, draw_section
from reports.layout.thumbnails import thumbnails
from reports.numbers.changes import CellChange, Changes
from reports.numbers.checks import MODELS
from reports.numbers.finished import Finished
from reports.records import ModelName

PAIRS_SHOWN: Final = 5
EXAMPLES_SHOWN: Final = 8
EXAMPLES_PER_PAIR: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One test image. What a model says is the class of highest mean probability over its runs, `*_confidence` that
    probability. `right_*` count the runs that get it right."""

    index: int
    true: str
    reference_says: str
    reference_confidence: float
    best_says: str
    best_confidence: float
    right_reference: int
    right_best: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChange:
    """How often a class is taken for another, and images in which most runs of the two models differ in that."""

    cell: CellChange
    survives: bool
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedImages:
    """`fixed` and `broken` hold the images on which the seeds agree most. The totals count the images that more than
    half of one model's runs get right, and more than half of the other's wrong."""

    pairs: tuple[PairChange, ...]
    fixed: tuple[Example, ...]
    broken: tuple[Example, ...]
    fixed_total: int
    broken_total: int

    def examples(self) -> Iterator[Example]:
        """Every image that is shown; one may come twice."""
        yield from self.fixed
        yield from self.broken
        for pair in self.pairs:
            yield from pair.examples


def examples(finished: Finished) -> Section | None:
    """Both, with the images in small; None where the reference is the best, of which nothing differs."""
    if finished.changes is None:
        return None
    changed = changed_images(finished, finished.changes)
    indices = sorted({example.index for example in changed.examples()})
    small = thumbnails(finished.predictions.images[indices], is_ink=finished.document is not None)
    return draw_section(
        "sections/examples/examples.html", id="examples", title="Examples", heading=_heading(changed),
        numbers={"comparison.changed": changed}, changed=changed, thumbnails=dict(zip(indices, small, strict=True)),
        seeds=len(finished.comparison.seeds), cells=len(finished.changes.cells),
    )  # fmt: skip


def _heading(changed: ChangedImages) -> str:
    first = next((pair.cell for pair in changed.pairs if pair.survives), None)
    if first is None:
        return "No pair of classes is reliably confused more or less often"
    return f"{first.true} taken for {first.predicted}: {first.reference:.0f} → {first.best:.0f} images"


def changed_images(finished: Finished, changes: Changes) -> ChangedImages:
    """Most-changed pairs of classes, and the clearest examples."""
    right = finished.right
    gain = right["best"].sum(axis=0).astype(np.int64) - right["reference"].sum(axis=0)
    most = {model: right[model].mean(axis=0) > 0.5 for model in MODELS}
    least = {model: right[model].mean(axis=0) < 0.5 for model in MODELS}
    fixed, broken = most["best"] & least["reference"], most["reference"] & least["best"]
    pairs = [cell for cell in changes.mistakes()[:PAIRS_SHOWN] if cell.change.estimate.value]
    return ChangedImages(
        pairs=tuple(_pair_change(finished, cell) for cell in pairs),
        fixed=_clearest(finished, np.where(fixed, gain, 0), "best", EXAMPLES_SHOWN),
        broken=_clearest(finished, np.where(broken, -gain, 0), "reference", EXAMPLES_SHOWN),
        fixed_total=int(fixed.sum()),
        broken_total=int(broken.sum()),
    )


def _clearest(finished: Finished, gain: npt.NDArray[np.int64], surer: ModelName, count: int) -> tuple[Example, ...]:
    """The images of largest gain above 0, in runs; of equal ones those first of which the model `surer` is surest."""
    indices = np.flatnonzero(gain > 0)
    order = np.lexsort((indices, -finished.mean[surer][indices].max(axis=1), -gain[indices]))[:count]
    return tuple(_example(finished, int(index)) for index in indices[order])


def _example(finished: Finished, index: int) -> Example:
    names = finished.task.class_names
    before, after = (finished.mean[model][index] for model in MODELS)
    return Example(
        index=index,
        true=names[finished.predictions.labels[index]],
        reference_says=names[int(before.argmax())],
        reference_confidence=float(before.max()),
        best_says=names[int(after.argmax())],
        best_confidence=float(after.max()),
        right_reference=int(finished.right["reference"][:, index].sum()),
        right_best=int(finished.right["best"][:, index].sum()),
    )


def _pair_change(finished: Finished, cell: CellChange) -> PairChange:
    names = finished.task.class_names
    true, predicted = names.index(cell.true), names.index(cell.predicted)
    said = [(finished.predictions.of(model).argmax(axis=2) == predicted).sum(axis=0) for model in MODELS]
    is_rarer = cell.change.estimate.value < 0
    gain = np.where(finished.predictions.labels == true, said[0] - said[1] if is_rarer else said[1] - said[0], 0)
    return PairChange(
        cell=cell,
        survives=cell.change.survives(),
        examples=_clearest(finished, gain, "best" if is_rarer else "reference", EXAMPLES_PER_PAIR),
    )
