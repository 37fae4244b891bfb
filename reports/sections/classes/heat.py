"""Cell shading of the confusion tables: which colour, and how strong, with the number readable on all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

Matrix = Sequence[Sequence[float]]
STRONGEST: Final = 0.5
"""Opacity of the strongest shade: text keeps more than 4.5:1 on it, in light and in dark."""

Shade = Literal["better", "worse", "none"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its mean count, its colour, the opacity (0 to 0.5) of that colour; whether its change survives."""

    count: float
    shade: Shade
    opacity: float
    is_diagonal: bool
    survives: bool = False


CellRows = tuple[tuple[Cell, ...], ...]


def count_cells(counts: Matrix, largest_mistake: float) -> CellRows:
    """Diagonal blue by share of its row; mistakes orange by share of `largest_mistake`, the same for both models."""
    return tuple(
        tuple(
            _cell(
                count,
                i == j,
                count / max(1.0, sum(row)) if i == j else count / max(1.0, largest_mistake),
                count_up=i == j,
            )
            for j, count in enumerate(row)
        )
        for i, row in enumerate(counts)
    )


def difference_cells(change: Matrix, survives: Sequence[bool]) -> CellRows:
    """Blue is better: more on the diagonal, fewer off it. Diagonal and mistakes each have a scale of their own.

    `survives` says so of each cell, row by row.
    """
    classes = range(len(change))
    diagonal = max([abs(change[i][i]) for i in classes] + [1])
    mistakes = max([abs(change[i][j]) for i in classes for j in classes if i != j] + [1])
    return tuple(
        tuple(
            replace(
                _cell(count, i == j, abs(count) / (diagonal if i == j else mistakes), count_up=(count > 0) == (i == j)),
                survives=survives[i * len(change) + j],
            )
            for j, count in enumerate(row)
        )
        for i, row in enumerate(change)
    )


def largest_mistake(*matrices: Matrix) -> float:
    """The largest off-diagonal count of all the matrices."""
    return max(count for matrix in matrices for i, row in enumerate(matrix) for j, count in enumerate(row) if i != j)


def _cell(count: float, is_diagonal: bool, share: float, *, count_up: bool) -> Cell:
    shade: Shade = "none" if count == 0 else "better" if count_up else "worse"
    # The square root keeps small counts visible: 5 of 120 mistakes is still a fifth of the strongest shade.
    opacity = 0.0 if count == 0 else round(STRONGEST * math.sqrt(min(1.0, share)), 2)
    return Cell(count, shade, opacity, is_diagonal)
