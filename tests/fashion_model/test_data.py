"""Splits are checked, stratified, fixed by their seed, and hold no test image."""

import hashlib
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.data import Split, TrainingSplits, load_first_images, load_test, load_training, main, split_by_index
from fashion_model.source import FILES, DataError, Source, local_source

REAL = local_source(None)
needs_data = pytest.mark.skipif(REAL is None, reason="needs the real data set in Keras's cache or Debian's package")

# Every recorded result names the hash of its split: a new version of scikit-learn must not change it unseen.
SPLIT_OF_SEED_0 = "8db0ca8e2cc79fd9a2a095c4f83d058adbf1598f3453e2611ec48ffd83061d18"


def pixels(count: int) -> npt.NDArray[np.uint8]:
    return np.arange(count, dtype=np.uint8)[:, np.newaxis, np.newaxis] + np.zeros((1, 28, 28), np.uint8)


def as_bytes(split: Split) -> list[bytes]:
    """Each image with its label."""
    return [image.tobytes() + bytes([label]) for image, label in zip(split.images, split.labels, strict=True)]


def per_class(split: Split) -> list[int]:
    return [int(count) for count in np.bincount(split.labels, minlength=10)]


@pytest.fixture(scope="module")
def source() -> Source:
    """The real files. The name of a source is not read: only its folder is."""
    assert REAL is not None
    return REAL


@pytest.fixture(scope="module")
def splits(source: Source) -> TrainingSplits:
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
def test_the_parts_are_disjoint_and_cover_every_training_image(splits: TrainingSplits, source: Source) -> None:
    every = load_first_images(source, 60_000)
    assert len(splits.train) + len(splits.validation) == len(every) == 60_000
    assert sorted(as_bytes(splits.together())) == sorted(as_bytes(every))


@needs_data
@pytest.mark.slow
def test_no_test_image_is_in_the_training_splits(splits: TrainingSplits, source: Source) -> None:
    test = {image.tobytes() for image in load_test(source).images}
    assert len(test) == 10_000
    assert test.isdisjoint(image.tobytes() for image in splits.together().images)


@needs_data
@pytest.mark.slow
def test_the_test_set_has_a_thousand_images_of_each_class(source: Source) -> None:
    assert per_class(load_test(source)) == [1_000] * 10


@needs_data
@pytest.mark.slow
def test_the_seed_fixes_the_split(splits: TrainingSplits, source: Source) -> None:
    again, other = load_training(source, seed=0), load_training(source, seed=1)
    assert splits.sha256 == again.sha256 == SPLIT_OF_SEED_0
    assert np.array_equal(splits.validation.images, again.validation.images)
    assert other.sha256 != splits.sha256
    assert per_class(other.validation) == [1_000] * 10


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize(("size", "train", "validation"), [(120, 10, 2), (600, 50, 10), (6_000, 500, 100)])
def test_a_smaller_split_is_stratified_five_to_one(source: Source, size: int, train: int, validation: int) -> None:
    splits = load_training(source, seed=3, size=size)
    assert per_class(splits.train) == [train] * 10
    assert per_class(splits.validation) == [validation] * 10
    assert len(set(as_bytes(splits.together()))) == size  # disjoint: no image is there twice


@needs_data
@pytest.mark.slow
def test_a_size_that_does_not_divide_is_kept_and_stratified_to_within_one_image(source: Source) -> None:
    splits = load_training(source, seed=3, size=1_000)
    assert (len(splits.train), len(splits.validation)) == (834, 166)
    assert set(per_class(splits.train)) == {83, 84}
    assert set(per_class(splits.validation)) == {16, 17}


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("size", [60_000, 70_000])
def test_a_size_of_all_or_more_is_the_whole_split(splits: TrainingSplits, source: Source, size: int) -> None:
    assert load_training(source, seed=0, size=size).sha256 == splits.sha256


@needs_data
@pytest.mark.slow
def test_the_first_images_are_those_of_the_published_file(source: Source) -> None:
    first = load_first_images(source, 25)
    assert len(first) == 25
    assert first.labels[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]  # an ankle boot, two T-shirts, …


@needs_data
@pytest.mark.slow
def test_trials_get_their_data_where_there_are_no_test_files(source: Source, tmp_path: Path) -> None:
    for name in FILES:
        for path in source.folder.glob(f"{name}*"):
            if "train" in name:
                (tmp_path / path.name).symlink_to(path)
    assert load_training(Source(tmp_path, "test"), seed=0).sha256 == SPLIT_OF_SEED_0


@needs_data
@pytest.mark.slow
def test_the_command_prints_a_summary_on_stdout(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data-dir", str(source.folder)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"Fashion-MNIST from --data-dir ({source.folder}): 4 files, SHA-256 as published",
        "  50,000 to train on, 10,000 to validate on, 10,000 to test on; 10 classes",
        f"  split with seed 0: {SPLIT_OF_SEED_0[:16]}…",
    ]
    assert err == ""


def test_a_wrong_flag_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--folder", "x"])
    assert "usage: python -m fashion_model.data" in capsys.readouterr().err
