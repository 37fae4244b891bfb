"""A training learns, repeats itself bit for bit, and validates what it hands back; evaluating is plain arithmetic."""

import gc
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.published import find_source, local_source
from fashion_model.data.splits import Split, TrainingSplits, load_training
from fashion_model.model import build_model, build_optimizer, learning_rates
from fashion_model.task import FASHION_MNIST
from fashion_model.training.checkpoint import Snapshot
from fashion_model.training.data import TrainingData
from fashion_model.training.devices import Device
from fashion_model.training.epoch import Learner, batch_of
from fashion_model.training.result import EpochResult, TrainResult
from fashion_model.training.training import Budget, Training

from ...processes import python
from ...trainings import evaluate, train

BUDGET = Budget(epochs=4, seed=7)

Weights = list[npt.NDArray[Any]]

# The same training in a process of its own: argv is the data and the configuration as JSON
IN_A_FRESH_PROCESS = """
import hashlib, json, sys
import numpy as np
from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split
from fashion_model.training.training import Budget
from tests.trainings import train
data = np.load(sys.argv[1])
parts = [Split(data[f"arr_{first}"], data[f"arr_{first + 1}"]) for first in (0, 2)]
model, _ = train(TrainConfig.from_dict(json.loads(sys.argv[2])), *parts, Budget(epochs=4, seed=7))
print(hashlib.sha256(b"".join(weights.tobytes() for weights in model.get_weights())).hexdigest())
"""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A training, what `on_epoch` was called with, and the weights at the end."""

    model: keras.Model
    result: TrainResult
    reported: list[EpochResult]
    weights: Weights


@pytest.fixture(scope="module")
def busy_config(tiny_config: TrainConfig) -> TrainConfig:
    """Everything random is on: initial weights, shuffle, dropout and augmentation."""
    return replace(tiny_config, dense_dropout=0.1, augmentation="flip", batch_norm=True)


def run(config: TrainConfig, splits: TrainingSplits, budget: Budget) -> Trained:
    reported: list[EpochResult] = []
    model, result = train(config, splits.train, splits.validation, budget, reported.append)
    return Trained(model, result, reported, model.get_weights())


@pytest.fixture(scope="module")
def trained(busy_config: TrainConfig, tiny_splits: TrainingSplits) -> Trained:
    return run(busy_config, tiny_splits, BUDGET)


@pytest.fixture(scope="module")
def with_another_seed(trained: Trained, busy_config: TrainConfig, tiny_splits: TrainingSplits) -> Trained:
    return run(busy_config, tiny_splits, replace(BUDGET, seed=8))


@pytest.fixture(scope="module")
def again(with_another_seed: Trained, busy_config: TrainConfig, tiny_splits: TrainingSplits) -> Trained:
    """As `trained`, after another training in the same process, and with nothing held out."""
    model, result = train(busy_config, tiny_splits.train, None, BUDGET)
    return Trained(model, result, [], model.get_weights())


def history(result: TrainResult, part: str) -> list[tuple[Any, ...]]:
    """Each epoch's numbers without its times, of one `part`: train or validation."""
    names = [name for field in fields(EpochResult) if (name := field.name).startswith(part) and "seconds" not in name]
    return [tuple(getattr(epoch, name) for name in names) for epoch in result.epochs]


def equal(one: Weights, other: Weights) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def probabilities_by_hand(model: keras.Model, split: Split) -> npt.NDArray[np.float32]:
    images = split.images[..., np.newaxis].astype(np.float32) / 255
    return np.asarray(keras.ops.convert_to_numpy(model(images, training=False)))


def test_training_learns_what_chance_cannot(trained: Trained) -> None:
    last = trained.result.epochs[-1]
    assert last.validation_accuracy is not None
    assert last.validation_accuracy > 0.9  # 10 classes, each as often: chance gives 0.1
    assert last.train_accuracy > 0.7
    assert last.train_loss < trained.result.epochs[0].train_loss


def test_epochs_are_numbered_from_one_and_reported_one_by_one(trained: Trained) -> None:
    assert [epoch.epoch for epoch in trained.result.epochs] == [1, 2, 3, 4]
    assert trained.reported == list(trained.result.epochs)


def test_the_record_says_seed_parameters_and_times(trained: Trained) -> None:
    result = trained.result
    assert (result.seed, result.parameters) == (7, trained.model.count_params())
    in_epochs = sum(epoch.train_seconds + epoch.validation_seconds for epoch in result.epochs)
    assert 0 < in_epochs <= result.seconds
    assert result.cpu_seconds > 0


def test_the_last_validation_is_that_of_the_model_handed_back(trained: Trained, tiny_splits: TrainingSplits) -> None:
    again, last = evaluate(trained.model, tiny_splits.validation), trained.result.epochs[-1]
    assert (again.loss, again.accuracy) == (last.validation_loss, last.validation_accuracy)


def test_the_same_seed_repeats_every_bit_after_another_training_and_without_validation(
    trained: Trained, again: Trained, tiny_splits: TrainingSplits
) -> None:
    assert equal(trained.weights, again.weights)
    assert history(trained.result, "train") == history(again.result, "train")
    validated = evaluate(again.model, tiny_splits.validation)
    assert history(trained.result, "validation")[-1] == (validated.loss, validated.accuracy)


def test_a_training_holds_on_to_no_graph_of_those_before_it(tiny_config: TrainConfig, tiny_split: Split) -> None:
    """silu is the one activation whose gradient TensorFlow registers for ever, with all of its graph."""

    def graphs() -> int:
        train(replace(tiny_config, activation="silu"), tiny_split, None, Budget(epochs=1, seed=0))
        gc.collect()
        return sum(type(each).__name__ == "FuncGraph" for each in gc.get_objects())

    first = graphs()
    assert [graphs() for _ in range(2)] == [first] * 2


def test_another_seed_is_another_training(trained: Trained, with_another_seed: Trained) -> None:
    assert not equal(trained.weights, with_another_seed.weights)
    assert history(trained.result, "train")[0] != history(with_another_seed.result, "train")[0]


@pytest.mark.slow
def test_the_same_seed_repeats_every_bit_in_a_fresh_process(
    trained: Trained, busy_config: TrainConfig, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    arrays = [part for split in (tiny_splits.train, tiny_splits.validation) for part in (split.images, split.labels)]
    np.savez(tmp_path / "data.npz", *arrays)
    done = python("-c", IN_A_FRESH_PROCESS, tmp_path / "data.npz", json.dumps(busy_config.to_dict()))
    assert done.returncode == 0, done.stderr
    digest = hashlib.sha256(b"".join(weights.tobytes() for weights in trained.weights)).hexdigest()
    assert done.stdout == f"{digest}\n"


def test_an_earlier_model_still_predicts_the_same_after_another_training(
    trained: Trained, tiny_config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    before = evaluate(trained.model, tiny_splits.validation)
    Training(replace(tiny_config, base_filters=2), tiny_splits.train, BUDGET)  # clears Keras's global state
    after = evaluate(trained.model, tiny_splits.validation)
    assert np.array_equal(before.probabilities, after.probabilities)


def test_without_validation_its_fields_are_none(again: Trained) -> None:
    assert history(again.result, "validation") == [(None, None)] * 4


def test_the_documented_loss_metric_and_optimizer_are_compiled() -> None:
    compiled = Learner(REFERENCE, FASHION_MNIST).model.get_compile_config()
    assert compiled["loss"] == "sparse_categorical_crossentropy"
    (metric,) = compiled["metrics"]  # what Keras makes of "accuracy"; see _accuracy
    assert (metric["class_name"], metric["config"]["name"]) == ("SparseCategoricalAccuracy", "accuracy")
    assert compiled["optimizer"]["class_name"] == "Adam"


def test_the_schedule_spreads_over_all_epochs(tiny_config: TrainConfig, tiny_split: Split) -> None:
    config = replace(tiny_config, schedule="one_cycle")
    training = Training(config, tiny_split, Budget(epochs=2, seed=0))
    rates = learning_rates(config, 2 * 10)  # 200 images in batches of 20
    for number, _ in enumerate(training.run(None), start=1):
        iterations, rate, *_ = (
            value
            for name, value in Snapshot.from_bytes(training.state()).arrays.items()
            if name.startswith("optimizer")
        )
        assert (int(iterations), float(rate)) == (10 * number, rates[10 * number - 1])


def test_smoothed_labels_are_trained_on_and_plain_ones_validated_on(
    tiny_config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    smoothed = run(replace(tiny_config, label_smoothing=0.5, schedule="one_cycle"), tiny_splits, BUDGET)
    least = -(0.55 * np.log(0.55) + 9 * 0.05 * np.log(0.05))  # the entropy of half the truth, half an even spread
    last = smoothed.result.epochs[-1]
    assert last.train_loss > least
    assert last.validation_loss is not None
    assert last.validation_loss < least


def raw_weights_by_hand(config: TrainConfig, split: Split, budget: Budget) -> list[list[Weights]]:
    """The trainable weights after each batch of each epoch, one batch at a time, without any averaging."""
    keras.utils.set_random_seed(budget.seed)
    data = TrainingData(split, config, (budget.epochs, budget.seed), Device())
    model = build_model(config, FASHION_MNIST)
    model.compile(build_optimizer(config), "sparse_categorical_crossentropy")
    epochs: list[list[Weights]] = []
    for number in range(1, budget.epochs + 1):
        epochs.append([])
        (part,) = data.epoch(number)
        for start in range(0, len(split), config.batch_size):
            rows = part.shown[start : start + config.batch_size]
            model.train_on_batch(*batch_of(config, FASHION_MNIST, 0.0, part.images, part.labels, rows))
            epochs[-1].append(model.get_weights())
    return epochs


def average_by_hand(steps: Sequence[Weights], momentum: float) -> Weights:
    average = steps[0]
    for weights in steps[1:]:
        average = [momentum * old + (1 - momentum) * new for old, new in zip(average, weights, strict=True)]
    return average


@pytest.mark.slow
def test_the_average_is_validated_and_handed_back_while_training_goes_on_from_the_raw_weights(
    tiny_config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    plain, budget = replace(tiny_config, optimizer="sgd", momentum=0.5, learning_rate=0.05), Budget(epochs=3, seed=3)
    averaged = run(replace(plain, use_ema=True, ema_momentum=0.9), tiny_splits, budget)
    epochs, model = raw_weights_by_hand(plain, tiny_splits.train, budget), build_model(plain, FASHION_MNIST)
    for number, epoch in enumerate(averaged.result.epochs, start=1):
        steps = [weights for epoch_steps in epochs[:number] for weights in epoch_steps]
        model.set_weights(average_by_hand(steps, 0.9))
        assert epoch.validation_loss == pytest.approx(evaluate(model, tiny_splits.validation).loss, rel=1e-4)
        model.set_weights(steps[-1])
        assert epoch.validation_loss != pytest.approx(evaluate(model, tiny_splits.validation).loss, rel=1e-2)
    for ours, by_hand in zip(averaged.weights, average_by_hand(steps, 0.9), strict=True):
        assert np.allclose(ours, by_hand, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_with_averaging_and_decay(
    precision: Any, tiny_config: TrainConfig, tiny_splits: TrainingSplits
) -> None:
    config = replace(
        tiny_config, precision=precision, optimizer="adamw", weight_decay=0.01, use_ema=True, ema_momentum=0.8
    )
    last = run(config, tiny_splits, BUDGET).result.epochs[-1]
    assert last.validation_accuracy is not None
    assert last.validation_accuracy > 0.9


def test_evaluate_is_cross_entropy_and_argmax_agreement(tiny_config: TrainConfig) -> None:
    random = np.random.default_rng(0)
    count = 703  # two batches to predict on, the last one short
    labels = random.integers(0, 10, count, dtype=np.uint8)
    split = Split(random.integers(0, 256, (count, 28, 28), dtype=np.uint8), labels)
    keras.utils.set_random_seed(0)
    model = build_model(tiny_config, FASHION_MNIST)
    received, by_hand = evaluate(model, split), probabilities_by_hand(model, split)
    assert received.probabilities.dtype == np.float32
    assert np.allclose(received.probabilities, by_hand, atol=1e-5)  # row i is image i's
    truth = [float(row[label]) for row, label in zip(by_hand, labels, strict=True)]
    assert received.loss == pytest.approx(sum(-np.log(truth)) / count, rel=1e-5)
    assert (
        received.accuracy == sum(int(row.argmax()) == label for row, label in zip(by_hand, labels, strict=True)) / count
    )


def test_a_certain_error_costs_a_finite_loss(tiny_config: TrainConfig, tiny_split: Split) -> None:
    model = build_model(tiny_config, FASHION_MNIST)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * 0, np.where(np.arange(10) == 0, 1000, bias).astype(np.float32)])
    received = evaluate(model, tiny_split)
    assert received.accuracy == 0.1
    assert received.loss == pytest.approx(0.9 * -np.log(1e-7), rel=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(local_source(None) is None, reason="needs the real data set in Keras's cache or Debian's package")
def test_the_reference_learns_from_real_images() -> None:
    """From 1,000 of them, in two epochs."""
    splits = load_training(find_source(), seed=0, size=1200)
    _, result = train(REFERENCE, splits.train, None, Budget(epochs=2, seed=1))
    assert result.epochs[-1].train_accuracy > 0.6
