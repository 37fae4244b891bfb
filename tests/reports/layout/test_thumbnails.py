"""A small image reads back as the image that it was made of."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from reports.layout.thumbnails import png, thumbnails


def read(content: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(PIL.Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("shape", [(28, 28), (20, 7, 1), (7, 20, 2), (7, 20, 3), (7, 20, 4)])
def test_a_png_reads_back_as_the_image(shape: tuple[int, ...]) -> None:
    """Of one channel it is grey; a second or a fourth one is alpha."""
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(read(png(image)), image.squeeze())


@pytest.mark.parametrize(("is_ink", "shown"), [(True, 255), (False, 0)])
def test_a_thumbnail_of_ink_is_dark_on_white_and_others_are_as_they_are(is_ink: bool, shown: int) -> None:
    (thumbnail,) = thumbnails(np.zeros((1, 28, 14), dtype=np.uint8), is_ink=is_ink)
    image = read(base64.b64decode(thumbnail.uri.removeprefix("data:image/png;base64,")))
    assert (image.min(), image.max(), thumbnail.shape) == (shown, shown, 2.0)
