"""What all are given: the images, the epochs, the space and its first point. And the line that tells of a trial."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

import optuna

from benchmarks.jobs import Job
from fashion_model.config import TrainConfig
from fashion_model.data import TrainingSplits, find_source, load_training
from search.seeds import Stream, derive
from search.space import reference_parameters, suggest

_LEFT_OUT: Final = {"augmentation": "none", "label_smoothing": 0.0, "use_ema": False}


@dataclass(frozen=True, slots=True)
class Task(Job):
    """Search with this seed; of `images` images one in six is validated on."""

    seed: int = 0

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Task:
        """From a command line: SEED IMAGES EPOCHS."""
        seed, images, epochs = map(int, arguments)
        return cls("search", configs=0, epochs=epochs, images=images, seed=seed)

    def arguments(self) -> list[str]:
        """What `of` takes."""
        return [str(self.seed), str(self.images), str(self.epochs)]

    def splits(self) -> TrainingSplits:
        """The very images that `python -m search.run --seed … --train-size …` trains and validates on."""
        return load_training(find_source(), seed=derive(self.seed, Stream.SPLIT, 0), size=self.images)


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial that has had all its epochs: when it ended, in seconds of the epoch, and its validation accuracy."""

    ended: float
    accuracy: float


class _Plain:
    """A trial of Optuna that is not asked for what plain `fit` cannot train."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial

    def __getattr__(self, method: str) -> Any:
        ask = getattr(self._trial, method)
        return lambda name, *rest, **options: _LEFT_OUT[name] if name in _LEFT_OUT else ask(name, *rest, **options)


def suggest_plain(trial: Any) -> TrainConfig:
    """Draw one point that plain `fit` can train.

    Raises:
        RefusedPoint: when it costs more than a trial may.
    """
    return suggest(cast(optuna.Trial, _Plain(trial)))


def first_point() -> dict[str, Any]:
    """The documented network as parameters of that space."""
    return {name: value for name, value in reference_parameters().items() if name not in _LEFT_OUT}


def tell(accuracy: float) -> None:
    """Print the line of a trial that has just had its last epoch: in one write, since several processes may."""
    print(json.dumps(asdict(Ended(time.time(), accuracy))) + "\n", end="", flush=True)


def read(output: str) -> tuple[Ended, ...]:
    """The lines in a standard output, among whatever else there is; the last may have been torn by the end."""
    lines = (line for line in output.splitlines() if line.startswith('{"ended"') and line.endswith("}"))
    return tuple(Ended(**json.loads(line)) for line in lines)
