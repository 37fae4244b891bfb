"""A training to its end, and any model on a split, in one call each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf

from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training.epoch import predicted
from fashion_model.training.result import EpochResult, TrainResult
from fashion_model.training.training import Budget, Evaluation, Training, evaluation


def train(
    config: TrainConfig,
    split: Split,
    validation: Split | None,
    budget: Budget,
    on_epoch: Callable[[EpochResult], None] = lambda result: None,
) -> tuple[keras.Model, TrainResult]:
    """The model and its record. `on_epoch` is called after each epoch."""
    training = Training(config, split, budget)
    for epoch in training.run(validation):
        on_epoch(epoch)
    return training.model, training.result


def evaluate(model: keras.Model, split: Split) -> Evaluation:
    """Loss, accuracy and the probabilities of each image, in the split's order."""
    return evaluation(tf.function(partial(predicted, model), autograph=False), split)
