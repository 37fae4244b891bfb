"""Images and labels as checked uint8 arrays: `TrainingSplits` for trials, the test set apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from fashion_model.task import FASHION_MNIST, Task

VALIDATION_SHARE: Final = 6  # one image in six is held out: 10,000 of 60,000
LEAST_OF_A_CLASS: Final = 12  # two to validate on
# The stream of random numbers that splits are drawn from; a search's other seeds have 0 to 3 (search/worker/seeds.py)
_STREAM: Final = 4

Pixels = npt.NDArray[np.uint8]


class DataError(Exception):
    """The data cannot be had or breaks a rule. The message: the rule, what was received, the remedy."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images of a task: (n, height, width), or (n, height, width, channels) where there are several channels, uint8;
    and labels (n,) uint8.

    Raises:
        DataError: when shapes, dtypes or the range of the labels are others.
    """

    images: Pixels
    labels: Pixels
    task: Task = FASHION_MNIST

    def __post_init__(self) -> None:
        count, classes = len(self.labels), self.task.classes
        self._require("image shape", (count, *self.task.array_shape), self.images.shape)
        self._require("label shape", (count,), self.labels.shape)
        self._require("dtypes", ("uint8", "uint8"), (str(self.images.dtype), str(self.labels.dtype)))
        if count and self.labels.max() >= classes:
            raise DataError(
                f"Labels must be from 0 to {classes - 1}. Received: {self.labels.max()}. Correct the labels."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def _require(self, what: str, expected: object, received: object) -> None:
        if expected != received:
            raise DataError(
                f"The data of {self.task.name} must have {what} {expected}. Received: {received}. Get its files anew."
            )


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
            self.train.task,
        )


class Source(Protocol):
    """Where the images of a task come from. Reading raises DataError when a file is missing or not as it must be."""

    @property
    def kind(self) -> str:
        """In a few words, as the report names it."""

    @property
    def task(self) -> Task:
        """What the images show."""

    def read_training(self) -> Split:
        """The images to train and validate on, in the order of their file."""

    def read_test(self) -> Split:
        """The test images. search/stages/retrain.py alone asks for them, once the best configuration is fixed."""


def load_training(source: Source, *, seed: int, size: int | None = None) -> TrainingSplits:
    """The training images, or a stratified `size` of them, with one in six held out for validation.

    Stratified: each class keeps its share in both parts. The same seed and size give the same split.

    Raises:
        DataError: when the images cannot be read, or `size` or a class is too small.
    """
    from sklearn.model_selection import train_test_split

    every = source.read_training()
    chosen = np.arange(len(every))
    _require_each_class(every.labels, every.task)
    state = int(np.random.SeedSequence((seed, _STREAM, 0)).generate_state(1)[0])
    if size is not None and size != len(every):
        _require_size(size, every)
        chosen, _ = train_test_split(chosen, train_size=size, stratify=every.labels, random_state=state)
        _require_each_class(every.labels[chosen], every.task)
    held_out = len(chosen) // VALIDATION_SHARE
    train, validation = train_test_split(chosen, test_size=held_out, stratify=every.labels[chosen], random_state=state)
    return split_by_index(every, np.sort(train), np.sort(validation))


def split_by_index(every: Split, train: npt.NDArray[np.int64], validation: npt.NDArray[np.int64]) -> TrainingSplits:
    """The two parts of `every` at these positions, and the hash of the positions."""
    digest = hashlib.sha256()
    for part in (train, validation):
        digest.update(len(part).to_bytes(8, "little") + part.astype("<i8").tobytes())
    return TrainingSplits(
        Split(every.images[train], every.labels[train], every.task),
        Split(every.images[validation], every.labels[validation], every.task),
        digest.hexdigest(),
    )


def _require_size(size: int, every: Split) -> None:
    """A stratified part must have enough of each class, and leave one of each class over."""
    least, most = LEAST_OF_A_CLASS * every.task.classes, len(every) - every.task.classes
    if not least <= size <= most:
        raise DataError(
            f"--train-size must be from {least} to {most} images, or left out for all {len(every)}. Received: {size}."
        )


def _require_each_class(labels: Pixels, task: Task) -> None:
    counts = np.bincount(labels, minlength=task.classes)
    rarest = int(counts.argmin())
    if counts[rarest] < LEAST_OF_A_CLASS:
        raise DataError(
            f"Each class must have at least {LEAST_OF_A_CLASS} training images, {LEAST_OF_A_CLASS // VALIDATION_SHARE} "
            f"of them to validate on. Received: {counts[rarest]} of class {rarest} ({task.class_names[rarest]}), of "
            f"{len(labels)} images. Add images of that class, leave the class out, or use a larger --train-size."
        )
