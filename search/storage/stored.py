"""What the study stores of a trial beside Optuna's own columns, and the way back to a record.

    reference   this trial is the documented network
    refused     in studies of before: the rule of the space that this point breaks, no trial
    config      the TrainConfig
    line        Line: which trial this one starts again, and the first of them
    end         End: why it ended, whether it is to be started again, the work done

A trial that is started again is a new trial of the study. The first of such a line gives it its lineage, and with it
its seed and its checkpoints. Only the last of a line is a result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import TrainConfig
from search.faults import RETRIES, Fault, may_retry
from search.records import Status, TrialRecord
from search.trials.assignment import Work

REFERENCE: Final = "reference"
REFUSED: Final = "refused"
CONFIG: Final = "config"
LINE: Final = "line"
END: Final = "end"

_STATUS: Final[Mapping[TrialState, Status]] = {
    TrialState.COMPLETE: "COMPLETE",
    TrialState.PRUNED: "PRUNED",
    TrialState.FAIL: "FAIL",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where a trial stands in its line: the trial it starts again, the first of them, which attempt it is (from 1),
    how many epochs the attempts before it had reported, and how often the line has met each cause."""

    follows: int | None = None
    first: int
    attempt: int = 1
    passed: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, trial: FrozenTrial | optuna.Trial) -> Line:
        """The line that is stored with a trial; a new one where none is."""
        return cls(**trial.user_attrs.get(LINE, {"first": trial.number}))

    def after(self, number: int, fault: Fault, epochs: int) -> Line:
        """The line of the trial that starts trial `number` again, which `fault` ended after so many epochs."""
        return Line(
            follows=number,
            first=self.first,
            attempt=self.attempt + 1,
            passed=max(self.passed, epochs),
            faults=self.with_fault(fault),
        )

    def with_fault(self, fault: Fault) -> dict[str, int]:
        """The causes met so far, `fault` included."""
        return dict(self.faults) | {fault.cause.name: self.faults.get(fault.cause.name, 0) + 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a trial ended. `again` is the line of the trial that is to start it again, None if there is none."""

    reason: str = ""
    again: Line | None = None
    work: Work = field(default_factory=Work)

    @classmethod
    def of(cls, trial: FrozenTrial) -> End:
        """The end that is stored with a trial."""
        stored = trial.user_attrs.get(END, {})
        again, work = stored.get("again"), stored.get("work", {})
        return cls(reason=stored.get("reason", ""), again=Line(**again) if again else None, work=Work.of(work))

    @classmethod
    def by(cls, fault: Fault, number: int, line: Line, epochs: int, work: Work) -> End:
        """The end that `fault` makes of trial `number` after so many epochs."""
        if may_retry(fault.cause, line.with_fault(fault)[fault.cause.name]):
            return cls(reason=str(fault), again=line.after(number, fault, epochs), work=work)
        last = f" (attempt {line.attempt}, the last)" if RETRIES[fault.cause] else ""
        return cls(reason=f"{fault}{last}", work=work)

    def stored(self) -> dict[str, Any]:
        """As JSON takes it, and gives it back."""
        return asdict(self) | {"work": asdict(self.work) | {"gpus": list(self.work.gpus)}}


def is_result(trial: FrozenTrial) -> bool:
    """Whether an ended trial counts: it is no refused point, and no attempt that is or was made again."""
    return trial.state in _STATUS and REFUSED not in trial.user_attrs and End.of(trial).again is None


def is_lost(trial: FrozenTrial) -> bool:
    """Whether it ended as an attempt that is or was made again."""
    # a driver may have died after it wrote the end and before it told the state: that trial is under way
    return trial.state is TrialState.FAIL and End.of(trial).again is not None


def to_start_again(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that are to be started again and have not been, by number."""
    followed = {Line.of(trial).follows for trial in trials}
    return [trial for trial in trials if is_lost(trial) and trial.number not in followed]


def reopen(study: optuna.Study, trial: FrozenTrial) -> optuna.Trial:
    """A handle to write to a trial that another process began."""
    return optuna.Trial(study, trial._trial_id)


def record_of(trial: FrozenTrial) -> TrialRecord:
    """The record of an ended trial."""
    end, line, config = End.of(trial), Line.of(trial), trial.user_attrs.get(CONFIG)
    return TrialRecord(
        number=trial.number,
        status=_STATUS[trial.state],
        reason=end.reason,
        config=TrainConfig.from_dict(config) if config is not None else None,
        # Optuna gives a pruned trial the value of its last epoch, which is no full-length result
        value=trial.value if trial.state is TrialState.COMPLETE else None,
        intermediate=tuple(sorted(trial.intermediate_values.items())),
        is_reference=REFERENCE in trial.user_attrs,
        worker=end.work.worker,
        started=end.work.started or _utc(trial.datetime_start),
        ended=_utc(trial.datetime_complete),
        seconds=end.work.seconds,
        cpu_seconds=end.work.cpu_seconds,
        attempts=line.attempt,
        lineage=line.first if line.follows is not None else None,
        note=end.work.note,
        node=end.work.node,
        gpus=end.work.gpus,
    )


def _utc(moment: datetime | None) -> str:
    """Optuna stores local time without a zone."""
    return "" if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
