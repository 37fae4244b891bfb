"""What an epoch shows: the order of the images, how each is changed, the learning rates; and the images on the device.

All of it is a function of (seed, epoch), so an epoch is the same in every process, whether or not that process ran the
epoch before it. Images that do not fit onto the device go there in blocks, in the order in which they are shown: the
next block while one is trained on. The bits of the training are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.model import learning_rates
from fashion_model.training.augmentation import drawn_changes
from fashion_model.training.devices import Device
from fashion_model.training.epoch import Part

Shown = npt.NDArray[np.int32]
Rates = npt.NDArray[np.float32]


class TrainingData:
    """The images of a training, and what each of its epochs shows of them."""

    def __init__(self, split: Split, config: TrainConfig, budget: tuple[int, int], device: Device) -> None:
        """`budget` is how many epochs there are, and the seed."""
        self._split, self._config, self._device = split, config, device
        epochs, self._seed = budget
        self.steps = -(-len(split) // config.batch_size)
        self._rates = learning_rates(config, epochs * self.steps)
        self._block = 0
        if device.data_bytes is not None and split.images.nbytes > device.data_bytes:
            batch_bytes = config.batch_size * split.images[0].nbytes
            # two blocks are there at a time
            self._block = max(1, device.data_bytes // 2 // batch_bytes) * config.batch_size
        else:
            self._whole = self._put(split.images), self._put(split.labels)

    def epoch(self, number: int) -> Iterator[Part]:
        """The parts of epoch `number` (from 1). For XLA the last batch, if it is shorter, is a part of its own."""
        order = np.random.default_rng((self._seed, number)).permutation(len(self._split)).astype(np.int32)
        sides = self._split.task.image_shape[:2]
        changes = drawn_changes(self._config.augmentation, self._seed, number, len(order), sides)[order]
        shown = np.column_stack([order, changes])
        rates = self._rates[(number - 1) * self.steps : number * self.steps]
        full = len(order) - len(order) % self._config.batch_size if self._device.xla else len(order)
        if full and not self._block:
            yield Part(*self._whole, shown, rates, full)
        elif full:
            yield from self._blocks(shown[:full], rates)
        if full < len(order):
            yield self._copied(shown[full:], rates[-1:], len(order) - full)

    def _blocks(self, shown: Shown, rates: Rates) -> Iterator[Part]:
        """One after another, the next one on its way while one is trained on."""
        steps = self._block // self._config.batch_size
        pieces = [
            (shown[start : start + self._block], rates[number * steps : (number + 1) * steps])
            for number, start in enumerate(range(0, len(shown), self._block))
        ]
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._copied, *pieces[0], self._block)
            for following in pieces[1:]:
                part = coming.result()
                coming = ahead.submit(self._copied, *following, self._block)
                yield part
            yield coming.result()

    def _copied(self, shown: Shown, rates: Rates, size: int) -> Part:
        """The images of these rows, in their order. Filled up to `size`: blocks of one shape share a program."""
        rows = np.resize(shown[:, 0], size)
        here = np.column_stack([np.arange(size, dtype=np.int32), np.resize(shown[:, 1:], (size, shown.shape[1] - 1))])
        of_steps = np.resize(rates, -(-size // self._config.batch_size))
        return Part(
            self._put(self._split.images[rows]), self._put(self._split.labels[rows]), here, of_steps, len(shown)
        )

    def _put(self, array: npt.NDArray[np.uint8]) -> tf.Tensor:
        """On the device where XLA gathers batches there; else beside it: TensorFlow gathers uint8 on a CPU only."""
        with tf.device(None if self._device.xla else "CPU:0"):
            return tf.constant(array)
