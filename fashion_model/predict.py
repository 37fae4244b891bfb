"""A saved network on images of one's own: the class of each image and its probability, a line an image.

python -m fashion_model.predict runs/NAME/models/best.keras shoe.png more-images-idx3-ubyte.gz

Images are PNG files or files in Fashion-MNIST's own format, IDX, gzip allowed, of the size that the network was trained
on. Exit code 4 if the model or an image cannot be used.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import math
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fashion_model.data.splits import DataError

# IDX as its authors describe it: two zeros, the type, the number of dimensions, each dimension in four bytes
_IDX_TYPES: Final = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PNG_MODES: Final = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

Array = npt.NDArray[Any]


def read_images(path: Path, shape: tuple[int, int, int]) -> Array:
    """The images (n, *shape) of a PNG or IDX file, float32 from 0 to 255. `shape` is (height, width, channels).

    Raises:
        DataError: when the file cannot be read, or its images are of another shape or scaled to [0, 1].
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        is_png = content[:4] == b"\x89PNG"
        images = _of_png(content, shape[2]) if is_png else _of_idx(content)
    except Exception as error:  # whatever the parts of a damaged file lead to
        remedy = "Save it as PNG of 8 bits, or as IDX."
        raise DataError(f"{path} must be a readable PNG or IDX file. Received: {error}. {remedy}") from error
    accepted = (shape, shape[:2]) if shape[2] == 1 else (shape,)
    if images.shape[1:] not in accepted:
        wanted = " or ".join(map(str, accepted))
        raise DataError(f"{path} must hold images of shape {wanted}. Received: {images.shape[1:]}. Resize them.")
    low, high = (float(images.min()), float(images.max())) if images.size else (math.nan, math.nan)
    if not (low >= 0 and (is_png or high > 1) and high <= 255):  # a PNG is never scaled: it may be black
        raise DataError(
            f"{path} must hold values from 0 to 255, the largest above 1: the model divides by 255 itself. Received: "
            f"from {low:g} to {high:g}. Multiply images that were scaled to [0, 1] by 255."
        )
    return images.reshape(-1, *shape).astype(np.float32)


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each image on stdout, or what is wrong on stderr. Returns the exit code: 0 or 4."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.predict", description="The class of each image.")
    parser.add_argument("model", type=Path, help="a saved model, such as runs/NAME/models/best.keras")
    parser.add_argument("images", type=Path, nargs="+", metavar="image", help="PNG or IDX files of values 0 to 255")
    given = parser.parse_args(arguments)
    from fashion_model.model import ModelFileError, load_model  # Keras takes seconds, which --help need not wait for

    try:
        model = load_model(given.model)
        files = {path: read_images(path, model.input_shape[1:]) for path in given.images}
    except (DataError, ModelFileError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    names = _class_names(given.model, model.output_shape[-1])
    for path, images in files.items():
        probabilities = model.predict(images, verbose=0)
        for index, row in enumerate(probabilities):
            image = str(path) if len(probabilities) == 1 else f"{path}[{index}]"
            print(f"{image}\t{names[row.argmax()]}\t{row.max():.4f}")
    return 0


def _class_names(model: Path, count: int) -> list[str]:
    """Those of best.json in the run folder or beside the model, else numbers; also where it names another number."""
    for folder in model.resolve().parents[:2]:
        if (folder / "best.json").is_file():
            names = json.loads((folder / "best.json").read_text(encoding="utf-8"))["task"]["class_names"]
            if len(names) == count:
                return [str(name) for name in names]
    return [str(number) for number in range(count)]


def _of_png(content: bytes, channels: int) -> Array:
    from PIL import Image

    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        if image.mode not in ("1", "P", *_PNG_MODES.values()):
            raise ValueError(f"a PNG of mode {image.mode}")  # of 16 bits, which Pillow would cut off at 255
        return np.asarray(image.convert(_PNG_MODES[channels]))[np.newaxis]


def _of_idx(content: bytes) -> Array:
    if content[:2] != b"\0\0" or len(content) < 4 or content[2] not in _IDX_TYPES or content[3] not in (3, 4):
        raise ValueError(f"a file that begins with the bytes {content[:4].hex(' ') or 'of nothing'}")
    shape = np.frombuffer(content, ">u4", content[3], offset=4)
    return np.frombuffer(content, _IDX_TYPES[content[2]], offset=4 + 4 * content[3]).reshape(shape)


if __name__ == "__main__":
    raise SystemExit(main())
