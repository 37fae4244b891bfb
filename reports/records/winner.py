"""The winner of a search for whoever uses it: `best.json`, beside `models/best.keras`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fashion_model.config import TrainConfig
from fashion_model.task import Task

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Winner:
    """The best configuration, what it was measured at, and the model that is kept of it.

    Accuracies are fractions: `validation_accuracy` is the mean over fresh seeds, or the search's own where there is
    none; `test_accuracies` are of the retrainings in the order of `seeds`. `model_file`, relative to the run folder, is
    the retraining on the first seed, whatever its test accuracy: to pick the best of them would be to pick luck.
    `task` has the class names in the order of the model's outputs.
    """

    study: str
    trial: int
    config: TrainConfig
    validation_accuracy: float
    test_accuracy: float
    seeds: tuple[int, ...]
    test_accuracies: tuple[float, ...]
    model_file: str
    model_sha256: str
    task: Task
    schema: int = SCHEMA
