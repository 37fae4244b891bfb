"""An epoch shows each image once, in an order and with changes that (seed, epoch, image) alone decide."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.task import FASHION_MNIST
from fashion_model.training.augmentation import augment, drawn_changes
from fashion_model.training.data import TrainingData
from fashion_model.training.devices import Device
from fashion_model.training.epoch import batch_of

from ...processes import python

COUNT = 100  # not a multiple of the batch size
SMALL = TrainConfig(batch_size=32)

Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def noise() -> Split:
    """Images that are all different, without a black pixel and without symmetry."""
    random = np.random.default_rng(5)
    images = random.integers(1, 256, (COUNT, 28, 28), dtype=np.uint8)
    return Split(images, random.integers(0, 10, COUNT, dtype=np.uint8))


def shown(
    split: Split, config: TrainConfig, seed: int, epoch: int, data: TrainingData | None = None
) -> tuple[Array, Array]:
    """The epoch as one batch: images (n, height, width, channels) from 0 to 1, and labels."""
    (part,) = (data or TrainingData(split, config, (5, seed), Device())).epoch(epoch)
    images, labels = batch_of(config, split.task, config.label_smoothing, part.images, part.labels, part.shown)
    return images.numpy(), labels.numpy()


def epoch_of(
    split: Split, config: TrainConfig, seed: int, epoch: int = 1, data: TrainingData | None = None
) -> tuple[Array, Array]:
    """The epoch's images as (n, 28, 28) from 0 to 255, and its labels."""
    images, labels = shown(split, config, seed, epoch, data)
    return np.rint(images[..., 0] * 255).astype(np.uint8), labels


def augmented(split: Split, kind: Any, epoch: int = 1) -> tuple[Array, Array]:
    """The originals and what `kind` made of them, in the same order: the shuffle does not depend on `kind`."""
    plain, labels = epoch_of(split, SMALL, 1, epoch)
    changed, same_labels = epoch_of(split, replace(SMALL, augmentation=kind), 1, epoch)
    assert np.array_equal(labels, same_labels)
    return plain, changed


def flips(plain: Array, changed: Array) -> Array:
    """Which images were mirrored, as booleans; each must be the original or its mirror image."""
    kept = (changed == plain).all(axis=(1, 2))
    mirrored = (changed == plain[:, :, ::-1]).all(axis=(1, 2))
    assert (kept ^ mirrored).all()
    return np.asarray(mirrored)


def shifted(image: Array, down: int, right: int) -> Array:
    """`image` moved by that many pixels, black where it left."""
    moved = np.zeros_like(image)
    rows, columns = slice(max(0, down), 28 + min(0, down)), slice(max(0, right), 28 + min(0, right))
    moved[rows, columns] = np.roll(image, (down, right), axis=(0, 1))[rows, columns]
    return moved


def test_an_epoch_holds_every_image_once_with_its_label(noise: Split) -> None:
    images, labels = epoch_of(noise, SMALL, 1)
    of_image = {image.tobytes(): label for image, label in zip(noise.images, noise.labels, strict=True)}
    assert sorted(image.tobytes() for image in images) == sorted(of_image)
    assert [of_image[image.tobytes()] for image in images] == labels.tolist()


def test_pixels_are_divided_by_255_exactly(noise: Split) -> None:
    everything = Split(noise.images[:1], noise.labels[:1])
    images, labels = shown(everything, SMALL, 1, 1)
    assert (images.dtype.name, labels.dtype.name) == ("float32", "uint8")
    assert images.shape == (1, 28, 28, 1)
    assert np.array_equal(images[0, ..., 0], noise.images[0].astype(np.float32) / np.float32(255))


def test_another_epoch_or_seed_has_another_order(noise: Split) -> None:
    orders = [epoch_of(noise, SMALL, seed, epoch) for seed, epoch in ((1, 1), (1, 2), (2, 1))]
    assert len({images.tobytes() for images, _ in orders}) == 3
    assert not any(np.array_equal(images, noise.images) for images, _ in orders)


@pytest.mark.parametrize("kind", ["none", "flip", "alternating_flip", "flip_shift", "cutout"])
def test_an_epoch_is_the_same_whether_or_not_others_ran_before(noise: Split, kind: Any) -> None:
    config = replace(SMALL, augmentation=kind)
    long_lived = TrainingData(noise, config, (5, 7), Device())
    _, _, third = (epoch_of(noise, config, 7, epoch, long_lived) for epoch in (1, 2, 3))
    fresh = epoch_of(noise, config, 7, 3)
    assert np.array_equal(third[0], fresh[0])
    assert np.array_equal(third[1], fresh[1])


@pytest.mark.parametrize("kind", ["flip", "alternating_flip", "flip_shift", "cutout"])
def test_what_happens_to_an_image_depends_on_no_other_batch_size_or_order(noise: Split, kind: Any) -> None:
    changes = drawn_changes(kind, 7, 2, COUNT, (28, 28))
    every = augment(noise.images[..., np.newaxis], kind, changes).numpy()
    by_image = {image.tobytes() for image in every}
    assert len(by_image) == COUNT
    for batch_size in (3, 32):
        images, _ = epoch_of(noise, replace(SMALL, augmentation=kind, batch_size=batch_size), 7, 2)
        assert {image.tobytes() for image in images} == by_image


@pytest.mark.parametrize("seed", [0, 2**31, 2**32 - 1])
def test_the_whole_range_of_seeds_works(noise: Split, seed: int) -> None:
    images, _ = epoch_of(noise, replace(SMALL, augmentation="flip_shift"), seed)
    assert len(images) == COUNT


def test_smoothed_labels_take_from_the_truth_what_they_give_to_all(noise: Split) -> None:
    _, labels = epoch_of(noise, SMALL, 1)
    _, smoothed = epoch_of(noise, replace(SMALL, label_smoothing=0.1), 1)
    assert smoothed.dtype == np.float32
    assert np.allclose(smoothed, 0.9 * np.eye(10)[labels] + 0.01)


def test_a_flip_mirrors_about_half_of_the_images_left_to_right(noise: Split) -> None:
    assert 35 <= flips(*augmented(noise, "flip")).sum() <= 65


def mirrored(split: Split, kind: str, epoch: int) -> dict[bytes, bool]:
    """Of each image, whether the epoch mirrors it."""
    plain, changed = augmented(split, kind, epoch)
    return {image.tobytes(): bool(flip) for image, flip in zip(plain, flips(plain, changed), strict=True)}


def test_each_epoch_draws_its_own_flips(noise: Split) -> None:
    first, second = (mirrored(noise, "flip", epoch) for epoch in (1, 2))
    assert 30 <= sum(first[image] != second[image] for image in first) <= 70


def test_an_alternating_flip_shows_each_image_both_ways_in_any_two_epochs(noise: Split) -> None:
    epochs = [mirrored(noise, "alternating_flip", epoch) for epoch in (1, 2, 3)]
    assert 35 <= sum(epochs[0].values()) <= 65
    assert epochs[1] == {image: not flip for image, flip in epochs[0].items()}
    assert epochs[2] == epochs[0]


def test_flip_shift_moves_each_image_by_up_to_two_pixels_over_black(noise: Split) -> None:
    plain, changed = augmented(noise, "flip_shift")
    moves = [(flip, down, right) for flip in (1, -1) for down in range(-2, 3) for right in range(-2, 3)]
    found = []
    for before, after in zip(plain, changed, strict=True):
        matching = [move for move in moves if np.array_equal(shifted(before[:, :: move[0]], *move[1:]), after)]
        assert len(matching) == 1
        found += matching
    for part, values in enumerate(({1, -1}, {-2, -1, 0, 1, 2}, {-2, -1, 0, 1, 2})):
        assert {move[part] for move in found} == values
    assert len(set(found)) > 35  # of 50: flip, down and right are drawn apart, and for each image


def test_cutout_blanks_one_square_of_at_most_8_pixels_in_each_image(noise: Split) -> None:
    plain, changed = augmented(noise, "cutout")
    places, whole = set(), 0
    for before, after in zip(plain, changed, strict=True):
        rows, columns = (np.flatnonzero((after == 0).any(axis=axis)) for axis in (1, 0))
        hole = after[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert not hole.any()
        assert max(hole.shape) <= 8
        at_edge = min(rows[0], columns[0]) == 0 or max(rows[-1], columns[-1]) == 27
        assert at_edge or hole.shape == (8, 8)
        assert any(np.array_equal(np.where(after == 0, 0, seen), after) for seen in (before, before[:, ::-1]))
        whole += hole.shape == (8, 8)
        places.add((rows[0], columns[0]))
    assert whole > COUNT / 3
    assert len(places) > COUNT / 2


def test_cutout_flips_too(noise: Split) -> None:
    plain, changed = augmented(noise, "cutout")
    kept = [
        np.array_equal(np.where(after == 0, 0, before), after) for before, after in zip(plain, changed, strict=True)
    ]
    assert 35 <= sum(kept) <= 65


@pytest.mark.parametrize("kind", ["flip", "alternating_flip", "flip_shift", "cutout"])
def test_all_channels_of_an_image_are_changed_alike(kind: Any) -> None:
    """Images of 20 × 24 pixels whose three channels are the same, then twice and three times as bright."""
    task = replace(FASHION_MNIST, image_shape=(20, 24, 3), class_names=("a", "b"))
    random = np.random.default_rng(5)
    grey = random.integers(1, 80, (COUNT, 20, 24, 1), dtype=np.uint8)
    split = Split(grey * np.array([1, 2, 3], np.uint8), random.integers(0, 2, COUNT, dtype=np.uint8), task)
    config = replace(SMALL, augmentation=kind, label_smoothing=0.1)
    (before, _), (images, labels) = (shown(split, each, 1, 1) for each in (SMALL, config))
    assert labels.shape == (COUNT, 2)
    images, before = np.rint(images * 255), np.rint(before * 255)
    assert images.shape == before.shape == (COUNT, 20, 24, 3)
    assert np.array_equal(images[..., 1], 2 * images[..., 0])
    assert np.array_equal(images[..., 2], 3 * images[..., 0])
    is_same = (images == before).all(axis=(1, 2, 3))
    assert is_same.sum() < 65
    if kind == "cutout":
        holes = (images[..., 0] == 0).sum(axis=(1, 2))
        assert holes.max() == 64
        centres = [np.argwhere(image == 0).mean(axis=0) for image in images[..., 0]]
        assert (np.max(centres, axis=0) > [16, 20]).all(), "holes reach the ends of the longer side too"


@pytest.mark.parametrize("data_bytes", [None, 78 * 28 * 28])
def test_for_xla_the_short_batch_is_a_part_of_its_own_and_shows_the_same(noise: Split, data_bytes: int | None) -> None:
    config = replace(SMALL, augmentation="cutout", schedule="cosine")
    (whole,) = TrainingData(noise, config, (5, 7), Device()).epoch(2)
    *full, short = TrainingData(noise, config, (5, 7), Device(xla=True, data_bytes=data_bytes)).epoch(2)
    assert [part.count for part in full] == ([32, 32, 32] if data_bytes else [96])
    assert (short.count, len(short.images), list(short.rates)) == (4, 4, [whole.rates[3]])
    images, labels = batch_of(config, noise.task, 0.0, whole.images, whole.labels, whole.shown[96:])
    of_short = batch_of(config, noise.task, 0.0, short.images, short.labels, short.shown)
    assert np.array_equal(of_short[0], images)
    assert np.array_equal(of_short[1], labels)


def test_images_in_blocks_are_shown_as_those_that_lie_on_the_device(noise: Split) -> None:
    """100 images, of which 78 fit: two blocks of 32 may be there at a time."""
    config = replace(SMALL, augmentation="flip_shift", schedule="cosine")
    (whole,) = TrainingData(noise, config, (5, 7), Device()).epoch(2)
    blocks = list(TrainingData(noise, config, (5, 7), Device(data_bytes=78 * 28 * 28)).epoch(2))
    assert [(block.count, len(block.images)) for block in blocks] == [(32, 32)] * 3 + [(4, 32)]
    batches = [batch_of(config, noise.task, 0.0, p.images, p.labels, p.shown[: p.count]) for p in (whole, *blocks)]
    (images, labels), *parts = [(images.numpy(), labels.numpy()) for images, labels in batches]
    assert np.array_equal(np.concatenate([part for part, _ in parts]), images)
    assert np.array_equal(np.concatenate([part for _, part in parts]), labels)
    assert np.array_equal(np.concatenate([block.rates for block in blocks]), whole.rates)


@pytest.mark.slow
def test_threads_can_be_pinned_only_before_the_first_operation() -> None:
    code = (
        "import tensorflow as tf; from fashion_model.training.devices import use_threads; use_threads(1);"
        "tf.constant(1) + 1; threads = tf.config.threading;"
        "print(threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads());"
        "use_threads(2)"
    )
    done = python("-c", code)
    assert done.stdout == "1 1\n"
    assert done.returncode == 1
    assert "RuntimeError: Intra op parallelism cannot be modified after initialization" in done.stderr


@pytest.mark.slow
def test_trainings_use_onednn_unless_the_user_says_otherwise() -> None:
    code = "import os; os.environ.pop('TF_ENABLE_ONEDNN_OPTS', None); import fashion_model.training.training"
    assert "oneDNN custom operations are on" in python("-c", code, TF_CPP_MIN_LOG_LEVEL="0").stderr
    code = "import os, fashion_model; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    assert python("-c", code, TF_ENABLE_ONEDNN_OPTS="0").stdout == "0\n"
