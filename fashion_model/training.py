"""One training, an epoch at a time: the same code for a trial, a finalist, the reference and the winner.

training = Training(config, split, Budget(epochs=10, seed=3))
for epoch in training.run(validation): ...

Between two epochs `training.state()` is everything that the rest depends on: a fresh Training that restores it, in
whatever process, ends with the same bits.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import fashion_model.loading  # noqa: F401

# isort: split
import keras
import numpy as np
import numpy.typing as npt

from fashion_model.checkpoint import Checkpoints, Layout, Snapshot, resume
from fashion_model.config import TrainConfig
from fashion_model.data import Split
from fashion_model.model import build_model, build_optimizer
from fashion_model.pipeline import TrainingBatches, forget_gradients, image_batches, prepare_gpus, replicas
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
        self._clock = _Clock()
        self._config, self._split, self._budget = config, split, budget
        self._results: list[EpochResult] = []
        on_gpu = prepare_gpus()
        forget_gradients()
        keras.backend.clear_session()  # drop the last training's graph, names and seed state in a reused process
        keras.utils.set_random_seed(budget.seed)
        self._batches = TrainingBatches(split, config, budget.seed)
        with replicas.scope():
            self.model = self._compiled(on_gpu)
        self._raw = _RawWeights(config.use_ema)

    def _compiled(self, on_gpu: bool) -> keras.Model:
        several = replicas.count > 1
        model = build_model(self._config, synchronized=several)
        model.compile(
            optimizer=build_optimizer(self._config, self._budget.epochs * self._batches.steps()),
            loss=_loss(self._config),
            # of several replicas' batches, some images may only fill them up, and weigh nothing
            **{"weighted_metrics" if several else "metrics": [_accuracy(self._config)]},
            # Keras's loop over several steps does not run on several devices: "You must feed a value for placeholder"
            steps_per_execution=1 if several else min(_STEPS_PER_EXECUTION, self._batches.steps()),
            # XLA doubles an epoch's time on a CPU, 28.9 s against 14.0 s, and compiles for one device only
            jit_compile="auto" if on_gpu and not several else False,
        )
        model.optimizer.build(model.trainable_variables)  # Keras would in the first fit: restore is earlier
        return model

    @property
    def results(self) -> tuple[EpochResult, ...]:
        """The epochs done, those before a restored state included."""
        return tuple(self._results)

    @property
    def seconds(self) -> float:
        """Wall seconds since this training was made, and those up to the state that it goes on from."""
        return self._clock.read()[0]

    @property
    def cpu_seconds(self) -> float:
        """This process's CPU seconds since this training was made, and those up to the state that it goes on from."""
        return self._clock.read()[1]

    def run(self, validation: Split | None) -> Iterator[EpochResult]:
        """Train the epochs that remain, yielding each one's result; without `validation` its two fields are None."""
        while len(self._results) < self._budget.epochs:
            self._results.append(self._run_epoch(len(self._results) + 1, validation))
            yield self._results[-1]

    def state(self) -> bytes:
        """All that the epochs to come depend on, after those done: variables, raw weights, results, seconds."""
        seconds, cpu_seconds = self._clock.read()
        return Snapshot(
            identity=self._identity,
            results=self.results,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            arrays={name: keras.ops.convert_to_numpy(variable) for name, variable in self._variables().items()}
            | {_raw_name(index): weights for index, weights in enumerate(self._raw.weights or [])},
        ).to_bytes()

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned in another Training of the same configuration, images and budget.

        Raises:
            CheckpointError: when the bytes are damaged or of another training. This one is then as before.
        """
        snapshot = Snapshot.from_bytes(state)
        snapshot.require_identity(self._identity)
        averaged = self._config.use_ema and bool(snapshot.results)
        snapshot.require_layout(self._layout(with_raw=averaged))
        # all is checked: nothing below may fail, or the training would be half restored
        with replicas.scope():
            for name, variable in self._variables().items():
                variable.assign(snapshot.arrays[name])
        raw = [snapshot.arrays[_raw_name(index)] for index in range(len(self.model.weights))] if averaged else None
        self._raw.weights = raw
        self._results = list(snapshot.results)
        self._clock.go_on_from(snapshot.seconds, snapshot.cpu_seconds)

    def _variables(self) -> dict[str, Any]:
        """Every variable that training changes. The model's are its weights, statistics and random generators."""
        groups = {"model": self.model.variables, "optimizer": self.model.optimizer.variables}
        return {f"{group}.{index}": each for group, every in groups.items() for index, each in enumerate(every)}

    def _layout(self, with_raw: bool) -> Layout:
        named = self._variables()
        if with_raw:
            named |= {_raw_name(index): variable for index, variable in enumerate(self.model.weights)}
        return {name: (tuple(variable.shape), str(variable.dtype)) for name, variable in named.items()}

    @cached_property
    def _identity(self) -> dict[str, object]:
        digest = hashlib.sha256(np.ascontiguousarray(self._split.labels).data)
        digest.update(np.ascontiguousarray(self._split.images).data)
        return self._config.to_dict() | {
            "epochs": self._budget.epochs,
            "seed": self._budget.seed,
            "training_images": len(self._split),
            "training_sha256": digest.hexdigest(),
        }

    def _run_epoch(self, number: int, validation: Split | None) -> EpochResult:
        start = time.perf_counter()
        with replicas.scope():
            self._raw.put_back(self.model)
        batches = self._batches.epoch(number)
        history = self.model.fit(
            batches, initial_epoch=number - 1, epochs=number, shuffle=False, verbose=0, callbacks=[self._raw]
        ).history
        trained = time.perf_counter()
        held_out = evaluate(self.model, validation) if validation is not None else None
        return EpochResult(
            epoch=number,
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
        self.weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._enabled:
            self.weights = self.model.get_weights()

    def put_back(self, model: keras.Model) -> None:
        if self.weights is not None:
            model.set_weights(self.weights)


class _Clock:
    """Wall and CPU seconds of a training, across the processes that it takes."""

    def __init__(self) -> None:
        self._start, self._cpu_start = time.perf_counter(), time.process_time()
        self._before = (0.0, 0.0)

    def go_on_from(self, seconds: float, cpu_seconds: float) -> None:
        self._before = (seconds, cpu_seconds)

    def read(self) -> tuple[float, float]:
        return (
            self._before[0] + time.perf_counter() - self._start,
            self._before[1] + time.process_time() - self._cpu_start,
        )


def train(
    config: TrainConfig,
    split: Split,
    validation: Split | None,
    budget: Budget,
    on_epoch: Callable[[EpochResult], None] = lambda result: None,
    checkpoints: Checkpoints | None = None,
) -> tuple[keras.Model, TrainResult]:
    """Train to the end of the budget, calling `on_epoch` after each epoch. Returns the model and its record.

    With `checkpoints`, goes on from the newest usable state, and saves one after each epoch but the last, once
    `on_epoch` has returned. The record is of all epochs; `on_epoch` is called for those trained here, so an epoch
    that another process trained and could not save is reported again.
    """
    training = Training(config, split, budget)
    if checkpoints is not None:
        resume(training, checkpoints)
    for epoch in training.run(validation):
        on_epoch(epoch)
        if checkpoints is not None and epoch.epoch < budget.epochs:
            checkpoints.save(epoch.epoch, training.state())
    return training.model, TrainResult(
        seed=budget.seed,
        epochs=training.results,
        parameters=training.model.count_params(),
        seconds=training.seconds,
        cpu_seconds=training.cpu_seconds,
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


def _raw_name(index: int) -> str:
    return f"raw.{index}"


def _accuracy(config: TrainConfig) -> keras.metrics.Metric:
    """What Keras makes of "accuracy", but with its variables made here.

    Keras would make them in the first step, inside tf.function, which is traced twice for it: a trial of the
    documented network then takes 1.10 s of CPU before its second step, and 0.86 s so.
    """
    kind = keras.metrics.CategoricalAccuracy if config.label_smoothing else keras.metrics.SparseCategoricalAccuracy
    return kind(name="accuracy")


def _loss(config: TrainConfig) -> str | keras.losses.Loss:
    if not config.label_smoothing:
        return "sparse_categorical_crossentropy"
    return keras.losses.CategoricalCrossentropy(label_smoothing=config.label_smoothing)
