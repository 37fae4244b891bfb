"""Which images changed hands: class pairs confused more or less often, and examples newly fixed or newly broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fashion_model.config import CLASS_NAMES
from reports.model_summary import Labels, Probabilities
from reports.statistics import holm, mcnemar_mid_p

PAIRS_SHOWN: Final = 5
EXAMPLES_SHOWN: Final = 8
EXAMPLES_PER_PAIR: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One test image as the two shown models see it. `right_*` count the seeds, of all, that get it right."""

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
    """Images of class `true` called `predicted`, before (reference) and after (best), by the two shown models.

    `mid_p` is McNemar's for the images that only one of the two calls so; `holm_p` adjusts it for all 90 pairs.
    """

    true: str
    predicted: str
    before: int
    after: int
    mid_p: float
    holm_p: float
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedImages:
    """`fixed` and `broken` hold the eight on which the seeds agree most; the totals are of the shown models."""

    pairs: tuple[PairChange, ...]
    fixed: tuple[Example, ...]
    broken: tuple[Example, ...]
    fixed_total: int
    broken_total: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownModels:
    """The two shown models: probabilities (n, 10), and in how many seeds each image is right (n,)."""

    labels: Labels
    reference: Probabilities
    best: Probabilities
    right_reference: npt.NDArray[np.int64]
    right_best: npt.NDArray[np.int64]

    def example(self, index: int) -> Example:
        """The record of one test image."""
        before, after = self.reference[index], self.best[index]
        return Example(
            index=index,
            true=CLASS_NAMES[self.labels[index]],
            reference_says=CLASS_NAMES[int(before.argmax())],
            reference_confidence=float(before.max()),
            best_says=CLASS_NAMES[int(after.argmax())],
            best_confidence=float(after.max()),
            right_reference=int(self.right_reference[index]),
            right_best=int(self.right_best[index]),
        )


def changed_images(shown: ShownModels) -> ChangedImages:
    """Most-changed class pairs and the clearest examples, ordered by agreement of the seeds, then by confidence."""
    before = shown.reference.argmax(axis=1) == shown.labels
    after = shown.best.argmax(axis=1) == shown.labels
    fixed, broken = np.flatnonzero(after & ~before), np.flatnonzero(before & ~after)
    return ChangedImages(
        pairs=_pairs(shown),
        fixed=_clearest(shown, fixed, +1)[:EXAMPLES_SHOWN],
        broken=_clearest(shown, broken, -1)[:EXAMPLES_SHOWN],
        fixed_total=len(fixed),
        broken_total=len(broken),
    )


def _clearest(shown: ShownModels, indices: npt.NDArray[np.int64], sign: int) -> tuple[Example, ...]:
    gain = sign * (shown.right_best - shown.right_reference)[indices]
    winner = shown.best if sign > 0 else shown.reference
    order = np.lexsort((indices, -winner[indices].max(axis=1), -gain))
    return tuple(shown.example(int(index)) for index in indices[order])


def _pairs(shown: ShownModels) -> tuple[PairChange, ...]:
    classes = range(len(CLASS_NAMES))
    every = [_pair(shown, true, predicted) for true in classes for predicted in classes if true != predicted]
    adjusted = holm([mcnemar_mid_p(pair.lost, pair.gained) for pair in every])
    ranked = sorted(zip(every, adjusted, strict=True), key=lambda item: -abs(item[0].gained - item[0].lost))
    return tuple(_pair_change(shown, pair, p) for pair, p in ranked[:PAIRS_SHOWN] if pair.gained != pair.lost)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pair:
    true: int
    predicted: int
    before: npt.NDArray[np.bool_]
    after: npt.NDArray[np.bool_]

    @property
    def lost(self) -> int:
        return int((self.before & ~self.after).sum())

    @property
    def gained(self) -> int:
        return int((self.after & ~self.before).sum())


def _pair(shown: ShownModels, true: int, predicted: int) -> _Pair:
    of_class = shown.labels == true
    return _Pair(
        true=true,
        predicted=predicted,
        before=of_class & (shown.reference.argmax(axis=1) == predicted),
        after=of_class & (shown.best.argmax(axis=1) == predicted),
    )


def _pair_change(shown: ShownModels, pair: _Pair, adjusted: float) -> PairChange:
    improved = pair.lost > pair.gained
    moved = pair.before & ~pair.after if improved else pair.after & ~pair.before
    return PairChange(
        true=CLASS_NAMES[pair.true],
        predicted=CLASS_NAMES[pair.predicted],
        before=int(pair.before.sum()),
        after=int(pair.after.sum()),
        mid_p=mcnemar_mid_p(pair.lost, pair.gained),
        holm_p=adjusted,
        examples=_clearest(shown, np.flatnonzero(moved), +1 if improved else -1)[:EXAMPLES_PER_PAIR],
    )
