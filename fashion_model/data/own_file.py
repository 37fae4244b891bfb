"""Images of one's own, in one .npz file: x_train, y_train, x_test, y_test and, if wanted, class_names.

    x_*           uint8, (n, height, width) or (n, height, width, channels)
    y_*           whole numbers from 0, (n,): the class of each image
    class_names   text, (classes,): names of the classes in the order of their numbers; without it the numbers are names

`OwnFile.open` checks all rules before anything is trained. It reads sizes from the file's headers first, and of the
arrays only labels and names; the images of the test set are read by `read_test` alone.
"""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fashion_model.data.splits import DataError, Split
from fashion_model.task import MOST_CHANNELS, Task

_IMAGES: Final = ("x_train", "x_test")
_LABELS: Final = ("y_train", "y_test")
_NAMES: Final = "class_names"
# A side: of a smaller image the reference leaves no pixel; of a larger one its dense layer alone takes a gigabyte
_LEAST_PIXELS: Final = 10
_MOST_PIXELS: Final = 256
_MOST_CLASSES: Final = 255
_MOST_LETTERS: Final = 64  # of a class's name
_MOST_BYTES: Final = 2**30
_SHARE_OF_MEMORY: Final = 8  # each process that trains holds a copy of the training images
_UNREADABLE: Final = (OSError, ValueError, EOFError, RuntimeError, KeyError, zipfile.BadZipFile, zlib.error)


Headers = dict[str, tuple[tuple[int, ...], np.dtype[Any]]]  # shape and dtype by the name of the array


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file that `open` has checked."""

    path: Path
    task: Task

    @property
    def kind(self) -> str:
        """The name of the file."""
        return self.path.name

    @classmethod
    def open(cls, path: Path) -> OwnFile:
        """Check the file, and find out what its images show.

        Raises:
            DataError: when the file cannot be read, or breaks a rule.
        """
        _require(path, path.is_file(), "must be a file", "no such file", "Check --data")
        _require(path, path.name.isprintable(), "must have a printable name", ascii(path.name), "Rename it")
        with _readable(path):
            with zipfile.ZipFile(path) as archive:
                _require_size(path, archive)
                shape = _image_shape(path, _headers(path, archive))
                damaged = archive.testzip()
            _require(path, not damaged, "must be whole", f"a damaged {damaged}", "Write the file again")
            with np.load(path, allow_pickle=False) as arrays:
                names = _class_names(path, arrays)
                for name in _LABELS:
                    _require_labels(path, name, arrays[name], len(names))
            task = Task(name=path.stem, class_names=names, image_shape=shape, files={path.name: _sha256(path)})
        return cls(path, task)

    def read_training(self) -> Split:
        """The images to train and validate on."""
        return self._read("x_train", "y_train")

    def read_test(self) -> Split:
        """The test images."""
        return self._read("x_test", "y_test")

    def _read(self, images: str, labels: str) -> Split:
        with _readable(self.path):
            received, checked = _sha256(self.path), self.task.files[self.path.name]
            remedy = "Put the file back as it was, or start another run"
            _require(self.path, received == checked, f"must stay as it was, SHA-256 {checked}", received, remedy)
            with np.load(self.path, allow_pickle=False) as arrays:
                pixels = arrays[images].reshape(-1, *self.task.array_shape)
                return Split(pixels, arrays[labels].astype(np.uint8), self.task)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_size(path: Path, archive: zipfile.ZipFile) -> None:
    """By what the archive says of its members: no more than that is ever read of one."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    most = min(_MOST_BYTES, memory // _SHARE_OF_MEMORY)
    total = sum(member.file_size for member in archive.infolist())
    unpacked = f"must hold at most {most:,} bytes once uncompressed"
    rule = f"{unpacked}, since each process that trains has a copy of the images"
    _require(path, total <= most, rule, f"{total:,}", "Take fewer or smaller images")


def _headers(path: Path, archive: zipfile.ZipFile) -> Headers:
    there = set(archive.namelist())
    missing = [name for name in (*_IMAGES, *_LABELS) if f"{name}.npy" not in there]
    remedy = "Write it with numpy.savez_compressed(FILE, x_train=…, y_train=…, x_test=…, y_test=…)"
    _require(path, not missing, f"must hold {', '.join((*_IMAGES, *_LABELS))}", f"no {', '.join(missing)}", remedy)
    wanted = [name for name in (*_IMAGES, *_LABELS, _NAMES) if f"{name}.npy" in there]
    return {name: _header(path, archive, name) for name in wanted}


def _header(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with archive.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
        held = archive.getinfo(f"{name}.npy").file_size - member.tell()
    _require(
        path, not dtype.hasobject, f"must hold no Python objects in {name}", str(dtype), "Make plain arrays of them"
    )
    declared = math.prod(shape) * dtype.itemsize
    rule = f"must hold the {declared:,} bytes that the header of {name} declares"
    _require(path, held == declared and min(shape, default=0) >= 0, rule, f"{held:,}", "Write the file again")
    return shape, dtype


def _image_shape(path: Path, headers: Headers) -> tuple[int, int, int]:
    """(height, width, channels) of all images."""
    for images, labels in zip(_IMAGES, _LABELS, strict=True):
        shape, dtype = headers[images]
        _require(path, dtype == np.uint8, f"must hold {images} as uint8, from 0 to 255", f"{dtype}", "Convert it")
        is_image = len(shape) in (3, 4) and min(shape) >= 1 and (*shape, 1)[3] <= MOST_CHANNELS
        rule = f"must hold {images} as (n, height, width) or (n, height, width, channels up to {MOST_CHANNELS})"
        _require(path, is_image, rule, f"{shape}", "Reshape it")
        label_shape, label_dtype = headers[labels]
        is_label = label_dtype.kind in "iu" and label_shape == shape[:1]
        rule = f"must hold {labels} as whole numbers of shape ({shape[0]},), one for each image of {images}"
        _require(path, is_label, rule, f"{label_dtype} of shape {label_shape}", "Make one label for each image")
    train, test = ((*headers[name][0][1:], 1)[:3] for name in _IMAGES)
    _require(path, train == test, "must hold images of one shape", f"{train} and, to test on, {test}", "Resize them")
    height, width, channels = train
    rule = f"must hold images of {_LEAST_PIXELS} to {_MOST_PIXELS} pixels a side, for the reference's network"
    is_side = min(height, width) >= _LEAST_PIXELS and max(height, width) <= _MOST_PIXELS
    _require(path, is_side, rule, f"{height}×{width}", "Resize them")
    return height, width, channels


def _class_names(path: Path, arrays: Any) -> tuple[str, ...]:
    """Those of the file, else the numbers of the classes."""
    names = arrays[_NAMES].ravel().tolist() if _NAMES in arrays else None
    count = int(arrays[_LABELS[0]].max()) + 1 if names is None else len(names)
    rule = f"must have from 2 to {_MOST_CLASSES} classes"
    _require(path, 2 <= count <= _MOST_CLASSES, rule, str(count), "Check y_train and class_names")
    if names is None:
        return tuple(map(str, range(count)))
    is_name = all(isinstance(name, str) and name.isprintable() and 0 < len(name) <= _MOST_LETTERS for name in names)
    rule = f"must have class_names of 1 to {_MOST_LETTERS} printable characters, no two the same"
    _require(path, is_name and len(set(names)) == count, rule, f"{names}"[:200], "Correct class_names")
    return tuple(names)


def _require_labels(path: Path, name: str, labels: npt.NDArray[Any], classes: int) -> None:
    low, high = int(labels.min()), int(labels.max())
    rule = f"must hold labels from 0 to {classes - 1} in {name}"
    _require(path, 0 <= low <= high < classes, rule, f"{low} to {high}", "Number the classes from 0")
    missing = sorted(set(range(classes)) - set(labels.tolist()))
    rule = f"must hold each of the {classes} classes in {name}"
    _require(
        path,
        not missing,
        rule,
        f"no image of class {str(missing)[1:-1]}"[:200],
        "Add images of it, or leave the class out",
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what reading a bad file raises in the body into a DataError."""
    try:
        yield
    except _UNREADABLE as error:
        _require(path, False, "must be a readable .npz file", f"{error}"[:200], "Write it with numpy.savez")


def _require(path: Path, holds: object, rule: str, received: str, remedy: str) -> None:
    if not holds:
        raise DataError(f"{path} {rule}. Received: {received}. {remedy}.")
