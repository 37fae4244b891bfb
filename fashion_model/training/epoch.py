"""One epoch, one program: all batches of an epoch in one compiled loop.

What a batch needs lies on the device: the images as uint8, the labels, and what the epoch shows: the order, how each
image is changed, the learning rate of each step. The loop gathers a batch, changes and scales it, and calls Keras's own
`train_step`. On a GPU it is compiled by XLA; on a CPU, where XLA would double an epoch's time, it is a plain TensorFlow
graph.

What trainings of one shape differ in are values, not parts of the program: initial weights, learning rates, dropout
rates, weight decay, the momentum of averages, label smoothing. They are variables beside those of the model and the
optimizer: a training loads its own, and takes them back after the epoch. So all trainings of one shape share a program.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fashion_model.config import TrainConfig
from fashion_model.model import Layers, build_model, build_optimizer
from fashion_model.task import Task
from fashion_model.training.augmentation import augment
from fashion_model.training.devices import Device, replicas

_KEPT_PROGRAMS: Final = 2  # zero and not zero; a retraining's reference and winner

Values = dict[str, tf.Tensor]

# zero and not zero are two programs
_VALUES: Final = ("conv_dropout", "dense_dropout", "weight_decay", "label_smoothing", "ema_momentum")


def same_program(config: TrainConfig) -> TrainConfig:
    """The one configuration that stands for all that share a program."""
    not_zero: dict[str, Any] = {name: 0.5 for name in _VALUES if getattr(config, name)}
    return replace(config, learning_rate=1.0, schedule="constant", warmup_fraction=0.0, **not_zero)


class Learner:
    """A network in training, its optimizer, and the values that are not part of the program. `variables` are all that a
    training changes or differs in.

    The initial weights come from Keras's global seed.
    """

    def __init__(self, config: TrainConfig, task: Task) -> None:
        self.config, self.task = config, task
        self._settings: list[tf.Variable] = []
        several = replicas.count > 1
        made: Layers = {
            "Dropout": lambda rate, dtype: _Dropout(self._setting(rate), dtype=dtype),
            "BatchNormalization": partial(keras.layers.BatchNormalization, synchronized=several),
        }
        with replicas.scope():
            self.model = build_model(config, task, made)
            self.smoothing = self._setting(config.label_smoothing)
            optimizer = build_optimizer(config)
            # a batch for several replicas may be filled up with images of weight 0, which must not count
            metrics = {"weighted_metrics" if several else "metrics": [_accuracy(config)]}
            loss = "categorical_crossentropy" if config.label_smoothing else "sparse_categorical_crossentropy"
            self.model.compile(optimizer, loss, jit_compile=False, **metrics)
            optimizer.build(self.model.trainable_variables)
            inner = getattr(optimizer, "inner_optimizer", optimizer)  # float16's scales the loss around another one
            if config.use_ema:
                inner.ema_momentum = self._setting(config.ema_momentum)
            if config.weight_decay:
                inner.weight_decay = self._setting(config.weight_decay)

    @property
    def variables(self) -> dict[str, Any]:
        """Every variable by its name."""
        groups = {
            "model": self.model.variables,
            "optimizer": self.model.optimizer.variables,
            "setting": self._settings,
        }
        return {f"{group}.{index}": each for group, every in groups.items() for index, each in enumerate(every)}

    def values(self) -> Values:
        """What the variables hold now."""
        return {name: tf.convert_to_tensor(variable) for name, variable in self.variables.items()}

    def _setting(self, value: float) -> tf.Variable:
        self._settings.append(tf.Variable(value, trainable=False, dtype=tf.float32))
        return self._settings[-1]


class _Dropout(keras.layers.Dropout):  # type: ignore[misc]
    """Keras's dropout with a rate that may change between two calls. What is saved has Keras's own in its place."""

    def __init__(self, rate: tf.Variable, **arguments: Any) -> None:
        super().__init__(0.5, **arguments)
        self._rate = [rate]

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        rate = tf.cast(self._rate[0], inputs.dtype)
        drawn = keras.random.uniform(tf.shape(inputs), dtype=inputs.dtype, seed=self.seed_generator)
        return tf.where(drawn >= rate, inputs / (1 - rate), tf.zeros_like(inputs))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one call trains on: the first `count` rows of `shown` (m, 1 + n). Each row is an image's place in `images`
    (uint8) and `labels` (uint8), which lie on the device, and what changes it (see augmentation.py). `rates` are the
    learning rates of the steps."""

    images: Any
    labels: Any
    shown: npt.NDArray[np.int32]
    rates: npt.NDArray[np.float32]
    count: int


class Program:
    """A learner's epoch and its predictions, compiled when they are first called. `compile_seconds` is the time that
    the epochs so far have spent in that."""

    def __init__(self, learner: Learner, device: Device) -> None:
        self.learner, self._xla, self._batch_size = learner, device.xla, learner.config.batch_size
        self._held: Values | None = None  # what the variables are known to hold
        self._compiled: set[object] = set()
        self.compile_seconds = 0.0
        # XLA needs batches of one size. To compile a step for the last, shorter one and to compile the prediction would
        # take seconds; without XLA each takes milliseconds.
        self._full_steps = tf.function(partial(self._loop, is_full=True), autograph=False, jit_compile=device.xla)
        self._steps = tf.function(partial(self._loop, is_full=False), autograph=False)
        self.predict = tf.function(partial(predicted, learner.model), autograph=False)

    def load(self, values: Values, *, averaged: bool = False) -> None:
        """Go on from these values. `averaged`: with the moving average in the place of weights that have one."""
        learner = self.learner
        with replicas.scope():
            if values is not self._held:
                for name, variable in learner.variables.items():
                    variable.assign(values[name])
            self._held = values
            if averaged and learner.config.use_ema:
                learner.model.optimizer.finalize_variable_values(learner.model.trainable_variables)
                self._held = None

    def values(self) -> Values:
        """What to load to go on from here."""
        self._held = self.learner.values()
        return self._held

    def train(self, parts: Iterable[Part]) -> tuple[float, float]:
        """An epoch: its mean loss and accuracy, over its batches as they came."""
        model, self._held = self.learner.model, None
        with replicas.scope():
            model.reset_metrics()
        for part in parts:
            steps = self._full_steps if self._xla and part.count % self._batch_size == 0 else self._steps
            loop = partial(steps, part.images, part.labels, part.shown, part.rates)
            self._compile(loop, (steps is self._steps, part.shown.shape))
            loop(np.int32(part.count))
        result = model.get_metrics_result()
        return float(result["loss"]), float(result["accuracy"])

    def _compile(self, loop: Callable[[np.int32], None], program: object) -> None:
        """Train no batch, which compiles a program that is new, and takes no time otherwise."""
        if program not in self._compiled:
            self._compiled.add(program)
            start = time.perf_counter()
            loop(np.int32(0))
            self.compile_seconds += time.perf_counter() - start

    def _loop(self, images: Any, labels: Any, shown: Any, rates: Any, count: Any, *, is_full: bool) -> None:
        """A step for each batch of the first `count` rows of `shown`."""
        most, learner, model = self._batch_size, self.learner, self.learner.model

        def step(start: Any) -> tuple[Any]:
            size = most if is_full else tf.minimum(most, count - start)
            rows = tf.slice(shown, [start, 0], [size, shown.shape[1]])
            batch = batch_of(learner.config, learner.task, learner.smoothing, images, labels, rows)
            model.optimizer.learning_rate.assign(rates[start // most])
            replicas.train(model.train_step, batch)
            return (start + most,)

        tf.while_loop(lambda start: start < count, step, (0,), parallel_iterations=1)


def batch_of(config: TrainConfig, task: Task, smoothing: Any, images: Any, labels: Any, shown: Any) -> tuple[Any, Any]:
    """The rows `shown` as a batch: images (b, height, width, channels) float32 in [0, 1]; labels (b,) uint8, or
    (b, classes) float32 where they are smoothed."""
    batch = tf.reshape(tf.gather(images, shown[:, 0]), (-1, *task.image_shape))
    batch = _scaled(augment(batch, config.augmentation, shown[:, 1:]))
    truth = tf.gather(labels, shown[:, 0])
    if config.label_smoothing:
        truth = tf.one_hot(truth, task.classes) * (1 - smoothing) + smoothing / task.classes
    return batch, truth


_programs: Final[dict[object, Program]] = {}


def program_of(learner: Learner, device: Device) -> Program:
    """The program for `learner`: one that this process has compiled, or a new one."""
    task = learner.task
    key = (same_program(learner.config), task.image_shape, task.classes, device.xla, replicas.count)
    program = _programs.pop(key, None)
    if program is None:
        while len(_programs) >= _KEPT_PROGRAMS:
            _programs.pop(next(iter(_programs)))
            gc.collect()  # a graph is held by cycles
        program = Program(learner, device)
    _programs[key] = program
    return program


def predicted(model: keras.Model, images: Any) -> Any:
    """Probabilities (b, classes) of a batch of images (b, …) uint8."""
    return model(tf.reshape(_scaled(images), (-1, *model.input_shape[1:])), training=False)


def _scaled(images: Any) -> Any:
    """Divided by 255, and rounded once: TensorFlow would move a division in float32 into the weights of the convolution
    that follows."""
    return tf.cast(tf.cast(images, tf.float64) / 255.0, tf.float32)


def _accuracy(config: TrainConfig) -> keras.metrics.Metric:
    """The metric that Keras makes of "accuracy", with its variables made here and not while the loop is traced."""
    kind = keras.metrics.CategoricalAccuracy if config.label_smoothing else keras.metrics.SparseCategoricalAccuracy
    return kind(name="accuracy")
