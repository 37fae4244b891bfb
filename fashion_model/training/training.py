"""One training, an epoch at a time: the same code for a trial, a finalist, the reference and the winner.

    training = Training(config, split, Budget(epochs=10, seed=3))
    for epoch in training.run(validation): ...

Between two epochs `training.state()` holds everything that the epochs to come depend on. A new Training that restores
it, in this process or another, ends with the same bits.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.model import build_model
from fashion_model.training.checkpoint import Snapshot
from fashion_model.training.data import TrainingData
from fashion_model.training.devices import Device, prepare_device
from fashion_model.training.epoch import Learner, program_of
from fashion_model.training.internals import forget_gradients
from fashion_model.training.result import EpochResult, TrainResult

_BATCH_TO_PREDICT: Final = 500

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A model on a split: mean cross-entropy (nats), accuracy (fraction), probabilities (n, classes) float32."""

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

    def __init__(self, config: TrainConfig, split: Split, budget: Budget, device: Device | None = None) -> None:
        if not len(split):
            raise ValueError("A training must have images to train on. Received: none. Give it some.")
        self._started, self._before = (time.perf_counter(), time.process_time()), (0.0, 0.0)
        self._config, self._split, self._budget = config, split, budget
        self._results: list[EpochResult] = []
        self._epochs_done = 0
        device = device or prepare_device()
        forget_gradients()
        keras.backend.clear_session(free_memory=False)  # names and seeds begin anew in a reused process
        keras.utils.set_random_seed(budget.seed)
        learner = Learner(config, split.task)
        self._values = learner.values()
        self._program = program_of(learner, device)
        self._data = TrainingData(split, config, (budget.epochs, budget.seed), device)

    @property
    def model(self) -> keras.Model:
        """The network as it is validated and saved: of Keras's own layers, with averaged weights where there are."""
        self._load_to_validate()
        keras.backend.clear_session(free_memory=False)
        model = build_model(self._config, self._split.task)
        for variable, trained in zip(model.variables, self._program.learner.model.variables, strict=True):
            variable.assign(tf.convert_to_tensor(trained))
        return model

    @property
    def result(self) -> TrainResult:
        """The epochs done and what they took, with those that a restored state holds."""
        return TrainResult(
            seed=self._budget.seed,
            epochs=tuple(self._results),
            parameters=int(self._program.learner.model.count_params()),
            seconds=self._before[0] + time.perf_counter() - self._started[0],
            cpu_seconds=self._before[1] + time.process_time() - self._started[1],
        )

    def run(self, validation: Split | None) -> Iterator[EpochResult]:
        """Train the epochs that remain, yielding each one's result; its validation fields need `validation`."""
        while len(self._results) < self._budget.epochs:
            self._results.append(self._run_epoch(len(self._results) + 1, validation))
            yield self._results[-1]

    def evaluate(self, split: Split) -> Evaluation:
        """The network on `split`."""
        self._load_to_validate()
        return evaluation(self._program.predict, split)

    def state(self) -> bytes:
        """Everything that the epochs to come depend on: variables, results, seconds."""
        done = self.result
        return Snapshot(
            identity=self._identity,
            results=done.epochs,
            seconds=done.seconds,
            cpu_seconds=done.cpu_seconds,
            arrays={name: np.asarray(value) for name, value in self._values.items()},
        ).to_bytes()

    def restore(self, state: bytes) -> None:
        """Go on from what `state` returned in another Training of the same configuration, images and budget.

        Raises:
            CheckpointError: when the bytes are damaged or of another training. This one is then as before.
        """
        snapshot = Snapshot.from_bytes(state)
        snapshot.require_identity(self._identity)
        snapshot.require_layout({name: (tuple(v.shape), v.dtype.name) for name, v in self._values.items()})
        # every check is above this line: a failure below would leave the training half restored
        self._values = {name: tf.convert_to_tensor(snapshot.arrays[name]) for name in self._values}
        self._results, self._epochs_done = list(snapshot.results), len(snapshot.results)
        self._before = (snapshot.seconds, snapshot.cpu_seconds)

    def _load_to_validate(self) -> None:
        """The averages in the place of the weights, once there are some."""
        self._program.load(self._values, averaged=self._epochs_done > 0)

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
        start, compiled = time.perf_counter(), self._program.compile_seconds
        self._program.load(self._values)
        loss, accuracy = self._program.train(self._data.epoch(number))
        self._values, self._epochs_done = self._program.values(), number
        trained = time.perf_counter()
        held_out = self.evaluate(validation) if validation is not None else None
        return EpochResult(
            epoch=number,
            train_loss=loss,
            train_accuracy=accuracy,
            validation_loss=held_out.loss if held_out else None,
            validation_accuracy=held_out.accuracy if held_out else None,
            train_seconds=trained - start,
            validation_seconds=time.perf_counter() - trained,
            compile_seconds=self._program.compile_seconds - compiled,
        )


def evaluation(predict: Callable[[Any], Any], split: Split) -> Evaluation:
    """What `predict` makes of `split`, in batches of one size: the last is filled up, which saves compiling for it."""
    size = min(_BATCH_TO_PREDICT, len(split))
    rows = np.minimum(np.arange(-(-len(split) // size) * size), len(split) - 1).reshape(-1, size)
    batches = [predict(tf.constant(split.images[batch])) for batch in rows]  # on a GPU, all are under way at once
    probabilities = np.concatenate([np.asarray(batch) for batch in batches])[: len(split)]
    of_truth = probabilities[np.arange(len(split)), split.labels]
    return Evaluation(
        loss=float(-np.log(np.maximum(of_truth, keras.config.epsilon())).mean()),
        accuracy=float((probabilities.argmax(axis=1) == split.labels).mean()),
        probabilities=probabilities,
    )
