"""Small images as PNG data URIs, grey or in colour."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A drawn image. `shape` is its height over its width."""

    uri: str
    shape: float


def thumbnails(images: Iterable[Image], *, is_ink: bool) -> tuple[Thumbnail, ...]:
    """The images, each (height, width), or (height, width, channels) with up to 4 channels.

    Where `is_ink`, a high value is ink, drawn dark on white; elsewhere the images are drawn as they are.
    """
    return tuple(_thumbnail(255 - image if is_ink else image) for image in images)


def _thumbnail(image: Image) -> Thumbnail:
    uri = "data:image/png;base64," + base64.b64encode(png(image)).decode()
    return Thumbnail(uri, image.shape[0] / image.shape[1])


def png(image: Image) -> bytes:
    """An 8-bit PNG of a (height, width) array, or of one with channels: grey or colour, each with or without alpha."""
    held = io.BytesIO()
    PIL.Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image).save(held, "PNG")
    return held.getvalue()
