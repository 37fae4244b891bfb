"""Random changes of training images: mirror, shift, blank a square.

What happens to an image is a function of (seed, epoch, the image's index in the data set). It is drawn here by NumPy,
for a whole epoch at once, so that it is the same on every device; the loop of the epoch only carries it out.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

_SHIFT: Final = 2  # pixels each way
_CUTOUT: Final = 8  # pixels a side; DeVries and Taylor 2017 (arXiv:1708.04552) use 8 to 16 on 32-pixel images
_CHANGES: Final = 1  # random streams of an epoch: the order has none of these two numbers
_ALTERNATION: Final = 2**32  # no epoch has that number

Changes = npt.NDArray[np.int32]


def drawn_changes(kind: str, seed: int, epoch: int, images: int, sides: tuple[int, int]) -> Changes:
    """What `kind` does to each image of a data set in an epoch (from 1), for images of `sides` pixels: (images, n), the
    first of the n whether it is mirrored. `augment` reads them."""
    random = np.random.default_rng((seed, epoch, _CHANGES))
    if kind == "none":
        return np.zeros((images, 0), np.int32)
    if kind == "alternating_flip":
        columns = [_alternation(seed, images) == (epoch % 2 == 0)]
    else:
        columns = [random.random(images) < 0.5]
    if kind == "flip_shift":
        columns += [random.integers(0, 2 * _SHIFT + 1, images) for _ in sides]
    if kind == "cutout":
        columns += [random.integers(0, side, images) for side in sides]
    return np.stack(columns, axis=1).astype(np.int32)


def augment(images: Any, kind: str, changes: Any) -> Any:
    """Images (b, height, width, channels) uint8, each changed as its row of `changes` (b, n) says."""
    if kind == "none":
        return images
    is_mirrored = changes[:, 0, tf.newaxis, tf.newaxis, tf.newaxis] == 1
    images = tf.where(is_mirrored, tf.reverse(images, axis=[2]), images)
    if kind == "flip_shift":
        return _shifted(images, changes[:, 1:])
    return _cut_out(images, changes[:, 1:]) if kind == "cutout" else images


def _alternation(seed: int, images: int) -> npt.NDArray[np.bool_]:
    """Which images an alternating flip mirrors in epochs 2, 4, 6 …; it mirrors the others in epochs 1, 3, 5 …, so that
    two epochs show each image both ways. Jordan 2024, arXiv:2404.00498, section 3.6."""
    return np.random.default_rng((seed, _ALTERNATION)).random(images) < 0.5


def _shifted(images: Any, offsets: Any) -> Any:
    """Each image moved by up to 2 pixels down or up and right or left, over black."""
    height, width = images.shape[1:3]
    padded = tf.pad(images, [[0, 0], [_SHIFT, _SHIFT], [_SHIFT, _SHIFT], [0, 0]])
    rows = tf.gather(padded, offsets[:, :1] + tf.range(height), batch_dims=1)
    return tf.gather(rows, offsets[:, 1:] + tf.range(width), axis=2, batch_dims=1)


def _cut_out(images: Any, centres: Any) -> Any:
    """Blank a square around a pixel; at the edge the square is cut off, as in the paper."""
    in_rows, in_columns = (_in_hole(centres[:, axis : axis + 1], images.shape[1 + axis]) for axis in (0, 1))
    hole = in_rows[:, :, tf.newaxis] & in_columns[:, tf.newaxis, :]
    return tf.where(hole[..., tf.newaxis], tf.zeros_like(images), images)


def _in_hole(centres: Any, side: int) -> Any:
    """Which of `side` positions lie within a hole around each of the centres (b, 1): (b, side)."""
    return tf.abs(tf.range(side) * 2 + 1 - centres * 2) <= _CUTOUT
