"""The trainings of finalists and finals, each kept on disk as soon as it ends, so that none is ever made twice.

trainings/<key>.json, <key>.npz     what a training learned, under the hash of what it was asked for
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from fashion_model.training.result import TrainResult
from reports.records import RecordError, Work, load_record, save_record, write_beside_then_move
from search.worker.training_run import FinishedTraining

_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The numbers of a training; `arrays_sha256` is the hash of the file with its arrays."""

    train: TrainResult
    loss: float
    accuracy: float
    predict_seconds: float
    arrays_sha256: str
    work: Work = field(default_factory=Work)
    schema: int = _SCHEMA


@dataclass(frozen=True, slots=True)
class KeptTrainings:
    """The finished trainings in `folder`, by their keys."""

    folder: Path

    def save(self, key: str, finished: FinishedTraining) -> None:
        """Keep a training. Raises OSError when it cannot be written."""
        buffer = io.BytesIO()
        np.savez(buffer, probabilities=finished.probabilities, model=np.frombuffer(finished.model, np.uint8))
        self.folder.mkdir(exist_ok=True)
        write_beside_then_move(self.folder / f"{key}.npz", buffer.getvalue())
        kept = _Kept(
            train=finished.train,
            loss=finished.loss,
            accuracy=finished.accuracy,
            predict_seconds=finished.predict_seconds,
            arrays_sha256=hashlib.sha256(buffer.getbuffer()).hexdigest(),
            work=finished.work,
        )
        save_record(kept, self.folder / f"{key}.json")

    def load(self, key: str) -> FinishedTraining | None:
        """The training with that key; None where it is not kept, or not whole: it is then made again."""
        try:
            kept = load_record(_Kept, self.folder / f"{key}.json", _SCHEMA, "a training", "")
            content = (self.folder / f"{key}.npz").read_bytes()
            if hashlib.sha256(content).hexdigest() != kept.arrays_sha256:
                return None
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                probabilities, model = arrays["probabilities"], arrays["model"].tobytes()
        except (RecordError, OSError, ValueError, KeyError, BadZipFile):
            return None
        return FinishedTraining(
            kept.train, kept.loss, kept.accuracy, probabilities, kept.predict_seconds, model, kept.work
        )
