"""Training as Keras's own guide writes it: `compile`, then `fit` on arrays. What contenders a to d have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import keras
import numpy as np

from benchmarks.jobs import Job
from fashion_model.config import TrainConfig
from fashion_model.model import build_model, build_optimizer, learning_rates
from fashion_model.task import FASHION_MNIST

_SIDE: Final = FASHION_MNIST.image_shape[0]

Arrays = tuple[np.ndarray[Any, Any], ...]


def arrays(job: Job) -> Arrays:
    """Images / 255 as float32 and labels, to train on and to validate on: (x, y, x_validation, y_validation)."""
    splits = job.splits()
    parts = (splits.train, splits.validation)
    return tuple(array for part in parts for array in (part.images[..., None] / np.float32(255), part.labels))


class Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """The rate of each step."""

    def __init__(self, rates: np.ndarray[Any, Any]) -> None:
        self._rates = keras.ops.convert_to_tensor(rates)

    def __call__(self, step: Any) -> Any:
        return keras.ops.take(self._rates, step)


def network(config: TrainConfig, job: Job, count: int) -> keras.Model:
    """The compiled network, to be trained on `count` images. Augmentation is layers that Keras has for it."""
    model = build_model(config, FASHION_MNIST)
    layers = _AUGMENTATION[config.augmentation]()
    if layers:
        model = keras.Sequential([keras.Input(FASHION_MNIST.image_shape), *layers, *model.layers])
    smoothing = config.label_smoothing
    optimizer = build_optimizer(config)
    if config.schedule != "constant":
        optimizer.learning_rate = Rates(learning_rates(config, job.epochs * -(-count // config.batch_size)))
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
        if smoothing
        else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def fit(config: TrainConfig, job: Job, data: Arrays, callbacks: list[Any] | None = None) -> tuple[float, float]:
    """Train one configuration. Returns its seconds, and the last validation accuracy."""
    start = time.perf_counter()
    keras.utils.set_random_seed(0)
    model = network(config, job, len(data[0]))
    accuracy = fit_network(model, config, job, data, callbacks)
    return time.perf_counter() - start, accuracy


def fit_network(model: keras.Model, config: TrainConfig, job: Job, data: Arrays, callbacks: list[Any] | None) -> float:
    """Train what `network` made. Returns the last validation accuracy."""
    x, y, x_validation, y_validation = data
    if config.label_smoothing:
        y, y_validation = (keras.utils.to_categorical(labels, FASHION_MNIST.classes) for labels in (y, y_validation))
    history = model.fit(
        x,
        y,
        batch_size=config.batch_size,
        epochs=job.epochs,
        validation_data=(x_validation, y_validation),
        verbose=0,
        callbacks=callbacks,
    )
    return float(history.history["val_accuracy"][-1])


def _flip() -> list[Any]:
    return [keras.layers.RandomFlip("horizontal")]


def _flip_and_shift() -> list[Any]:
    share = 2 / _SIDE
    return [*_flip(), keras.layers.RandomTranslation(share, share, fill_mode="constant")]


def _cut_out() -> list[Any]:
    share = 8**2 / _SIDE**2
    return [*_flip(), keras.layers.RandomErasing(1.0, (share, share), fill_value=0.0, value_range=(0, 1))]


_AUGMENTATION: Final[Mapping[str, Callable[[], list[Any]]]] = {
    "none": list,
    "flip": _flip,
    "alternating_flip": _flip,  # Keras has no layer for it
    "flip_shift": _flip_and_shift,
    "cutout": _cut_out,
}
