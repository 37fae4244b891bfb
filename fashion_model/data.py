"""Fashion-MNIST as verified uint8 arrays: `TrainingSplits` for trials, the test set apart.

    python -m fashion_model.data [--data-dir DIR]     fetch, verify, print a summary; exit code 4 if that fails

Where the four IDX files come from, in order: the folder asked for; Keras's cache; Debian's package
dataset-fashion-mnist; the download that Keras makes (into its cache). fashion_model/source.py verifies them.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fashion_model.config import CLASS_NAMES, IMAGE_SIDE
from fashion_model.download import download
from fashion_model.source import DataError, Source, keras_cache_dir, local_source

VALIDATION_SHARE: Final = 6  # one image in six is held out: 10,000 of 60,000

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images (n, 28, 28) uint8 and labels (n,) uint8 from 0 to 9.

    Raises:
        DataError: when shapes, dtypes or the range of the labels are others.
    """

    images: Pixels
    labels: Pixels

    def __post_init__(self) -> None:
        count = len(self.labels)
        _require("image shape", (count, IMAGE_SIDE, IMAGE_SIDE), self.images.shape)
        _require("label shape", (count,), self.labels.shape)
        _require("dtypes", ("uint8", "uint8"), (str(self.images.dtype), str(self.labels.dtype)))
        if count and self.labels.max() >= len(CLASS_NAMES):
            raise DataError(f"Labels must be from 0 to {len(CLASS_NAMES) - 1}. Received: {self.labels.max()}.")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSplits:
    """All that a trial may see: images to train on and images to validate on, never the test set.

    `sha256` is the hash of both index lists, so that two results can be known to rest on the same split.
    """

    train: Split
    validation: Split
    sha256: str

    def together(self) -> Split:
        """Training and validation images as one split, for the final retraining."""
        return Split(
            np.concatenate([self.train.images, self.validation.images]),
            np.concatenate([self.train.labels, self.validation.labels]),
        )


def find_source(data_dir: Path | None = None) -> Source:
    """The first place that holds all four files, downloading them if none does. Verifies every file.

    Raises:
        DataError: when no place has them, or a file is not the published one.
    """
    source = local_source(data_dir)
    if source is None:
        source = Source(download(keras_cache_dir()), "downloaded")
    source.verify()
    return source


def load_training(source: Source, *, seed: int, size: int | None = None) -> TrainingSplits:
    """The training images, or a stratified `size` of them, with one in six held out for validation.

    Stratified: each class keeps its share in both parts. The same seed and size give the same split.
    """
    from sklearn.model_selection import train_test_split

    every = _read_split(source, "train")
    chosen = np.arange(len(every))
    if size is not None and size < len(every):
        chosen, _ = train_test_split(chosen, train_size=size, stratify=every.labels, random_state=seed)
    held_out = len(chosen) // VALIDATION_SHARE
    train, validation = train_test_split(chosen, test_size=held_out, stratify=every.labels[chosen], random_state=seed)
    return split_by_index(every, np.sort(train), np.sort(validation))


def split_by_index(every: Split, train: npt.NDArray[np.int64], validation: npt.NDArray[np.int64]) -> TrainingSplits:
    """The two parts of `every` at these positions, and the hash of the positions."""
    digest = hashlib.sha256()
    for part in (train, validation):
        digest.update(len(part).to_bytes(8, "little") + part.astype("<i8").tobytes())
    return TrainingSplits(
        Split(every.images[train], every.labels[train]),
        Split(every.images[validation], every.labels[validation]),
        digest.hexdigest(),
    )


def load_first_images(source: Source, count: int) -> Split:
    """The first `count` training images, in the order of the published file: the document shows the first 25."""
    every = _read_split(source, "train")
    return Split(every.images[:count], every.labels[:count])


def load_test(source: Source) -> Split:
    """The 10,000 test images. Called by search/stages/retrain.py alone, once, after the best configuration is fixed."""
    return _read_split(source, "t10k")


def _read_split(source: Source, prefix: str) -> Split:
    pixels = np.frombuffer(source.read(f"{prefix}-images-idx3-ubyte"), np.uint8, offset=16)
    labels = np.frombuffer(source.read(f"{prefix}-labels-idx1-ubyte"), np.uint8, offset=8)
    return Split(pixels.reshape(-1, IMAGE_SIDE, IMAGE_SIDE), labels)


def _require(what: str, expected: object, received: object) -> None:
    if expected != received:
        raise DataError(
            f"The data must have {what} {expected}. Received: {received}. Fetch it anew: python -m fashion_model.data."
        )


def main(arguments: list[str] | None = None) -> int:
    """Fetch and verify the data, print a summary on stdout. Returns the exit code: 0, or 4 without data."""
    parser = argparse.ArgumentParser(prog="python -m fashion_model.data", description="Fetch and verify Fashion-MNIST.")
    parser.add_argument("--data-dir", type=Path, help="folder with the four files (default: the usual places)")
    try:
        source = find_source(parser.parse_args(arguments).data_dir)
        splits = load_training(source, seed=0)
    except DataError as error:
        print(error, file=sys.stderr)
        return 4
    print(f"Fashion-MNIST from {source.kind} ({source.folder}): 4 files, SHA-256 as published")
    print(
        f"  {len(splits.train):,} to train on, {len(splits.validation):,} to validate on, 10,000 to test on; 10 classes"
    )
    print(f"  split with seed 0: {splits.sha256[:16]}…")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
