"""Small grey images as PNG data URIs, without an imaging library."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import numpy.typing as npt


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """An 8-bit grey PNG of a (height, width) array."""
    height, width = image.shape
    rows = np.concatenate([np.zeros((height, 1), dtype=np.uint8), image], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def data_uri(image: npt.NDArray[np.uint8]) -> str:
    """A Fashion-MNIST image (28, 28) as the document draws it: dark on white, since its ink is the high value."""
    return "data:image/png;base64," + base64.b64encode(png(255 - image)).decode()
