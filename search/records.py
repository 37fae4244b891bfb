"""The records that flow from the search to the report, and their JSON form, `outcome.json` or `state.json`.

    TrialRecord     one trial of the study, as it ended
    FinalistScore   a finalist, scored again on fresh seeds
    FinalRun        one retraining, scored on the test set
    SearchOutcome   all of it, with what is needed to judge and repeat it
    SearchState     what there is of a search that has not ended

The per-image arrays lie beside it in `predictions.npz` (`Predictions`). Nothing here imports Ray, Optuna or Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from fashion_model.config import TrainConfig
from fashion_model.result import TrainResult
from search.record_file import RecordError as RecordError
from search.record_file import load_record, save_record
from search.record_file import write_beside_then_move as write_beside_then_move

SCHEMA: Final = 1

Status = Literal["COMPLETE", "PRUNED", "FAIL"]
ModelName = Literal["reference", "best"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial as it ended.

    `value` is the validation accuracy (fraction) after the last epoch of a COMPLETE trial, else None.
    `intermediate` holds (epoch from 1, validation accuracy) pairs in order. `reason` says why a trial
    is PRUNED or FAIL, and is empty for COMPLETE. `worker` is host and process id, empty if none took it; `node` is
    Ray's identifier of its machine and `gpus` are those it had there, empty without Ray or without GPUs.
    Times are ISO-8601 UTC; `seconds` is the time on the worker, `cpu_seconds` its process's CPU time.
    `config` is None only for a trial that failed before a valid configuration existed.

    `attempts` is how many times it was started: 1 unless a driver, worker or machine died under it, or the search was
    interrupted. `note` says what happened on the way, such as a discarded checkpoint. `lineage` is the number of its
    first attempt, None if this is the first. A trial that is run again may have another number, the reference too:
    `is_reference` finds it.
    """

    number: int
    status: Status
    reason: str
    config: TrainConfig | None
    value: float | None
    intermediate: tuple[tuple[int, float], ...]
    is_reference: bool
    worker: str
    started: str
    ended: str
    seconds: float
    cpu_seconds: float
    attempts: int = 1
    note: str = ""
    lineage: int | None = None
    node: str = ""
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalistScore:
    """A finalist trained again on fresh seeds: accuracies (fractions) on the validation images."""

    trial: int
    search_value: float
    seeds: tuple[int, ...]
    fresh_values: tuple[float, ...]
    seconds: float
    cpu_seconds: float

    def mean(self) -> float:
        """Mean fresh validation accuracy."""
        return sum(self.fresh_values) / len(self.fresh_values)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalRun:
    """One retraining on all training images. `test_loss` in nats an image, `test_accuracy` a fraction.

    `predict_seconds` is the wall time to predict the test images; `model_file` is relative to the run folder
    and `model_sha256` the hash of its bytes. Where and when it ran is told as of a trial; empty in older runs.
    """

    model: ModelName
    train: TrainResult
    test_loss: float
    test_accuracy: float
    predict_seconds: float
    model_file: str
    model_sha256: str
    worker: str = ""
    node: str = ""
    gpus: tuple[str, ...] = ()
    started: str = ""
    ended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRecord:
    """Which images were used. Hashes are SHA-256: of the four decompressed files by name, of the split's
    indices, and of the test labels. Counts are images."""

    source: str
    file_sha256: Mapping[str, str]
    split_sha256: str
    test_sha256: str
    train_count: int
    validation_count: int
    test_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where it ran. `versions` by package name; `gpus` is how many the cluster had, of which model where known."""

    versions: Mapping[str, str]
    python: str
    system: str
    processor: str
    cpus: float
    gpus: float
    gpu_model: str
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTimes:
    """Wall seconds of each stage, measured by the driver."""

    data_seconds: float
    search_seconds: float
    finalists_seconds: float
    retrain_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """A search to its end.

    `settings` are the resolved command-line settings by name; `best_trial` is the number of the trial that
    the finalists' scores chose (the reference's own, if nothing beat it). `finals` holds the
    reference's runs and the best's, on the same seeds in the same order. `lost` holds the attempts that ended without a
    result and were made again, each FAIL with its reason; empty in older runs. What is told of their work is what they
    had done at their last report: nothing of one that had not reported, or whose driver died.
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
    schema: int = SCHEMA

    def runs(self, model: ModelName) -> tuple[FinalRun, ...]:
        """The final runs of one model, in the order of their seeds."""
        return tuple(run for run in self.finals if run.model == model)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchState:
    """A search that has not ended, as it stands.

    `ending` says why it stopped and completes "the search was …", such as "interrupted by Ctrl-C", or is a clause of
    its own, such as "the database could not be written". `resume` is the command that goes on. `stage` is where it
    stopped: "search", "finalists" or "retrain". `waiting` counts trials that were under way and will be run again;
    `finalists` are those scored so far. `started` and `saved` are ISO-8601 UTC.
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
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """Per-image results on the test set, for n test images and k seeds.

    labels (n,) uint8; images (n, 28, 28) uint8; reference, best (k, n, 10) float32 class probabilities,
    run s on the s-th seed; grid_images (25, 28, 28) uint8 and grid_labels (25,) uint8: the first 25 training images.
    """

    labels: npt.NDArray[np.uint8]
    images: npt.NDArray[np.uint8]
    reference: npt.NDArray[np.float32]
    best: npt.NDArray[np.float32]
    grid_images: npt.NDArray[np.uint8]
    grid_labels: npt.NDArray[np.uint8]


def save_outcome(outcome: SearchOutcome, path: Path) -> None:
    """Write `outcome` as JSON, atomically."""
    save_record(outcome, path)


def load_outcome(path: Path) -> SearchOutcome:
    """Read what `save_outcome` wrote.

    Raises:
        RecordError: when the file is missing, is not JSON, or has another schema or other fields.
    """
    wanted = "the outcome of a finished search"
    return load_record(SearchOutcome, path, SCHEMA, wanted, "Run the search to its end first.")


def save_state(state: SearchState, path: Path) -> None:
    """Write `state` as JSON, atomically."""
    save_record(state, path)


def load_state(path: Path) -> SearchState:
    """Read what `save_state` wrote.

    Raises:
        RecordError: when the file is missing, is not JSON, or has another schema or other fields.
    """
    wanted = "the state of a search that has not ended"
    return load_record(SearchState, path, SCHEMA, wanted, "Name the folder of a search that was interrupted.")


def save_predictions(predictions: Predictions, path: Path) -> None:
    """Write the arrays compressed, atomically."""
    import io

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{field.name: getattr(predictions, field.name) for field in fields(predictions)})
    write_beside_then_move(path, buffer.getvalue())


def load_predictions(path: Path) -> Predictions:
    """Read what `save_predictions` wrote; never unpickles.

    Raises:
        RecordError: when the file is missing, damaged, or lacks an array.
    """
    import zipfile

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return Predictions(**{field.name: arrays[field.name] for field in fields(Predictions)})
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise RecordError(
            f"{path} must hold the predictions of a finished search. Received: {error}. The file is damaged."
        ) from error
