"""One training, an epoch at a time: the same code for a trial, a finalist, the reference and the winner.

training = Training(config, split, Budget(epochs=10, seed=3))
for epoch in training.run(validation): ...
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from fashion_model.config import TrainConfig
from fashion_model.data import Split
from fashion_model.model import build_model, build_optimizer
from fashion_model.pipeline import TrainingBatches, image_batches, prepare_gpus
from fashion_model.result import EpochResult, TrainResult

# Batches that one call of the compiled loop runs: with 1, Python's share is a sixth of the documented model's
# epoch on a CPU (16.8 s, against 14.0 s with 32).
_STEPS_PER_EXECUTION: Final = 32

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How a model does on a split: mean cross-entropy (nats), accuracy (fraction), probabilities (n, 10) float32."""

    loss: float
    accuracy: float
    probabilities: Probabilities


@dataclass(frozen=True, slots=True)
class Budget:
    """The terms of a training: how many epochs, and the seed (from 0, below 2^32) that fixes initial weights,
    dropout, shuffles and augmentation."""

    epochs: int
    seed: int


class Training:
    """A model in training."""

    def __init__(self, config: TrainConfig, split: Split, budget: Budget) -> None:
        on_gpu = prepare_gpus()
        keras.backend.clear_session()  # drop the last training's graph, names and seed state in a reused process
        keras.utils.set_random_seed(budget.seed)
        self._epochs, self._done = budget.epochs, 0
        self._batches = TrainingBatches(split, config, budget.seed)
        self.model = build_model(config)
        self.model.compile(
            optimizer=build_optimizer(config, budget.epochs * self._batches.steps()),
            loss=_loss(config),
            metrics=["accuracy"],
            steps_per_execution=min(_STEPS_PER_EXECUTION, self._batches.steps()),
            jit_compile="auto" if on_gpu else False,  # XLA doubles an epoch's time on a CPU: 28.9 s against 14.0 s
        )
        self._raw = _RawWeights(config.use_ema)

    def run(self, validation: Split | None) -> Iterator[EpochResult]:
        """Train the epochs that remain, yielding each one's result; without `validation` its two fields are None."""
        while self._done < self._epochs:
            yield self._run_epoch(validation)

    def _run_epoch(self, validation: Split | None) -> EpochResult:
        start = time.perf_counter()
        self._raw.put_back(self.model)
        batches = self._batches.epoch(self._done + 1)
        history = self.model.fit(
            batches, initial_epoch=self._done, epochs=self._done + 1, shuffle=False, verbose=0, callbacks=[self._raw]
        ).history
        self._done += 1
        trained = time.perf_counter()
        held_out = evaluate(self.model, validation) if validation is not None else None
        return EpochResult(
            epoch=self._done,
            train_loss=history["loss"][0],
            train_accuracy=history["accuracy"][0],
            validation_loss=held_out.loss if held_out else None,
            validation_accuracy=held_out.accuracy if held_out else None,
            train_seconds=trained - start,
            validation_seconds=time.perf_counter() - trained,
        )


class _RawWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights being trained apart from their moving average.

    At the end of each `fit`, Keras overwrites the weights with their average (`use_ema`). That is what is
    validated, tested and saved, but the next epoch must go on from the weights themselves.
    """

    def __init__(self, enabled: bool) -> None:
        super().__init__()
        self._enabled = enabled
        self._weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._enabled:
            self._weights = self.model.get_weights()

    def put_back(self, model: keras.Model) -> None:
        if self._weights is not None:
            model.set_weights(self._weights)


def train(
    config: TrainConfig,
    split: Split,
    validation: Split | None,
    budget: Budget,
    on_epoch: Callable[[EpochResult], None] = lambda result: None,
) -> tuple[keras.Model, TrainResult]:
    """Train to the end of the budget, calling `on_epoch` after each epoch. Returns the model and its record."""
    start, cpu_start = time.perf_counter(), time.process_time()
    training = Training(config, split, budget)
    epochs = []
    for epoch in training.run(validation):
        epochs.append(epoch)
        on_epoch(epoch)
    return training.model, TrainResult(
        seed=budget.seed,
        epochs=tuple(epochs),
        parameters=training.model.count_params(),
        seconds=time.perf_counter() - start,
        cpu_seconds=time.process_time() - cpu_start,
    )


def evaluate(model: keras.Model, split: Split) -> Evaluation:
    """Loss, accuracy and per-image probabilities of `model` on `split`, in the split's order."""
    probabilities = model.predict(image_batches(split.images), verbose=0)
    of_truth = probabilities[np.arange(len(split)), split.labels]
    return Evaluation(
        loss=float(-np.log(np.maximum(of_truth, keras.config.epsilon())).mean()),
        accuracy=float((probabilities.argmax(axis=1) == split.labels).mean()),
        probabilities=probabilities,
    )


def _loss(config: TrainConfig) -> str | keras.losses.Loss:
    if not config.label_smoothing:
        return "sparse_categorical_crossentropy"
    return keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing)
