"""Splits are checked, stratified, fixed by their seed, and hold no test image."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.data.__main__ import main
from fashion_model.data.published import PublishedFiles, local_source
from fashion_model.data.splits import (
    DataError,
    Split,
    TrainingSplits,
    load_training,
    split_by_index,
)
from fashion_model.task import FASHION_MNIST, Task

REAL = local_source(None)
needs_data = pytest.mark.skipif(REAL is None, reason="needs the real data set in Keras's cache or Debian's package")

# Every recorded result names the hash of its split: a new version of scikit-learn must not change it unseen.
SPLIT_OF_SEED_0 = "f14f23c77c62b978b0b132b6524bf07c9c4c1cc4b0b27d807ddc61dc0a304a8a"  # as in docs/report.html


def pixels(count: int) -> npt.NDArray[np.uint8]:
    return np.arange(count, dtype=np.uint8)[:, np.newaxis, np.newaxis] + np.zeros((1, 28, 28), np.uint8)


def as_bytes(split: Split) -> list[bytes]:
    """Each image with its label."""
    return [image.tobytes() + bytes([label]) for image, label in zip(split.images, split.labels, strict=True)]


def per_class(split: Split) -> list[int]:
    return [int(count) for count in np.bincount(split.labels, minlength=10)]


@pytest.fixture(scope="module")
def source() -> PublishedFiles:
    """The real files. The name of a source is not read: only its folder is."""
    assert REAL is not None
    return REAL


@pytest.fixture(scope="module")
def splits(source: PublishedFiles) -> TrainingSplits:
    return load_training(source, seed=0)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 28, 28), np.uint8), np.zeros(2, np.uint8), "image shape (2, 28, 28). Received: (3, 28, 28)."),
        (np.zeros((2, 28, 27), np.uint8), np.zeros(2, np.uint8), "image shape (2, 28, 28). Received: (2, 28, 27)."),
        (np.zeros((2, 28, 28, 1), np.uint8), np.zeros(2, np.uint8), "image shape (2, 28, 28). Received: (2, 28, 28, 1"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros((2, 1), np.uint8), "label shape (2,). Received: (2, 1)."),
        (np.zeros((2, 28, 28), np.float32), np.zeros(2, np.uint8), "Received: ('float32', 'uint8')."),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64), "Received: ('uint8', 'int64')."),
        (np.zeros((2, 28, 28), np.uint8), np.array([0, 10], np.uint8), "Labels must be from 0 to 9. Received: 10."),
    ],
)
def test_a_split_of_another_shape_dtype_or_label_is_refused(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        Split(images, labels)


@pytest.mark.parametrize("count", [0, 1, 10])
def test_a_whole_split_is_accepted_and_knows_its_length(count: int) -> None:
    assert len(Split(pixels(count), np.arange(count, dtype=np.uint8))) == count


def test_parts_are_taken_by_position_and_put_together_in_order() -> None:
    every = Split(pixels(6), np.array([5, 4, 3, 2, 1, 0], np.uint8))
    splits = split_by_index(every, np.array([0, 2, 5]), np.array([1, 4]))
    assert splits.train.labels.tolist() == [5, 3, 0]
    assert splits.train.images[:, 0, 0].tolist() == [0, 2, 5]
    assert splits.validation.labels.tolist() == [4, 1]
    assert splits.together().labels.tolist() == [5, 3, 0, 4, 1]
    assert splits.together().images[:, 27, 27].tolist() == [0, 2, 5, 1, 4]


def test_the_hash_of_a_split_is_that_of_both_index_lists() -> None:
    every = Split(pixels(6), np.zeros(6, np.uint8))

    def sha256(train: list[int], validation: list[int]) -> str:
        return split_by_index(every, np.array(train), np.array(validation)).sha256

    lengths_and_positions = b"".join(number.to_bytes(8, "little") for number in (2, 0, 3, 1, 5))
    assert sha256([0, 3], [5]) == hashlib.sha256(lengths_and_positions).hexdigest()
    assert len({sha256([0, 3], [5]), sha256([0], [3, 5]), sha256([0, 5], [3]), sha256([0, 3], [4])}) == 4


@needs_data
@pytest.mark.slow
def test_one_image_in_six_of_each_class_is_held_out(splits: TrainingSplits) -> None:
    assert per_class(splits.train) == [5_000] * 10
    assert per_class(splits.validation) == [1_000] * 10


@needs_data
@pytest.mark.slow
def test_the_parts_are_disjoint_and_cover_every_training_image(splits: TrainingSplits, source: PublishedFiles) -> None:
    every = source.read_training()
    assert len(splits.train) + len(splits.validation) == len(every) == 60_000
    assert every.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]  # an ankle boot, two T-shirts, …
    assert sorted(as_bytes(splits.together())) == sorted(as_bytes(every))


@needs_data
@pytest.mark.slow
def test_no_test_image_is_in_the_training_splits(splits: TrainingSplits, source: PublishedFiles) -> None:
    test = source.read_test()
    assert per_class(test) == [1_000] * 10
    images = {image.tobytes() for image in test.images}
    assert len(images) == 10_000
    assert images.isdisjoint(image.tobytes() for image in splits.together().images)


@needs_data
@pytest.mark.slow
def test_the_seed_fixes_the_split_of_all(splits: TrainingSplits, source: PublishedFiles) -> None:
    again, other = load_training(source, seed=0, size=60_000), load_training(source, seed=1)
    assert splits.sha256 == again.sha256 == SPLIT_OF_SEED_0
    assert np.array_equal(splits.validation.images, again.validation.images)
    assert other.sha256 != splits.sha256
    assert per_class(other.validation) == [1_000] * 10


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize(("size", "train", "validation"), [(120, 10, 2), (6_000, 500, 100)])
def test_a_smaller_split_is_stratified_five_to_one(
    source: PublishedFiles, size: int, train: int, validation: int
) -> None:
    splits = load_training(source, seed=3, size=size)
    assert per_class(splits.train) == [train] * 10
    assert per_class(splits.validation) == [validation] * 10
    assert len(set(as_bytes(splits.together()))) == size  # disjoint: no image is there twice


@needs_data
@pytest.mark.slow
def test_a_size_that_does_not_divide_is_kept_and_stratified_to_within_one_image(source: PublishedFiles) -> None:
    splits = load_training(source, seed=3, size=1_000)
    assert (len(splits.train), len(splits.validation)) == (834, 166)
    assert set(per_class(splits.train)) == {83, 84}
    assert set(per_class(splits.validation)) == {16, 17}


@dataclass
class Labelled:
    """A source of black images with these labels."""

    labels: list[int]
    kind: str = "a test"
    task: Task = field(default_factory=lambda: replace(FASHION_MNIST, class_names=("cat", "dog", "eel")))

    def read_training(self) -> Split:
        return Split(pixels(len(self.labels)), np.array(self.labels, np.uint8), self.task)

    def read_test(self) -> Split:
        raise AssertionError("no trial reads the test set")


def test_each_class_is_in_both_parts_however_rare_it_is() -> None:
    splits = load_training(Labelled([0] * 500 + [1] * 100 + [2] * 12), seed=0)
    assert np.bincount(splits.train.labels).tolist() == [417, 83, 10]
    assert np.bincount(splits.validation.labels).tolist() == [83, 17, 2]
    assert splits.train.task.class_names == ("cat", "dog", "eel")


@pytest.mark.parametrize("size", [0, 35, 298, 400])
def test_a_size_that_cannot_be_stratified_is_refused_with_those_that_can(size: int) -> None:
    rule = rf"--train-size must be from 36 to 297 images, or left out for all 300\. Received: {size}\."
    with pytest.raises(DataError, match=rule):
        load_training(Labelled([0, 1, 2] * 100), seed=0, size=size)


@pytest.mark.parametrize(
    ("labels", "size", "received"),
    [
        ([0] * 50 + [1] * 50, None, "0 of class 2 (eel), of 100 images"),
        ([0] * 50 + [1] * 11 + [2] * 50, None, "11 of class 1 (dog), of 111 images"),
        ([0], None, "0 of class 1 (dog), of 1 images"),
        ([0] * 500 + [1] * 500 + [2] * 12, 100, "1 of class 2 (eel), of 100 images"),
    ],
)
def test_a_class_that_is_too_rare_to_validate_on_is_refused(labels: list[int], size: int | None, received: str) -> None:
    rule = f"Each class must have at least 12 training images, 2 of them to validate on. Received: {received}. Add"
    with pytest.raises(DataError, match=re.escape(rule)):
        load_training(Labelled(labels), seed=0, size=size)


@needs_data
@pytest.mark.slow
def test_trials_get_their_data_where_there_are_no_test_files(source: PublishedFiles, tmp_path: Path) -> None:
    for name in FASHION_MNIST.files:
        for path in source.folder.glob(f"{name}*"):
            if "train" in name:
                (tmp_path / path.name).symlink_to(path)
    assert load_training(PublishedFiles(tmp_path, "test"), seed=0).sha256 == SPLIT_OF_SEED_0


@needs_data
@pytest.mark.slow
def test_the_command_prints_a_summary_on_stdout(source: PublishedFiles, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(source.folder)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"Fashion-MNIST from --data-dir ({source.folder}): 4 files, SHA-256 as published",
        "  50,000 to train on, 10,000 to validate on, 10,000 to test on; 10 classes",
        f"  split {SPLIT_OF_SEED_0[:8]}, as every run over all of these images makes it, unless --split-seed is given",
    ]
    assert err == ""


def test_a_wrong_flag_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--folder", "x"])
    assert "usage: python -m fashion_model.data" in capsys.readouterr().err
