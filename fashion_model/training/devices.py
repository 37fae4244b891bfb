"""The devices that a training runs on: its threads, its share of a GPU's memory, and the GPUs that split a batch."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import tensorflow as tf

# The CUDA context, cuDNN and cuBLAS lie outside of TensorFlow's limit: some 0.4 to 0.7 GiB a process by NVIDIA's and
# TensorFlow's users' accounts. Not measured here: there was no GPU.
_CONTEXT_MIB: Final = 768
_LEAST_MIB: Final = 256
_SECONDS_TO_ANSWER: Final = 20
_DATA_SHARE: Final = (
    0.25  # of a GPU's memory, or of what this process may take of it; networks and activations have the rest
)


@dataclass(frozen=True, slots=True)
class Device:
    """How a training runs: compiled by XLA or not, and with how many bytes of images on the device (None: any)."""

    xla: bool = False
    data_bytes: int | None = None


def use_threads(count: int) -> None:
    """Pin TensorFlow to `count` threads in this process. Works only before its first operation.

    Raises:
        RuntimeError: when TensorFlow has already started with another number.
    """
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def prepare_device() -> Device:
    """Let GPU memory grow as needed instead of being taken whole. Returns how trainings of this process run: through
    XLA on one GPU; without it on a CPU, where it doubles an epoch's time, and on several GPUs, for which it does not
    compile.

    Call it before TensorFlow's first operation. A later call may only repeat what is set already.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        if not tf.config.get_logical_device_configuration(gpu):  # TensorFlow refuses growth for a GPU with a limit
            tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        return Device()
    limits = tf.config.get_logical_device_configuration(gpus[0])
    mib = limits[0].memory_limit if limits else total_mib()
    return Device(xla=replicas.count == 1, data_bytes=mib and int(mib * 2**20 * _DATA_SHARE))


def share_gpu(share: float) -> None:
    """Limit this process to a share (fraction) of its one GPU's memory, so that other trainings fit. Call it before
    `prepare_device`. It does nothing where the limit is set already, or where nvidia-smi does not say how much there
    is.
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


def limit_mib(total_mib: int, share: float) -> int:
    """TensorFlow's limit (MiB) for a share of a GPU of `total_mib`: without what CUDA itself takes of that share."""
    return max(_LEAST_MIB, int(total_mib * share) - _CONTEXT_MIB)


def total_mib() -> int | None:
    """The memory (MiB) of the first GPU that this process may use, None where nvidia-smi does not say.

    TensorFlow has no call for the memory that a GPU has.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0]
    which = ["--id", visible] if visible else []
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", *which]
    try:
        answer = subprocess.run(  # noqa: S603 - the identifier is Ray's
            command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=True
        )
        return int(answer.stdout.splitlines()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


class Replicas:
    """The devices that each training of this process splits its batches over, in equal parts: one, until `use`.

    Variables of model and optimizer must be made, and be written outside of a training step, within `scope`.
    """

    def __init__(self) -> None:
        self._strategy: tf.distribute.MirroredStrategy | None = None

    @property
    def count(self) -> int:
        """How many devices."""
        return self._strategy.num_replicas_in_sync if self._strategy is not None else 1

    def use(self, devices: Sequence[str] | None = None) -> None:
        """Use these devices, as TensorFlow names them, from now on; None means all GPUs."""
        if devices is None:
            devices = [device.name for device in tf.config.list_logical_devices("GPU")]
        self._strategy = _strategy(tuple(devices)) if len(devices) > 1 else None

    def scope(self) -> AbstractContextManager[object]:
        """The context in which a variable has a copy on each device, and a write reaches every copy."""
        return self._strategy.scope() if self._strategy is not None else nullcontext()

    def train(self, train_step: Callable[[Any], object], batch: tuple[Any, Any]) -> None:
        """Keras's `train_step` on images and labels, each device on its part of them."""
        if self._strategy is None:
            train_step(batch)
        else:
            parts = in_equal_parts(*batch, self.count)
            self._strategy.run(lambda: train_step(self._own(parts)))

    def _own(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        """This device's part, within `run`."""
        context: Any = tf.distribute.get_replica_context()
        size = tf.shape(batch[0])[0] // self.count
        start = context.replica_id_in_sync_group * size
        return tuple(part[start : start + size] for part in batch)


def in_equal_parts(images: Any, labels: Any, parts: int) -> tuple[Any, Any, Any]:
    """A batch that splits into `parts` parts of one size, and its images' weights. It is filled up with images of its
    own, which weigh nothing, so that a step is the one that a single device would take.

    Keras divides the sum of a part's losses by the part's size, and the gradients' sum by the number of parts. So the
    weights add up to the filled batch's size: the sum of all is then the mean over the images that are really there.
    """
    real = tf.shape(images)[0]
    filled = -(-real // parts) * parts
    positions = tf.range(filled)
    weight = tf.cast(filled, tf.float32) / tf.cast(real, tf.float32)
    weights = tf.where(positions < real, weight, 0.0)
    return tf.gather(images, positions % real), tf.gather(labels, positions % real), weights


@cache  # a second strategy on the same devices would number its exchanges as the first did, and mix them up
def _strategy(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    return tf.distribute.MirroredStrategy(devices)


replicas: Final = Replicas()
