"""The four published files of Fashion-MNIST: where they are looked for, their download, and the proof that they are the
published ones.

They are looked for in the folder asked for, else in Keras's cache, else in Debian's package dataset-fashion-mnist; else
they are downloaded into Keras's cache. Whatever the source, the decompressed bytes are checked against pinned SHA-256s:
Keras checks none for this data set, and a truncated file stays in its cache. Debian recompressed the files, so the
hashes of the .gz files differ by source.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fashion_model import keras_home
from fashion_model.data.splits import DataError, Split
from fashion_model.task import FASHION_MNIST, Task

KERAS_BASE_URL: Final = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
PUBLISHED_IMAGES: Final = 60_000  # to train and validate on
DEBIAN_DIR: Final = Path("/usr/share/datasets/fashion-mnist")
OTHER_WAYS: Final = (
    "  - Debian and Ubuntu: apt-get install dataset-fashion-mnist;\n"
    "  - put the four .gz files of Fashion-MNIST into a folder and name it: --data-dir DIR."
)


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """A folder that holds the four files, each as NAME or NAME.gz, and in a few words what folder it is."""

    folder: Path
    kind: str
    task: Task = FASHION_MNIST

    def read_training(self) -> Split:
        """The 60,000 training images, in the order of the published file."""
        return self._read_split("train")

    def read_test(self) -> Split:
        """The 10,000 test images."""
        return self._read_split("t10k")

    def read(self, name: str) -> bytes:
        """The decompressed, verified bytes of one file.

        Raises:
            DataError: when the file is missing, damaged, or not the published one.
        """
        path = _path_of(self.folder, name)
        if path is None:
            raise DataError(_unproven(self.folder / f"{name}.gz", "the file", "no such file"))
        try:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(_unproven(path, "a readable gzip file", str(error))) from error
        received, published = hashlib.sha256(content).hexdigest(), FASHION_MNIST.files[name]
        if received != published:
            expected = f"SHA-256 {published} once decompressed"
            raise DataError(_unproven(path, expected, f"{received} ({len(content):,} bytes)"))
        return content

    def _read_split(self, prefix: str) -> Split:
        pixels = np.frombuffer(self.read(f"{prefix}-images-idx3-ubyte"), np.uint8, offset=16)
        labels = np.frombuffer(self.read(f"{prefix}-labels-idx1-ubyte"), np.uint8, offset=8)
        return Split(pixels.reshape(-1, *FASHION_MNIST.array_shape), labels)


def find_source(data_dir: Path | None = None) -> PublishedFiles:
    """The first place that holds all four files, downloading them if none does. Verifies every file.

    Raises:
        DataError: when no place has them, or a file is not the published one.
    """
    source = local_source(data_dir)
    if source is None:
        source = PublishedFiles(download(keras_cache_dir()), "downloaded")
    for name in FASHION_MNIST.files:  # the test set's included
        source.read(name)
    return source


def local_source(data_dir: Path | None) -> PublishedFiles | None:
    """The folder asked for, else the first of the usual places that holds all four files, else None. Reads nothing."""
    if data_dir is not None:
        return PublishedFiles(data_dir.resolve(), "--data-dir")
    for folder, kind in ((keras_cache_dir(), "Keras's cache"), (DEBIAN_DIR, "Debian's package")):
        if all(_path_of(folder, name) for name in FASHION_MNIST.files):
            return PublishedFiles(folder, kind)
    return None


def keras_cache_dir() -> Path:
    """Where Keras keeps this data set."""
    return keras_home() / "datasets" / "fashion-mnist"


def download(folder: Path, base_url: str = KERAS_BASE_URL) -> Path:
    """Download what `folder` lacks from `base_url`. Returns `folder`.

    Each file goes into a temporary folder first, is verified, then moved, under a lock: Keras's own `load_data` writes
    to the final name and checks no hash, so that a broken connection leaves a broken file for good, and two processes
    of one machine write to the same file.

    Raises:
        DataError: when the network or the disk fails, or what came is not the published file.
    """
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"), tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as aside:
            for name in FASHION_MNIST.files:
                if not (folder / f"{name}.gz").is_file():
                    _fetch(name, base_url, Path(aside)).replace(folder / f"{name}.gz")
    except OSError as error:
        raise DataError(_not_downloaded(base_url, folder, error)) from error
    return folder


def _fetch(name: str, base_url: str, aside: Path) -> Path:
    import keras

    try:
        with contextlib.redirect_stdout(sys.stderr):  # its progress bar is a message, and stdout is for data
            keras.utils.get_file(f"{name}.gz", origin=f"{base_url}{name}.gz", cache_dir=str(aside), cache_subdir=".")
    except Exception as error:  # get_file raises a bare Exception for every kind of network fault
        raise DataError(_not_downloaded(base_url, aside.parent, error)) from error
    PublishedFiles(aside, "download").read(name)
    return aside / f"{name}.gz"


def _path_of(folder: Path, name: str) -> Path | None:
    candidates = (folder / f"{name}.gz", folder / name)
    return next((path for path in candidates if path.is_file()), None)


def _unproven(path: Path, expected: str, received: str) -> str:
    return (
        f"{path} must be the published Fashion-MNIST file.\n"
        f"  Expected: {expected}.\n  Received: {received}.\n"
        "Ways to get the data:\n"
        "  - leave out --data-dir, and remove that file if it is still there: with a network it is downloaded again;\n"
        f"{OTHER_WAYS}"
    )


def _not_downloaded(base_url: str, folder: Path, error: Exception) -> str:
    return (
        f"Fashion-MNIST is in none of the usual places, and downloading it from {base_url} into {folder} failed.\n"
        f"  Received: {error}\n"
        f"Ways to get the data:\n  - try again with a network;\n{OTHER_WAYS}"
    )
