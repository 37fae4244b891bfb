"""A trial of the study as it ended, the work that it took, and how many trials a study has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Self

from fashion_model.config import TrainConfig

Status = Literal["COMPLETE", "PRUNED", "FAIL"]
Origin = Literal["sampler", "reference", "portfolio", "added", "warm-started"]


def now(precision: str = "seconds") -> str:
    """This moment, ISO-8601 UTC, to the second or to another `timespec` of Python's."""
    return datetime.now(UTC).isoformat(timespec=precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Who ran a training, from when (ISO-8601 UTC) and for how long, in wall and CPU seconds.

    `worker` is host and process id, empty if no worker took the training. `node` is Ray's identifier of the machine and
    `gpus` are Ray's identifiers of the GPUs that the training had; both are empty without Ray. `note` says what else
    happened, such as a discarded checkpoint. Of `seconds`, `train_seconds` went into `trained_epochs`, and of those
    `compile_seconds` into making their program; the three are 0 where the records are older.
    """

    worker: str = ""
    started: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    note: str = ""
    node: str = ""
    gpus: tuple[str, ...] = ()
    trained_epochs: int = 0
    train_seconds: float = 0.0
    compile_seconds: float = 0.0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """The work that `asdict` made a dict of, perhaps through JSON, which has lists and no tuples."""
        return cls(**{**stored, "gpus": tuple(stored.get("gpus", ()))})


class Measurement(NamedTuple):
    """The validation accuracy (fraction) after an epoch (from 1)."""

    epoch: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial as it ended.

    `value` is the validation accuracy (fraction) after the last epoch of a COMPLETE trial, else None. `measurements`
    are in the order of their epochs. `reason` says why a trial is PRUNED or FAIL, and is empty for COMPLETE. `config`
    is None only for a trial that failed before a valid configuration existed. `work` is what its last attempt did,
    and `ended` when the study took its end (ISO-8601 UTC).

    `attempts` is how many times it was started: 1 unless a driver, worker or machine died under it, or the search was
    interrupted. `lineage` is the number of its first attempt, None if this is the first. A trial that is run again may
    have another number, the reference too: `is_reference` finds it. `origin` says where its configuration comes from:
    drawn by the sampler, the documented model, the portfolio of known good ones, added by the user, or a trial of an
    earlier run, which `work.note` names.
    """

    number: int
    status: Status
    reason: str
    config: TrainConfig | None
    value: float | None
    measurements: tuple[Measurement, ...]
    is_reference: bool
    ended: str
    work: Work = field(default_factory=Work)
    attempts: int = 1
    lineage: int | None = None
    origin: Origin = "sampler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many trials a study has. `best_value` is the best validation accuracy of a complete trial, `best_trial`."""

    complete: int = 0
    pruned: int = 0
    failed: int = 0
    running: int = 0
    epochs: int = 0
    best_value: float | None = None
    best_trial: int | None = None

    def ended(self) -> int:
        """Trials that count towards `--trials`."""
        return self.complete + self.pruned + self.failed

    def with_result(self, record: TrialRecord) -> Counts:
        """The counts with one more result."""
        ended = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}[record.status]
        counts = replace(self, **{ended: getattr(self, ended) + 1}, epochs=self.epochs + len(record.measurements))
        if record.value is None or (self.best_value is not None and record.value <= self.best_value):
            return counts
        return replace(counts, best_value=record.value, best_trial=record.number)
