"""Small images as PNG data URIs, grey or in colour, without an imaging library."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
_KINDS: Final = {1: 0, 2: 4, 3: 2, 4: 6}  # PNG's colour type by the number of channels


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
    height, width = image.shape[:2]
    rows = image.reshape(height, -1)
    kind = _KINDS[rows.shape[1] // width]
    filtered = np.concatenate([np.zeros((height, 1), dtype=np.uint8), rows], axis=1)  # 0: no filter, row by row
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
