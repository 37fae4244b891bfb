"""Learning curves: full trainings of points of the search space, recorded for benchmarks/replay.py and the portfolio.

    python -m benchmarks.curves --curves 300 --worker 0 --workers 2 &
    python -m benchmarks.curves --curves 300 --worker 1 --workers 2

Each line of docs/performance/curves-IMAGES.jsonl is one: the fields in which its configuration differs from the
documented one, the validation accuracy after each epoch, and the CPU seconds of one core. Curves that are there are not
recorded again, so it may be stopped at any time. The images come from those that a search may see; the test images are
never opened.

The first curves are of configurations known to be good. Of the others, every third is a random point of the space; the
rest start from one of the best so far, with some of its parameters drawn anew, because that is where a search that
learns goes.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from optuna.trial import FixedTrial

from benchmarks.record import FOLDER
from fashion_model.config import TrainConfig
from fashion_model.data.published import find_source
from fashion_model.data.splits import TrainingSplits, load_training, split_by_index
from search.study.space import RefusedPoint, Space

EPOCHS: Final = 10
IMAGES: Final = 12_000
_VALIDATION: Final = 5_000
_BEST: Final = 8  # parents to start from
_ANEW: Final = 0.25  # of a parent's parameters

_NORMED: Final = {"padding": "same", "batch_norm": True, "optimizer": "adamw", "weight_decay": 1e-3, "batch_size": 64}
_FLIPPED: Final = {**_NORMED, "schedule": "one_cycle", "augmentation": "alternating_flip"}
_KNOWN: Final[Sequence[dict[str, Any]]] = (
    {},
    # the two that were measured at full length: docs/log.md
    {
        **_NORMED,
        "conv_blocks": 3,
        "conv_dropout": 0.1,
        "learning_rate": 3e-3,
        "schedule": "cosine",
        "augmentation": "flip",
    },
    {
        **_FLIPPED,
        "base_filters": 48,
        "conv_dropout": 0.15,
        "dense_dropout": 0.3,
        "learning_rate": 5e-3,
        "label_smoothing": 0.05,
    },
    {**_FLIPPED, "conv_blocks": 3, "convs_per_block": 2, "base_filters": 16, "residual": True, "learning_rate": 5e-3},
    {
        **_FLIPPED,
        "conv_blocks": 3,
        "convs_per_block": 2,
        "base_filters": 16,
        "learning_rate": 5e-3,
        "conv_dropout": 0.1,
    },
    {
        **_FLIPPED,
        **{"conv_blocks": 3, "convs_per_block": 2, "base_filters": 16, "head": "global_average", "dense_layers": 0},
        **{"dense_units": 0, "learning_rate": 5e-3, "activation": "silu"},
    },
    {
        **_FLIPPED,
        "conv_blocks": 3,
        "base_filters": 36,
        "learning_rate": 5e-3,
        "activation": "gelu",
        "conv_dropout": 0.1,
    },
    {
        **_FLIPPED,
        **{"conv_blocks": 3, "optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.1, "weight_decay": 5e-4},
        **{"conv_dropout": 0.1, "label_smoothing": 0.1},
    },
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One full training. `values` are validation accuracies (fractions), one an epoch; `kind` is how its configuration
    came about: known, random or child."""

    number: int
    kind: str
    config: TrainConfig
    values: tuple[float, ...]
    cpu_seconds: float

    def line(self) -> str:
        """As the file has it."""
        head = {"number": self.number, "kind": self.kind, "config": self.config.differences()}
        return json.dumps(head | {"values": self.values, "cpu_seconds": round(self.cpu_seconds, 1)}) + "\n"


def curves_file(images: int = IMAGES) -> Path:
    """Where the curves of so many images lie."""
    return FOLDER / f"curves-{images}.jsonl"


def read_curves(path: Path) -> tuple[Curve, ...]:
    """The curves of a file, by number; none where there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    curves = (
        Curve(
            **{
                **raw,
                "config": TrainConfig.from_dict(raw["config"]),
                "values": tuple(raw["values"]),
            }
        )
        for raw in map(json.loads, lines)
    )
    return tuple(sorted(curves, key=lambda curve: curve.number))


def point(number: int, space: Space, curves: Sequence[Curve]) -> tuple[str, TrainConfig]:
    """How the configuration of this number comes about, and the configuration."""
    if number < len(_KNOWN):
        return "known", TrainConfig(**_KNOWN[number])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=number))
    trial = study.ask()
    drawn = space.suggest(trial)
    if number % 3 == 0 or not curves:
        return "random", drawn
    chance = np.random.default_rng(number)
    parent = sorted(curves, key=lambda curve: -curve.values[-1])[:_BEST][int(chance.integers(min(_BEST, len(curves))))]
    kept = space.parameters_of(parent.config) or {}
    changed = {
        name: trial.params.get(name, value) if chance.random() < _ANEW else value for name, value in kept.items()
    }
    while True:  # a parameter that the parent has no value of comes from another random point
        try:
            return "child", space.suggest(FixedTrial(study.ask().params | trial.params | changed))
        except (RefusedPoint, ValueError):
            trial = study.ask()
            space.suggest(trial)


def record(number: int, splits: TrainingSplits, space: Space, file: Path) -> Curve:
    """Train the configuration of a number and add its curve to the file."""
    from fashion_model.training.training import Budget, Training

    kind, config = point(number, space, read_curves(file))
    training = Training(config, splits.train, Budget(EPOCHS, seed=number))
    values = tuple(float(epoch.validation_accuracy or 0.0) for epoch in training.run(splits.validation))
    curve = Curve(number, kind, config, values, training.result.cpu_seconds)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(curve.line())
    return curve


def images_for(count: int) -> TrainingSplits:
    """`count` of the images that a search trains on, and as many for each curve of those that it validates on."""
    splits = load_training(find_source(), seed=0)
    chosen = np.random.default_rng(0)
    train = chosen.permutation(len(splits.train))[:count]
    validation = chosen.permutation(len(splits.validation))[:_VALIDATION]
    both = splits.together()
    return split_by_index(both, np.sort(train), len(splits.train) + np.sort(validation))


def main() -> None:
    """Record the curves that are missing, those of one worker of several."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, default=300)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    from fashion_model.training.devices import use_threads

    os.nice(19)
    use_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    splits, space, file = images_for(given.images), Space(), curves_file(given.images)
    file.parent.mkdir(parents=True, exist_ok=True)
    for number in range(given.worker, given.curves, given.workers):
        if number not in {curve.number for curve in read_curves(file)}:
            started = time.monotonic()
            curve = record(number, splits, space, file)
            print(f"{number} {curve.kind} {curve.values[-1]:.4f} {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
