"""The records of a search: its outcome, `outcome.json`, or as far as it has come, `state.json`.

FinalistScore   a finalist, scored again on fresh seeds
AblationStep    a point between reference and winner, and what it reaches
FinalRun        one retraining, scored on the test set
SearchOutcome   all of it, with what is needed to judge and repeat it
SearchState     what there is of a search that has not ended
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fashion_model.config import TrainConfig
from fashion_model.task import FASHION_MNIST, Task
from fashion_model.training.result import TrainResult
from reports.records.front import FrontPoint
from reports.records.predictions import ModelName
from reports.records.trial import TrialRecord, Work

SCHEMA: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistScore:
    """A finalist trained again on fresh seeds: accuracies (fractions) on the validation images, one a seed.

    The finalists race: whoever falls behind has fewer seeds than the others.
    """

    trial: int
    search_value: float
    seeds: tuple[int, ...]
    fresh_values: tuple[float, ...]
    seconds: float
    cpu_seconds: float

    def mean(self) -> float:
        """Mean fresh validation accuracy."""
        return sum(self.fresh_values) / len(self.fresh_values)


def best_finalist(scores: Sequence[FinalistScore]) -> FinalistScore:
    """Among those longest in the race the one of the highest mean; of two equal ones the better in the search."""
    return max(scores, key=lambda score: (len(score.fresh_values), score.mean(), score.search_value))


def seed_spread(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """The standard deviation from seed to seed, taken to be that of all groups, and its degrees of freedom.

    Each group has the accuracies of one configuration. One of 0 is of a training that failed, and says nothing of it.
    """
    trained = [[value for value in group if value] for group in groups]
    freedom = sum(max(0, len(group) - 1) for group in trained)
    squares = sum((value - sum(group) / len(group)) ** 2 for group in trained for value in group)
    return math.sqrt(squares / max(1, freedom)), freedom


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationStep:
    """A point on the way from the reference to the winner: the configuration after a step, the first one before any.

    `values` are its accuracies (fractions) on the validation images, one a seed, without those of trainings that
    failed. `trainings` were made for them and took `cpu_seconds`; the other values are the search's and the finalists'.
    """

    config: TrainConfig
    values: tuple[float, ...]
    trainings: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalRun:
    """One retraining on all training images. `test_loss` in nats an image, `test_accuracy` a fraction.

    `predict_seconds` is the wall time to predict the test images; `model_file` is relative to the run folder
    and `model_sha256` the hash of its bytes. `takes_pixels` says that it divides images by 255 itself; in older runs
    it does not. `work` is empty in older runs.
    """

    model: ModelName
    train: TrainResult
    test_loss: float
    test_accuracy: float
    predict_seconds: float
    model_file: str
    model_sha256: str
    takes_pixels: bool = False
    work: Work = field(default_factory=Work)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecord:
    """Which images were used. Hashes are SHA-256: of the four decompressed files by name, of the split's
    indices, and of the test labels. Counts are images. `task` says what the images show. `repeated_validation` and
    `repeated_test` count the images there that equal one that is trained on; None in older runs."""

    source: str
    file_sha256: Mapping[str, str]
    split_sha256: str
    test_sha256: str
    train_count: int
    validation_count: int
    test_count: int
    task: Task = FASHION_MNIST
    repeated_validation: int | None = None
    repeated_test: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where it ran. `versions` by package name; `gpus` is how many the cluster had, of which model where known.

    `commit` is the project's, with a + where files differed from it, and `lock_sha256` the hash of requirements.lock;
    both are empty where it was not run from a repository, and in older runs.
    """

    versions: Mapping[str, str]
    python: str
    system: str
    processor: str
    cpus: float
    gpus: float
    gpu_model: str
    nodes: int
    commit: str = ""
    lock_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """Wall seconds of each stage, measured by the driver."""

    data_seconds: float
    search_seconds: float
    finalists_seconds: float
    retrain_seconds: float
    ablation_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """A search to its end.

    `settings` are the resolved command-line settings by name; `best_trial` is the number of the trial that
    the finalists' scores chose (the reference's own, if nothing beat it). `finals` holds the
    reference's runs and the best's, on the same seeds in the same order. `lost` holds the attempts that ended without a
    result and were repeated if the search went on, each FAIL with its reason; empty in older runs. The work of a lost
    attempt is what it had done at its last report; it is empty if the attempt had not reported, or if the driver died.

    `ablation` leads from the reference to the best, both included; empty where nothing was ablated. `equal_compute`
    holds the reference's runs of so many epochs that they cost as much as the best's; empty where the best costs no
    more. `warm_started` holds complete trials of earlier runs, which sampler and pruner learned from and which are no
    results of this search, in the order of their numbers in its study.

    `front` is the Pareto front of a search for accuracy and low cost, the cheapest first, and `knee` holds the runs of
    its knee on the seeds of `finals`. It is empty where the front has no knee, where that is the reference or the best,
    and where a time budget was short.
    """

    study: str
    command: str
    settings: Mapping[str, Any]
    started: str
    ended: str
    data: DataRecord
    environment: Environment
    times: StageTimes
    trials: tuple[TrialRecord, ...]
    finalists: tuple[FinalistScore, ...]
    best_trial: int
    best_config: TrainConfig
    reference_config: TrainConfig
    finals: tuple[FinalRun, ...]
    lost: tuple[TrialRecord, ...] = ()
    ablation: tuple[AblationStep, ...] = ()
    equal_compute: tuple[FinalRun, ...] = ()
    warm_started: tuple[TrialRecord, ...] = ()
    front: tuple[FrontPoint, ...] = ()
    knee: tuple[FinalRun, ...] = ()
    schema: int = SCHEMA

    def runs(self, model: ModelName) -> tuple[FinalRun, ...]:
        """The final runs of one model, in the order of their seeds."""
        return tuple(run for run in self.finals if run.model == model)

    def trials_and_lost(self) -> tuple[TrialRecord, ...]:
        """The trials, and the attempts that were lost."""
        return self.trials + self.lost

    def is_reference_best(self) -> bool:
        """Whether nothing beat the reference. Then it is not retrained twice: its runs are in `finals` twice."""
        return self.best_config == self.reference_config

    def retrainings(self) -> tuple[FinalRun, ...]:
        """The final runs, each once."""
        return (self.runs("reference") if self.is_reference_best() else self.finals) + self.knee + self.equal_compute


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchState:
    """A search that has not ended.

    `ending` says why it stopped and completes "the search was …", such as "interrupted by Ctrl-C", or is a clause of
    its own, such as "the database could not be written". `resume` is the command that goes on. `stage` is where it
    stopped: "search", "finalists", "ablation" or "retrain". `waiting` counts trials that were under way and will be run
    again; `finalists` are those scored so far. `started` and `saved` are ISO-8601 UTC. `task` says what the images
    show, and `warm_started` is as in SearchOutcome.
    """

    study: str
    command: str
    settings: Mapping[str, Any]
    started: str
    saved: str
    ending: str
    resume: str
    trials_planned: int
    stage: str
    trials: tuple[TrialRecord, ...]
    waiting: int
    finalists: tuple[FinalistScore, ...] = ()
    task: Task = FASHION_MNIST
    warm_started: tuple[TrialRecord, ...] = ()
    schema: int = SCHEMA
