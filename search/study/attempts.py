"""What the study stores of a trial besides Optuna's own columns, and the record that is made from it.

    config          the TrainConfig
    reference       True: this trial is the documented network
    origin          where else than from the sampler its configuration comes: "portfolio", "added" or "warm-started"
    draw            which draw of the sampler this is, where refused points make it differ from the trial's number
    lineage, attempt, retry_of, passed_epochs, faults
                    Attempt; only where the trial is a retry
    end             End: why it ended, the attempt that is to retry it, the work done
    reason, retried of a failed trial: the same as in its end, where a table can sort it
    refused         no trial and no result: a row that was written twice, or (in old studies) a point that was refused

A retry is a trial of its own. The first trial of a lineage gives the others their seed and their checkpoints. Only the
last trial of a lineage is a result. Studies of before have an Attempt as `line`, and a retry as `again` in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import TrainConfig
from reports.records import Measurement, Status, TrialRecord, Work, now
from search.worker.faults import RETRIES, Fault, may_retry

CONFIG: Final = "config"
REFERENCE: Final = "reference"
ORIGIN: Final = "origin"
WARM_STARTED: Final = "warm-started"
DRAW: Final = "draw"
END: Final = "end"
REASON: Final = "reason"
RETRIED: Final = "retried"
REFUSED: Final = "refused"
FIXED: Final = "terms"  # of the study: its fixed settings (search/study/open_study.py)
_LINE: Final = "line"
_LINE_NAMES: Final[Mapping[str, str]] = {"first": "lineage", "follows": "retry_of", "passed": "passed_epochs"}

_STATUS: Final[Mapping[TrialState, Status]] = {
    TrialState.COMPLETE: "COMPLETE",
    TrialState.PRUNED: "PRUNED",
    TrialState.FAIL: "FAIL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Which attempt of its lineage a trial is.

    `lineage` is the number of the first trial of it, `attempt` counts from 1, `retry_of` is the trial that this one
    retries, `passed_epochs` are the most epochs that an earlier attempt reported, and `faults` says how often the
    lineage has met each cause.
    """

    lineage: int
    attempt: int = 1
    retry_of: int | None = None
    passed_epochs: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, trial: FrozenTrial) -> Attempt:
        """The attempt that is stored with a trial; a first one where none is."""
        if _LINE in trial.user_attrs:
            return cls.read(trial.user_attrs[_LINE])
        return cls.read({"lineage": trial.number} | trial.user_attrs)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Attempt:
        """The attempt among stored attributes, in today's names or in those of a line."""
        known = {_LINE_NAMES.get(name, name): value for name, value in stored.items()}
        return cls(**{each.name: known[each.name] for each in fields(cls) if each.name in known})


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a trial ended, and when (ISO-8601 UTC). `retry` is the attempt that is to retry it, None if there is none.
    `cost` is in multiply-adds an image, None unless a complete trial is judged by it, too."""

    state: TrialState
    reason: str = ""
    retry: Attempt | None = None
    work: Work = field(default_factory=Work)
    ended: str = ""
    cost: int | None = None

    @classmethod
    def of(cls, trial: FrozenTrial) -> End:
        """The end that is stored with a trial. Where no state is stored (as in old studies), the trial's own."""
        return cls.read(
            {"state": trial.state.name, "ended": _utc(trial.datetime_complete)} | trial.user_attrs.get(END, {})
        )

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> End:
        """The end that `stored` gave to JSON."""
        retry = stored.get("retry") or stored.get("again")
        return cls(
            state=TrialState[stored["state"]],
            reason=stored.get("reason", ""),
            retry=Attempt.read(retry) if retry else None,
            work=Work.of(stored.get("work", {})),
            ended=stored.get("ended", ""),
            cost=stored.get("cost"),
        )

    @classmethod
    def by(cls, fault: Fault, trial: FrozenTrial, work: Work) -> End:
        """The end that `fault` makes of a running trial."""
        before, retry, last = Attempt.of(trial), None, ""
        times = before.faults.get(fault.cause.name, 0) + 1
        if may_retry(fault.cause, times):
            retry = Attempt(
                lineage=before.lineage,
                attempt=before.attempt + 1,
                retry_of=trial.number,
                passed_epochs=max(before.passed_epochs, trial.last_step or 0),
                faults={**before.faults, fault.cause.name: times},
            )
        elif RETRIES[fault.cause]:
            last = f" (attempt {before.attempt}, the last)"
        return cls(state=TrialState.FAIL, reason=f"{fault}{last}", retry=retry, work=work, ended=now())

    def objectives(self, accuracy: float) -> list[float]:
        """Optuna's values of a trial that ended so with this accuracy."""
        return [accuracy] if self.cost is None else [accuracy, self.cost]

    def stored(self) -> dict[str, Any]:
        """As JSON takes it, and gives it back."""
        work = asdict(self.work) | {"gpus": list(self.work.gpus)}
        return asdict(self) | {"state": self.state.name, "work": work}

    def attributes(self) -> dict[str, Any]:
        """The attributes of a trial that ended so, the one that proves its end first."""
        of_failure = {REASON: self.reason, RETRIED: self.retry is not None} if self.state is TrialState.FAIL else {}
        return {END: self.stored()} | of_failure


def is_half_written(trial: FrozenTrial) -> bool:
    """Whether a driver died after it wrote the end of a trial and before it set the state."""
    return trial.state is TrialState.RUNNING and "state" in trial.user_attrs.get(END, {})


def is_result(trial: FrozenTrial) -> bool:
    """Whether an ended trial counts: it is a trial of this study, and is not retried."""
    is_own = REFUSED not in trial.user_attrs and not is_warm_started(trial)
    return trial.state in _STATUS and is_own and End.of(trial).retry is None


def is_warm_started(trial: FrozenTrial) -> bool:
    """Whether it is a trial of an earlier run, from which this study learns."""
    return trial.user_attrs.get(ORIGIN) == WARM_STARTED


def is_lost(trial: FrozenTrial) -> bool:
    """Whether it ended as an attempt that is or was retried."""
    return trial.state is TrialState.FAIL and End.of(trial).retry is not None


def to_retry(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that are to be retried and have not been, by number."""
    retried = {Attempt.of(trial).retry_of for trial in trials}
    return [trial for trial in trials if is_lost(trial) and trial.number not in retried]


def record_of(trial: FrozenTrial) -> TrialRecord:
    """The record of an ended trial."""
    end, attempt, config = End.of(trial), Attempt.of(trial), trial.user_attrs.get(CONFIG)
    return TrialRecord(
        number=trial.number,
        status=_STATUS[trial.state],
        reason=end.reason,
        config=TrainConfig.from_dict(config) if config is not None else None,
        # Optuna gives a pruned trial the value of its last epoch, which is no full-length result
        value=trial.values[0] if trial.state is TrialState.COMPLETE else None,
        measurements=tuple(Measurement(*each) for each in sorted(trial.intermediate_values.items())),
        is_reference=REFERENCE in trial.user_attrs,
        ended=end.ended,
        work=replace(end.work, started=end.work.started or _utc(trial.datetime_start)),
        attempts=attempt.attempt,
        lineage=attempt.lineage if attempt.retry_of is not None else None,
        origin="reference" if REFERENCE in trial.user_attrs else trial.user_attrs.get(ORIGIN, "sampler"),
    )


def _utc(moment: datetime | None) -> str:
    """Optuna stores local time without a zone."""
    return "" if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
