"""One run: what every stage works with, and what it has found so far, which becomes its records."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cluster.resources import ClusterSize
from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.task import FASHION_MNIST, Task
from reports.records import (
    AblationStep,
    Counts,
    DataRecord,
    FinalistScore,
    FinalRun,
    FrontPoint,
    SearchOutcome,
    SearchState,
    TrialRecord,
    now,
    pareto_front,
    points_of,
    save_record,
)
from search.command.process.interrupt import Interrupted, renew_time_limit
from search.command.settings import Settings
from search.command.terminal.progress import Progress
from search.run_folder.environment import environment
from search.run_folder.folder import RunFolder
from search.run_folder.sessions import Sessions, StageName
from search.stages.budget import Budget
from search.stages.cost import RunCost
from search.worker.assignment import Assignment, TrialPlan, trial_key
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import first_line


@dataclass(frozen=True, slots=True)
class Finalist:
    """A complete trial that is in the running for the best: its number, validation accuracy and configuration."""

    trial: int
    value: float
    config: TrainConfig


@dataclass(slots=True)
class Run:
    """A run in this session. The stages fill in what they find; it is the study's Observer.

    `stage` is the one under way. `is_open` says that the study has been opened, so that there is something to keep, and
    `end` then tells the study how this session ends.
    """

    settings: Settings
    folder: RunFolder
    progress: Progress
    sessions: Sessions
    is_resumed: bool
    task: Task = FASHION_MNIST
    stage: StageName = "search"
    trials: tuple[TrialRecord, ...] = ()
    lost: tuple[TrialRecord, ...] = ()
    warm_started: tuple[TrialRecord, ...] = ()
    scores: tuple[FinalistScore, ...] = ()
    ablation: tuple[AblationStep, ...] = ()
    finals: tuple[FinalRun, ...] = ()
    knee: tuple[FinalRun, ...] = ()
    equal_compute: tuple[FinalRun, ...] = ()
    waiting: int = 0
    is_open: bool = False
    end: Callable[[str], None] = lambda why: None
    store: CheckpointStore = field(init=False)
    plan: TrialPlan = field(init=False)
    cost: RunCost = field(init=False)
    budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.store = _checkpoints(settings, self.folder)
        self.cost = RunCost(settings)
        self.budget = Budget(settings, self.cost)
        self.plan = TrialPlan(settings.trials, settings.epochs, settings.seed, settings.trial_timeout)

    def outcome(self, data: DataRecord, size: ClusterSize, best: Finalist) -> SearchOutcome:
        """The records of a search that came to its end."""
        return SearchOutcome(
            study=self.settings.name,
            command=self.sessions.commands(),
            settings=self.settings.to_dict(),
            started=self.sessions.started(),
            ended=now(),
            data=data,
            environment=environment(size),
            times=self.sessions.times(),
            trials=self.trials,
            finalists=self.scores,
            best_trial=best.trial,
            best_config=best.config,
            reference_config=REFERENCE,
            finals=self.finals,
            lost=self.lost,
            warm_started=self.warm_started,
            ablation=self.ablation,
            equal_compute=self.equal_compute,
            front=self.front(),
            knee=self.knee,
        )

    def front(self) -> tuple[FrontPoint, ...]:
        """The Pareto front of the trials; none in a search for accuracy alone."""
        return pareto_front(points_of(self.trials, self.task)) if self.settings.has_cost() else ()

    def leave_state(self, error: BaseException) -> None:
        """Write the records of a search that `error` ended early, for the report so far and for --resume; where the
        disk is full, the study alone must do."""
        why = str(error) if isinstance(error, Interrupted) else first_line(error)
        if self.is_open:
            with suppress(OSError):
                self.sessions.write()
                save_record(self._state(why), self.folder.state_file())
        self.end(why)

    def _state(self, why: str) -> SearchState:
        return SearchState(
            study=self.settings.name,
            command=self.sessions.commands(),
            settings=self.settings.to_dict(),
            started=self.sessions.started(),
            saved=now(),
            ending=why,
            resume=self.settings.resume_command(),
            trials_planned=self.settings.trials,
            stage=self.stage,
            trials=self.trials,
            waiting=self.waiting,
            finalists=self.scores,
            task=self.task,
            warm_started=self.warm_started,
        )

    def count_trainings(self) -> Callable[[Assignment], None]:
        """A function that shows each training as it ends."""
        numbers = itertools.count(1)

        def count(assignment: Assignment) -> None:
            self.sessions.write()
            self.progress.trained(assignment, next(numbers))

        return count

    def changed(self, counts: Counts) -> None:
        """A trial of the study began, reported or ended: show it."""
        self.progress.changed(counts)

    def reported(self, number: int, epoch: int) -> None:
        """A running trial of the study has come so far: show it."""
        if not epoch:
            self.cost.began(number)
        self.progress.reported(number, epoch)

    def ended(self, record: TrialRecord) -> None:
        """A trial ended with a result: show it, and drop its checkpoints, which are needed no more."""
        self.progress.ended(record)
        self.store.remove(trial_key(record.lineage if record.lineage is not None else record.number))
        with suppress(OSError):  # a full disk: it is the study that says so
            self.sessions.write()
        self.cost.ended(record)
        if (limit := self.budget.limit()) is not None:
            renew_time_limit(limit)

    def starts_again(self, record: TrialRecord) -> None:
        """A trial ended without a result, and will be retried: show it."""
        self.cost.gone(record.number)
        self.progress.starts_again(record)


def _checkpoints(settings: Settings, folder: RunFolder) -> CheckpointStore:
    if settings.storage_path is None:
        return CheckpointStore(str(folder.path))
    root = settings.storage_path if "://" in settings.storage_path else str(Path(settings.storage_path).resolve())
    return CheckpointStore(root, f"{settings.name}/checkpoints")
