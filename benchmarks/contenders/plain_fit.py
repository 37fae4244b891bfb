"""Training as Keras's own guide writes it: `compile`, then `fit` on arrays. What contenders a to d have in common."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np

from benchmarks.jobs import Job
from fashion_model.config import TrainConfig
from fashion_model.model import build_model, build_optimizer

Arrays = tuple[np.ndarray[Any, Any], ...]


def arrays(job: Job) -> Arrays:
    """Images / 255 as float32 and labels, to train on and to validate on: (x, y, x_validation, y_validation)."""
    splits = job.splits()
    parts = (splits.train, splits.validation)
    return tuple(array for part in parts for array in (part.images[..., None] / np.float32(255), part.labels))


def fit(config: TrainConfig, job: Job, data: Arrays, callbacks: list[Any] | None = None) -> tuple[float, float]:
    """Train one configuration. Returns the seconds in `fit`, and the last validation accuracy."""
    x, y, x_validation, y_validation = data
    keras.utils.set_random_seed(0)
    model = build_model(config)
    steps = -(-len(x) // config.batch_size)
    model.compile(
        optimizer=build_optimizer(config, job.epochs * steps),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    start = time.perf_counter()
    history = model.fit(
        x,
        y,
        batch_size=config.batch_size,
        epochs=job.epochs,
        validation_data=(x_validation, y_validation),
        verbose=0,
        callbacks=callbacks,
    )
    return time.perf_counter() - start, history.history["val_accuracy"][-1]
