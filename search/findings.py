"""What a run has found so far, and the records it becomes: the outcome at the end, the state where it stops early."""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster.resources import ClusterSize
from fashion_model.config import REFERENCE
from search.environment import environment
from search.faults import first_line
from search.interrupt import Interrupted
from search.records import DataRecord, FinalistScore, FinalRun, SearchOutcome, SearchState, TrialRecord
from search.sessions import Sessions, Stage, utc_now
from search.settings import Settings
from search.stages.finalists import Finalist


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search found: every trial, the finalists' fresh scores, and the winner."""

    trials: tuple[TrialRecord, ...]
    scores: tuple[FinalistScore, ...]
    best: Finalist


@dataclass(slots=True)
class Findings:
    """What is known up to now; the stages fill it in."""

    settings: Settings
    sessions: Sessions
    stage: Stage = "search"
    trials: tuple[TrialRecord, ...] = ()
    lost: tuple[TrialRecord, ...] = ()
    scores: tuple[FinalistScore, ...] = field(default=())
    waiting: int = 0

    def outcome(
        self, data: DataRecord, size: ClusterSize, searched: Searched, runs: tuple[FinalRun, ...]
    ) -> SearchOutcome:
        """The records of a search that came to its end."""
        return SearchOutcome(
            study=self.settings.name,
            command=self.sessions.commands(),
            settings=self.settings.to_dict(),
            started=self.sessions.started(),
            ended=utc_now(),
            data=data,
            environment=environment(size),
            times=self.sessions.times(),
            trials=searched.trials,
            finalists=searched.scores,
            best_trial=searched.best.trial,
            best_config=searched.best.config,
            reference_config=REFERENCE,
            finals=runs,
            lost=self.lost,
        )

    def state(self, error: BaseException) -> SearchState:
        """The records of a search that `error` ended early."""
        why = str(error) if isinstance(error, Interrupted) else first_line(error)
        return SearchState(
            study=self.settings.name,
            command=self.sessions.commands(),
            settings=self.settings.to_dict(),
            started=self.sessions.started(),
            saved=utc_now(),
            ending=why,
            resume=self.settings.resume_command(),
            trials_planned=self.settings.trials,
            stage=self.stage,
            trials=self.trials,
            waiting=self.waiting,
            finalists=self.scores,
        )
