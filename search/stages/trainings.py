"""The trainings outside the study, each kept on disk as soon as it ends, so that none is ever made twice.

trainings/<key>.json, <key>.npz     what a training learned, under the hash of what it was asked for
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np

from fashion_model.result import TrainResult
from search.faults import Fault
from search.places.place import Place
from search.record_file import RecordError, load_record, save_record, write_beside_then_move
from search.trials.assignment import Work
from search.trials.checkpoints import CheckpointStore
from search.trials.job import Job, JobData, JobResult

_SCHEMA: Final = 1

Ended = dict[Job, JobResult | Fault]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The numbers of a training; its arrays lie beside them, `arrays_sha256` being the hash of that file."""

    train: TrainResult
    loss: float
    accuracy: float
    predict_seconds: float
    arrays_sha256: str
    work: Work = field(default_factory=Work)
    schema: int = _SCHEMA


@dataclass(frozen=True, slots=True)
class Trainings:
    """The trainings of a run: those in `folder`, and a place for the others, asked for only if there are any."""

    folder: Path
    place: Callable[[], Place]
    store: CheckpointStore

    def run(
        self, jobs: Sequence[Job], data: Callable[[], JobData], on_done: Callable[[Job], None]
    ) -> list[JobResult | Fault]:
        """Do the jobs that are not done yet. Results in the order of the jobs; `on_done` is called for each.

        A fault is not kept: resuming tries that training again.

        Raises:
            SearchBroken: when the place cannot do a job.
            OSError: when a result cannot be written.
        """
        ended: Ended = {}

        def keep(job: Job, result: JobResult | Fault) -> None:
            if isinstance(result, JobResult):
                self._save(job, result)
                self.store.remove(job.key())
            ended[job] = result
            on_done(job)

        for job in jobs:
            kept = self._load(job)
            if kept is not None:
                ended[job] = kept
                on_done(job)
        left = [job for job in jobs if job not in ended]
        if left:
            self.place().run_jobs(left, data(), keep)
        return [ended[job] for job in jobs]

    def _save(self, job: Job, result: JobResult) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, probabilities=result.probabilities, model=np.frombuffer(result.model, np.uint8))
        self.folder.mkdir(exist_ok=True)
        write_beside_then_move(self.folder / f"{job.key()}.npz", buffer.getvalue())
        digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
        kept = _Kept(
            train=result.train,
            loss=result.loss,
            accuracy=result.accuracy,
            predict_seconds=result.predict_seconds,
            arrays_sha256=digest,
            work=result.work,
        )
        save_record(kept, self.folder / f"{job.key()}.json")

    def _load(self, job: Job) -> JobResult | None:
        """What is kept of a job; None if it is not, or not whole: it is then made again."""
        try:
            kept = load_record(_Kept, self.folder / f"{job.key()}.json", _SCHEMA, "a training", "")
            content = (self.folder / f"{job.key()}.npz").read_bytes()
            if hashlib.sha256(content).hexdigest() != kept.arrays_sha256:
                return None
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                probabilities, model = arrays["probabilities"], arrays["model"].tobytes()
        except (RecordError, OSError, ValueError, KeyError, BadZipFile):
            return None
        return JobResult(kept.train, kept.loss, kept.accuracy, probabilities, kept.predict_seconds, model, kept.work)
