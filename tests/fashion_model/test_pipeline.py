"""An epoch shows each image once, in an order and with an augmentation that (seed, epoch, batch) alone decide."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.config import TrainConfig
from fashion_model.data import Split
from fashion_model.pipeline import TrainingBatches, image_batches

ROOT = Path(__file__).resolve().parents[2]
COUNT = 100  # not a multiple of the batch size
SMALL = TrainConfig(batch_size=32)

Array = npt.NDArray[Any]


@pytest.fixture(scope="module")
def noise() -> Split:
    """Images that are all different, without a black pixel and without symmetry."""
    random = np.random.default_rng(5)
    images = random.integers(1, 256, (COUNT, 28, 28), dtype=np.uint8)
    return Split(images, random.integers(0, 10, COUNT, dtype=np.uint8))


def epoch_of(batches: TrainingBatches, number: int) -> tuple[Array, Array]:
    """The epoch's images as (n, 28, 28) from 0 to 255, and its labels."""
    pairs = [(images.numpy(), labels.numpy()) for images, labels in batches.epoch(number)]
    images, labels = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return np.rint(images[..., 0] * 255).astype(np.uint8), labels


def augmented(split: Split, kind: Any, epoch: int = 1) -> tuple[Array, Array]:
    """The originals and what `kind` made of them, in the same order: the shuffle does not depend on `kind`."""
    plain, labels = epoch_of(TrainingBatches(split, SMALL, seed=1), epoch)
    changed, same_labels = epoch_of(TrainingBatches(split, replace(SMALL, augmentation=kind), seed=1), epoch)
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
    images, labels = epoch_of(TrainingBatches(noise, SMALL, seed=1), 1)
    of_image = {image.tobytes(): label for image, label in zip(noise.images, noise.labels, strict=True)}
    assert sorted(image.tobytes() for image in images) == sorted(of_image)
    assert [of_image[image.tobytes()] for image in images] == labels.tolist()


def test_pixels_are_divided_by_255_exactly(noise: Split) -> None:
    everything = Split(noise.images[:1], noise.labels[:1])
    ((images, labels),) = TrainingBatches(everything, SMALL, seed=1).epoch(1)
    assert (images.dtype.name, labels.dtype.name) == ("float32", "uint8")
    assert images.shape == (1, 28, 28, 1)
    assert np.array_equal(images.numpy()[0, ..., 0], noise.images[0].astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(("batch_size", "sizes"), [(32, [32, 32, 32, 4]), (50, [50, 50]), (100, [100]), (4096, [100])])
def test_the_last_batch_is_as_short_as_it_comes(noise: Split, batch_size: int, sizes: list[int]) -> None:
    batches = TrainingBatches(noise, TrainConfig(batch_size=batch_size), seed=1)
    assert [len(labels) for _, labels in batches.epoch(1)] == sizes
    assert batches.steps() == len(sizes)


def test_another_epoch_or_seed_has_another_order(noise: Split) -> None:
    batches = TrainingBatches(noise, SMALL, seed=1)
    orders = [epoch_of(batches, 1), epoch_of(batches, 2), epoch_of(TrainingBatches(noise, SMALL, seed=2), 1)]
    assert len({images.tobytes() for images, _ in orders}) == 3
    assert not any(np.array_equal(images, noise.images) for images, _ in orders)


@pytest.mark.parametrize("kind", ["none", "flip", "flip_shift", "cutout"])
def test_an_epoch_is_the_same_whether_or_not_others_ran_before(noise: Split, kind: Any) -> None:
    config = replace(SMALL, augmentation=kind)
    long_lived = TrainingBatches(noise, config, seed=7)
    epoch_of(long_lived, 1), epoch_of(long_lived, 2)
    third, fresh = epoch_of(long_lived, 3), epoch_of(TrainingBatches(noise, config, seed=7), 3)
    assert np.array_equal(third[0], fresh[0])
    assert np.array_equal(third[1], fresh[1])


@pytest.mark.parametrize("seed", [0, 2**31, 2**32 - 1])
def test_the_whole_range_of_seeds_works(noise: Split, seed: int) -> None:
    images, _ = epoch_of(TrainingBatches(noise, replace(SMALL, augmentation="flip_shift"), seed=seed), 1)
    assert len(images) == COUNT


def test_several_threads_make_the_same_batches_in_the_same_order(noise: Split) -> None:
    config = replace(SMALL, augmentation="flip_shift", batch_size=3)
    alone, together = (epoch_of(TrainingBatches(noise, config, seed=7, threads=count), 2) for count in (1, 4))
    assert np.array_equal(alone[0], together[0])
    assert np.array_equal(alone[1], together[1])


def test_label_smoothing_gets_one_hot_labels(noise: Split) -> None:
    _, labels = epoch_of(TrainingBatches(noise, SMALL, seed=1), 1)
    _, one_hot = epoch_of(TrainingBatches(noise, replace(SMALL, label_smoothing=0.1), seed=1), 1)
    assert one_hot.dtype == np.float32
    assert np.array_equal(one_hot, np.eye(10, dtype=np.float32)[labels])


def test_a_flip_mirrors_about_half_of_the_images_left_to_right(noise: Split) -> None:
    mirrored = flips(*augmented(noise, "flip"))
    assert 35 <= mirrored.sum() <= 65


def test_each_batch_and_epoch_draws_its_own_flips(noise: Split) -> None:
    first, second = flips(*augmented(noise, "flip", epoch=1)), flips(*augmented(noise, "flip", epoch=2))
    patterns = {tuple(coins) for coins in (first[:32], first[32:64], first[64:96], second[:32], second[32:64])}
    assert len(patterns) == 5


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


@pytest.mark.parametrize(("count", "sizes"), [(3, [3]), (500, [500]), (1203, [500, 500, 203])])
def test_images_to_predict_on_keep_their_order_to_the_last(count: int, sizes: list[int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    batches = [batch.numpy() for batch in image_batches(images)]
    assert [len(batch) for batch in batches] == sizes
    assert np.array_equal(np.concatenate(batches)[..., 0], images.astype(np.float32) / np.float32(255))


@pytest.mark.slow
def test_threads_can_be_pinned_only_before_the_first_operation() -> None:
    code = (
        "import tensorflow as tf; from fashion_model.pipeline import use_threads; use_threads(1);"
        "tf.constant(1) + 1; threads = tf.config.threading;"
        "print(threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads());"
        "use_threads(2)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "1 1\n"
    assert done.returncode == 1
    assert "RuntimeError: Intra op parallelism cannot be modified after initialization" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("set_by_user", "is_on"), [({}, True), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, False)])
def test_trainings_use_onednn_unless_the_user_says_otherwise(set_by_user: dict[str, str], is_on: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run(
        [sys.executable, "-c", "import fashion_model.training"],
        cwd=ROOT,
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "0"} | set_by_user,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("oneDNN custom operations are on" in done.stderr) == is_on
