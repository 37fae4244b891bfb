"""What the retrained models say of each test image, and its file, `predictions.npz`."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from reports.records.file import RecordError, require, write_beside_then_move

_DAMAGED: Final = (
    OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, MemoryError, NotImplementedError, SyntaxError,
    struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a file raises whose bytes are not those that were written."""

_ROUNDING: Final = 0.01

ModelName = Literal["reference", "best", "knee"]
NO_RUNS: Final[npt.NDArray[np.float32]] = np.zeros((0, 0, 0), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """Per-image results on the test set, for n test images of c classes, and k seeds.

    labels (n,) uint8; images (n, h, w) or (n, h, w, channels) uint8; reference, best (k, n, c) float32 class
    probabilities, run s on the s-th seed; grid_images and grid_labels, of the same form: the first training images.
    equal_compute is like reference, of the runs of equal compute, and knee, of the front's knee; older runs have none.
    """

    labels: npt.NDArray[np.uint8]
    images: npt.NDArray[np.uint8]
    reference: npt.NDArray[np.float32]
    best: npt.NDArray[np.float32]
    grid_images: npt.NDArray[np.uint8]
    grid_labels: npt.NDArray[np.uint8]
    equal_compute: npt.NDArray[np.float32] = field(default_factory=lambda: NO_RUNS)
    knee: npt.NDArray[np.float32] = field(default_factory=lambda: NO_RUNS)

    def of(self, model: ModelName) -> npt.NDArray[np.float32]:
        """The model's probabilities, (k, n, c)."""
        return {"reference": self.reference, "best": self.best, "knee": self.knee}[model]


def save_predictions(predictions: Predictions, path: Path) -> None:
    """Write the arrays compressed, atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{field.name: getattr(predictions, field.name) for field in fields(predictions)})
    write_beside_then_move(path, buffer.getvalue())


def load_predictions(path: Path) -> Predictions:
    """Read what `save_predictions` wrote; never unpickles.

    Raises:
        RecordError: when the file is missing or damaged, lacks an array, or breaks a rule.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            names = {each.name for each in fields(Predictions)} - ({"equal_compute", "knee"} - set(arrays))
            predictions = Predictions(**{name: arrays[name] for name in names})
    except _DAMAGED as error:
        raise RecordError(
            f"{path} must hold the predictions of a finished search. Received: {error}. The file is damaged."
        ) from error
    _check(predictions, path)
    return predictions


def _check(predictions: Predictions, path: Path) -> None:
    """Refuse arrays that do not fit one another, or hold no probabilities. NaN passes: a network may diverge."""
    labels, images, scores = predictions.labels, predictions.images, (predictions.reference, predictions.best)
    bytes_alone = (labels, images, predictions.grid_labels, predictions.grid_images)
    types = [str(array.dtype) for array in bytes_alone]
    require(set(types) == {"uint8"}, path, "Labels and images must be uint8", types)
    require(labels.ndim == 1 and len(labels) > 0, path, "labels must be a row of numbers", labels.shape)
    require(images.shape[:1] == labels.shape, path, "There must be one image a label", (images.shape, labels.shape))
    grid = predictions.grid_images.shape, predictions.grid_labels.shape
    rule = f"grid_images must be {images.shape[1:]} each, with a label each"
    require(grid[0] == (*grid[1], *images.shape[1:]) and len(grid[1]) == 1, path, rule, grid)
    for name, array in zip(("reference", "best"), scores, strict=True):
        _check_scores(name, array, len(labels), path)
        for which, given in (("labels", labels), ("grid_labels", predictions.grid_labels)):
            most, classes = int(given.max(initial=0)), array.shape[2]
            require(most < classes, path, f"{which} must be below the {classes} classes of {name}", most)


def _check_scores(name: str, scores: npt.NDArray[np.float32], images: int, path: Path) -> None:
    is_float = scores.ndim == 3 and np.issubdtype(scores.dtype, np.floating)
    rule = f"{name} must be (runs, {images} images, classes) of floats"
    fits = is_float and scores.shape[1] == images and min(scores.shape) > 0
    require(fits, path, rule, (scores.shape, str(scores.dtype)))
    finite = scores[np.isfinite(scores)]
    least, most = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    rule = f"{name} must hold probabilities, from 0 to 1"
    require(least >= -_ROUNDING and most <= 1 + _ROUNDING, path, rule, f"{least:.3g} to {most:.3g}")
