"""Our PNG encoder writes what a PNG reader reads."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib.image import imread

from reports.pictures import data_uri, png


def test_a_png_reads_back_as_the_image() -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    read = imread(io.BytesIO(png(image)))
    assert np.array_equal(np.round(read * 255).astype(np.uint8), image)


def test_a_thumbnail_is_dark_on_white() -> None:
    uri = data_uri(np.zeros((28, 28), dtype=np.uint8))
    read = imread(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    assert read.min() == 1.0
