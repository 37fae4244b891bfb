"""What goes to a worker and what comes back: an Assignment in, Reports out.

A worker reads no database: nothing here imports Optuna, which would cost each worker 0.3 s of its start.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from fashion_model.config import TrainConfig
from search.worker.faults import Fault
from search.worker.seeds import Stream, derive

if TYPE_CHECKING:
    from reports.records import Work

ASSIGNMENT: Final = "assignment"  # its name in what Ray Tune calls the configuration of a trial
_REPORT: Final = "report"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the study asks to try: the number of the trial, the number of its first attempt, and the configuration."""

    number: int
    lineage: int
    config: TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One training, with all of its terms.

    `label` names it in the progress, `key` its checkpoints. With `validates` the images held out are validated on
    after each epoch; without, they are scored once at the end. `keep_model` asks for the trained model itself.
    `timeout_seconds` is how long an attempt may run, in wall seconds (None: without limit). `number` is that of the
    trial in the study, -1 for a training outside of it.
    """

    label: str
    key: str
    config: TrainConfig
    epochs: int
    seed: int
    validates: bool = False
    keep_model: bool = False
    timeout_seconds: float | None = None
    number: int = -1

    def overtime(self, seconds: float) -> str:
        """What is wrong when an attempt has run for `seconds` of wall time; empty while nothing is."""
        timeout = self.timeout_seconds
        return f"more than {timeout:g} s" if timeout is not None and seconds > timeout else ""


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """How many trials the study is to hold in the end, how many epochs a full one has, the seed that the trials' own
    seeds derive from, and for how many wall seconds an attempt may run (None: without limit)."""

    trials: int
    epochs: int
    seed: int
    timeout_seconds: float | None = None

    def assignment(self, candidate: Candidate) -> Assignment:
        """The training of a candidate. Every attempt at it has the seed and the checkpoints of the first."""
        return Assignment(
            label=f"trial {candidate.number}",
            key=trial_key(candidate.lineage),
            config=candidate.config,
            epochs=self.epochs,
            seed=derive(self.seed, Stream.TRIAL, candidate.lineage),
            validates=True,
            timeout_seconds=self.timeout_seconds,
            number=candidate.number,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a training says after an epoch (from 1), or at its failure.

    `value` is the validation accuracy (fraction), not a number where nothing is validated. `work` is all that the
    attempt has done so far. `is_last` says that the training has come to its end, `fault` what ended it early; `epoch`
    is then 0.
    """

    work: Work
    epoch: int = 0
    value: float = math.nan
    is_last: bool = False
    fault: Fault | None = None

    def to_result(self) -> dict[str, Any]:
        """As Ray Tune carries it from a worker: what it calls a result."""
        return {_REPORT: self, "done": self.is_last or self.fault is not None}

    @classmethod
    def from_result(cls, result: Mapping[str, Any] | None) -> Self | None:
        """The report in a result; None where the trial ended before its first."""
        return (result or {}).get(_REPORT)


def trial_key(lineage: int) -> str:
    """Where the checkpoints of a trial are kept, whichever attempt at it this is."""
    return f"trial-{lineage}"


def describe(config: TrainConfig) -> str:
    """A configuration in a few words, for a log line."""
    blocks = "-".join(str(filters) for filters in config.block_filters())
    return f"{blocks} {config.optimizer} {config.learning_rate:.2g} batch {config.batch_size} {config.augmentation}"
