"""What only TensorFlow has a word for: threads, devices and the input pipeline. The one file that says `tf`.

Images stay uint8 in memory (47 MB for all 60,000, 188 MB as float32) and are gathered, augmented and scaled a
batch at a time. Shuffle and augmentation are functions of (seed, epoch, batch) alone, so an epoch is the same
whichever process runs it, and whether or not the one before it ran there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Final

import fashion_model.loading  # noqa: F401

# isort: split
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

from fashion_model.config import CLASS_NAMES, IMAGE_SIDE, TrainConfig
from fashion_model.data import Pixels, Split
from fashion_model.gpu_memory import limit_mib, total_mib

_SHIFT: Final = 2  # pixels each way
_CUTOUT: Final = 8  # pixels a side; DeVries and Taylor 2017 (arXiv:1708.04552) use 8 to 16 on 32-pixel images
_BATCH_TO_PREDICT: Final = 500
_MOST_THREADS: Final = 4  # that make batches


def use_threads(count: int) -> None:
    """Pin TensorFlow to `count` threads in this process. Works only before its first operation.

    Raises:
        RuntimeError: when TensorFlow has already started with another number.
    """
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def prepare_gpus() -> bool:
    """Let GPU memory grow as needed instead of being taken whole. Returns whether this process has a GPU.

    Before TensorFlow's first operation; after it, only what is already set may be set again.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        if not tf.config.get_logical_device_configuration(gpu):  # one with a limit takes no other rule
            tf.config.experimental.set_memory_growth(gpu, True)
    return bool(gpus)


def share_gpu(share: float) -> None:
    """Keep to a share of the one GPU that this process sees, so that others fit beside it. Before `prepare_gpus`.

    Asked again it does nothing: TensorFlow takes a limit before its first operation only.
    """
    gpus = [
        gpu for gpu in tf.config.list_physical_devices("GPU") if not tf.config.get_logical_device_configuration(gpu)
    ]
    total = total_mib() if gpus else None
    if total is None:
        return
    for gpu in gpus:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=limit_mib(total, share))
        tf.config.set_logical_device_configuration(gpu, [limit])


class Replicas:
    """The devices that each training of this process is spread over, every batch in equal parts: one, until `use`.

    The variables of model and optimizer are made, and written from outside of a training step, within `scope`.
    """

    def __init__(self) -> None:
        self._strategy: tf.distribute.MirroredStrategy | None = None

    @property
    def count(self) -> int:
        """How many devices."""
        return self._strategy.num_replicas_in_sync if self._strategy is not None else 1

    def use(self, devices: Sequence[str] | None = None) -> None:
        """Spread trainings over these devices from now on, as TensorFlow names them; None means all GPUs there are."""
        if devices is None:
            devices = [device.name for device in tf.config.list_logical_devices("GPU")]
        self._strategy = _strategy(tuple(devices)) if len(devices) > 1 else None

    def scope(self) -> AbstractContextManager[object]:
        """Where variables have a copy on each device, and a write reaches every copy."""
        return self._strategy.scope() if self._strategy is not None else nullcontext()


@cache  # another one on the same devices would count its exchanges from 0 again, and meet those of the first
def _strategy(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    return tf.distribute.MirroredStrategy(devices)


replicas: Final = Replicas()


def forget_gradients() -> None:
    """Drop the gradients that graphs of earlier trainings registered.

    Each trace of tf.nn.silu registers one, under a name of its own and for ever, and it holds on to the whole graph:
    13 MB more a trial in a reused process, over the whole space. TensorFlow has no public word for it.
    """
    registered = ops.gradient_registry._registry
    for name in [name for name in registered if name.startswith("CustomGradient-")]:
        del registered[name]


class TrainingBatches:
    """The batches of each epoch: images (b, 28, 28, 1) float32 in [0, 1], labels (b,) uint8.

    With label smoothing the labels are one-hot (b, 10) float32, as Keras's categorical loss needs them.
    The last batch of an epoch is as short as it comes; none is dropped.

    For several replicas a third part, weights (b,) float32, makes each step the one that a single device would take,
    whatever their number: a batch that they do not divide is filled up with images of its own, which weigh nothing.
    """

    def __init__(self, split: Split, config: TrainConfig, seed: int, threads: int | None = None) -> None:
        """`threads` make the batches; None: as many as this process has to spare. The batches are the same."""
        self._split, self._config, self._seed = split, config, seed
        with tf.device("/CPU:0"):
            self._images, self._labels = tf.constant(split.images), tf.constant(split.labels)
            self._order = tf.Variable(np.zeros(len(split), np.int64), trainable=False)
            self._epoch = tf.Variable(0, dtype=tf.int32, trainable=False)
        starts = tf.data.Dataset.range(0, len(split), config.batch_size)
        self._dataset = _mapped(starts, self._batch, threads or _spare_threads())

    def steps(self) -> int:
        """Batches in an epoch."""
        return -(-len(self._split) // self._config.batch_size)

    def epoch(self, number: int) -> tf.data.Dataset:
        """The batches of epoch `number` (from 1). Ends the use of the epoch asked for before."""
        self._order.assign(np.random.default_rng((self._seed, number)).permutation(len(self._split)))
        self._epoch.assign(number)
        return self._dataset

    def _batch(self, start: Any) -> tuple[Any, ...]:
        indices = self._order[start : start + self._config.batch_size]
        images = tf.gather(self._images, indices)
        labels = tf.gather(self._labels, indices)
        images = _augment(
            images, self._config.augmentation, (self._seed % 2**31, self._epoch * 2**20 + tf.cast(start, tf.int32))
        )
        if self._config.label_smoothing:
            labels = tf.one_hot(labels, len(CLASS_NAMES))
        batch = (_scaled(images), labels)
        return batch if replicas.count == 1 else _in_equal_parts(*batch, replicas.count)


def image_batches(images: Pixels) -> tf.data.Dataset:
    """All of `images` (n, 28, 28) uint8 in order, as float32 batches in [0, 1] to predict on."""
    with tf.device("/CPU:0"):
        source = tf.constant(images)
    starts = tf.data.Dataset.range(0, len(images), _BATCH_TO_PREDICT)
    return _mapped(starts, lambda start: _scaled(source[start : start + _BATCH_TO_PREDICT]), threads=1)


def _in_equal_parts(images: Any, labels: Any, parts: int) -> tuple[Any, Any, Any]:
    """A batch that splits into so many parts of one size, and its images' weights.

    Keras divides the sum of a part's losses by the part's size, and the gradients' sum by the number of parts. So the
    weights add up to the filled batch's size: the sum of all is then the mean over the images that are really there.
    """
    real = tf.shape(images)[0]
    filled = -(-real // parts) * parts
    positions = tf.range(filled)
    weight = tf.cast(filled, tf.float32) / tf.cast(real, tf.float32)
    weights = tf.where(positions < real, weight, 0.0)
    return tf.gather(images, positions % real), tf.gather(labels, positions % real), weights


def _spare_threads() -> int:
    """One where a trial trains on its own core: more would only take it from training. Beside a GPU, which trains, the
    trial's cores have nothing else to do: one thread makes 55,000 to 90,000 images a second with shifts (32 to 256 a
    batch, one core of an AMD EPYC), which a GPU may outrun."""
    if not tf.config.list_physical_devices("GPU"):
        return 1
    return min(_MOST_THREADS, tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1)


def _mapped(starts: tf.data.Dataset, batch_at: Callable[[Any], Any], threads: int) -> tf.data.Dataset:
    # nothing here needs AutoGraph, which writes a file into the temporary folder for each function it converts
    at_once = threads if threads > 1 else None
    dataset = starts.map(tf.autograph.experimental.do_not_convert(batch_at), num_parallel_calls=at_once)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = threads
    options.threading.max_intra_op_parallelism = 1
    options.deterministic = True
    return dataset.prefetch(2 * threads).with_options(options)


def _scaled(images: Any) -> Any:
    return tf.cast(images, tf.float32)[..., tf.newaxis] / 255.0


def _augment(images: Any, kind: str, seed: tuple[Any, Any]) -> Any:
    """uint8 (b, 28, 28) in and out; each image draws its own flip, shift or hole from `seed`."""
    if kind in ("flip", "flip_shift"):
        images = _flip(images, seed)
    if kind == "flip_shift":
        images = _shift(images, seed)
    return _cut_out(images, seed) if kind == "cutout" else images


def _flip(images: Any, seed: tuple[Any, Any]) -> Any:
    coin = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1], seed) < 0.5
    return tf.where(coin, tf.reverse(images, axis=[2]), images)


def _shift(images: Any, seed: tuple[Any, Any]) -> Any:
    count = tf.shape(images)[0]
    padded = tf.pad(images, [[0, 0], [_SHIFT, _SHIFT], [_SHIFT, _SHIFT]])
    offsets = tf.random.stateless_uniform([2, count, 1], _other(seed, 1), maxval=2 * _SHIFT + 1, dtype=tf.int32)
    positions = offsets + tf.range(IMAGE_SIDE)
    rows = tf.gather(padded, positions[0], batch_dims=1)
    return tf.gather(rows, positions[1], axis=2, batch_dims=1)


def _cut_out(images: Any, seed: tuple[Any, Any]) -> Any:
    """Flip, then blank a square around a random pixel; at the edge the square is cut off, as in the paper."""
    images = _flip(images, seed)
    centres = tf.random.stateless_uniform(
        [2, tf.shape(images)[0], 1], _other(seed, 2), maxval=IMAGE_SIDE, dtype=tf.int32
    )
    inside = tf.abs(tf.range(IMAGE_SIDE) * 2 + 1 - centres * 2) <= _CUTOUT
    hole = inside[0][:, :, tf.newaxis] & inside[1][:, tf.newaxis, :]
    return tf.where(hole, tf.zeros_like(images), images)


def _other(seed: tuple[Any, Any], stream: int) -> tuple[Any, Any]:
    """Another random stream of the same batch."""
    return seed[0], seed[1] ^ (stream << 29)
