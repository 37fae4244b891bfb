"""Ray Tune's three hooks, over the study: what to run next, when to stop it, what became of its worker.

They keep nothing but what is under way: all else is the study's, and Tune's own state is never read back
(`Tuner.restore` failed 3 of 3 times after an unclean end).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import ray
from ray import cloudpickle, tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.command.process.interrupt import is_pending
from search.places.ray.worker import WorkerIsFull
from search.study.study import SearchStudy
from search.worker.assignment import ASSIGNMENT, Assignment, Report, TrialPlan
from search.worker.faults import Cause, Fault, SearchBroken, StorageError, fault_of_worker

_TIMER_SLACK: Final = 0.9  # the worker's clock starts before the driver hears of it


@dataclass(slots=True)
class Attempt:
    """An attempt under way: what it trains, since when, on which machine, as far as is known, and what ended it."""

    assignment: Assignment
    started: float | None = None
    node: str = ""
    error: BaseException | None = None
    fault: Fault | None = None


@dataclass(slots=True)
class UnderWay:
    """The attempts that Tune runs, by Tune's names for them, and those that full workers have given back.

    `lost_nodes` holds when each machine that is gone was first missed.
    """

    attempts: dict[str, Attempt] = field(default_factory=dict)
    given_back: list[Assignment] = field(default_factory=list)
    unshared: StorageError | None = None
    lost_nodes: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lost_nodes = dict.fromkeys(_dead_nodes(), float("-inf"))

    def has_lost_machine(self, attempt: Attempt) -> bool:
        """Whether the machine of an attempt is gone: the one that it reported from, else any that was lost since."""
        for node in _dead_nodes():
            self.lost_nodes.setdefault(node, time.monotonic())
        if attempt.node:
            return attempt.node in self.lost_nodes
        return any(missed >= (attempt.started or 0.0) for missed in self.lost_nodes.values())


class _NotSaved:
    """Ray pickles what it is given, to restore what is never restored; a study would hold a password."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class StudySearcher(_NotSaved, Searcher):
    """Hands out the study's trials, as many at a time as there is `room` for, and records how each ended.

    `room` is given how many trials have not ended yet.
    """

    def __init__(self, study: SearchStudy, under_way: UnderWay, plan: TrialPlan, room: Callable[[int], int]) -> None:
        super().__init__()
        self._study, self._under_way, self._plan, self._room = study, under_way, plan, room

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Accept what TuneConfig says: the study already knows it."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """The next trial, as the worker expects it; None while those under way may be enough."""
        attempts, given_back = self._under_way.attempts, self._under_way.given_back
        unended = self._plan.trials - self._study.counts.ended()
        if unended <= 0:
            return Searcher.FINISHED
        if len(attempts) >= self._room(unended) or not (given_back or self._study.left(self._plan.trials) > 0):
            return None
        assignment = given_back.pop(0) if given_back else self._plan.assignment(self._study.ask())
        attempts[trial_id] = Attempt(assignment)
        return {ASSIGNMENT: assignment}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tune says that a trial ended: at its last epoch, stopped by the scheduler, failed, or with its worker."""
        attempt = self._under_way.attempts.pop(trial_id)
        number, report = attempt.assignment.number, Report.from_result(result)
        if isinstance(attempt.error, WorkerIsFull):
            self._under_way.given_back.append(attempt.assignment)
        elif error:
            self._study.fail(number, attempt.fault or Fault(Cause.WORKER_DIED))
        elif report is None:
            self._study.fail(number, Fault(Cause.NO_VALUE, "the trial ended without a report"))
        elif report.fault is not None:
            self._study.fail(number, report.fault, report.work)
        else:
            if report.is_last:  # Tune does not show the last result to the scheduler
                self._study.report(number, report.epoch, report.value)
            self._study.finish(number, report.work, pruned=not report.is_last)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: see _NotSaved."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see _NotSaved."""


class StudyScheduler(_NotSaved, FIFOScheduler):
    """Stops the trials that the study's pruner would stop, and keeps what ended a worker."""

    def __init__(self, study: SearchStudy, under_way: UnderWay) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._study, self._under_way = study, under_way

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record the epoch and ask the pruner."""
        report, attempt = Report.from_result(result), self._under_way.attempts[trial.trial_id]
        if report is None:
            return str(TrialScheduler.CONTINUE)
        attempt.node = report.work.node
        prune = self._study.report(attempt.assignment.number, report.epoch, report.value, report.work)
        return str(TrialScheduler.STOP if prune else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first that waits. Tune looks through all trials for it, at 5,000 of them 8% of the driver's time."""
        waiting = [trial for trial in tune_controller.get_live_trials() if trial.status == Trial.PENDING]
        return min(waiting, key=lambda trial: trial.config[ASSIGNMENT].number, default=None)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Called before the searcher hears of it."""
        attempt, error = self._under_way.attempts[trial.trial_id], _error_of(trial)
        attempt.error = getattr(error, "cause", None) or error
        if isinstance(attempt.error, StorageError):  # StudyWatch ends the search: none of its trials is to blame
            self._under_way.unshared, attempt.fault = attempt.error, Fault(Cause.INTERRUPTED)
            return
        seconds = 0.0 if attempt.started is None else time.monotonic() - attempt.started
        attempt.fault = fault_of_worker(
            error,
            machine_lost=self._under_way.has_lost_machine(attempt),
            overtime=attempt.assignment.overtime(seconds / _TIMER_SLACK),
        )


class Stopped(Exception):
    """A signal waits to be raised: Tune ends its workers after an Exception, and after nothing else."""


class StudyWatch(_NotSaved, tune.Callback):
    """Notes when each trial starts, and ends a search that is to stop or for which no worker can be had."""

    def __init__(self, under_way: UnderWay, patience_seconds: float) -> None:
        self._under_way, self._patience = under_way, patience_seconds
        self._idle_since: float | None = None

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """It has got its worker."""
        self._under_way.attempts[trial.trial_id].started = time.monotonic()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Called ten times a second.

        Raises:
            Stopped: when a signal has come.
            StorageError: when a machine does not reach the checkpoints.
            SearchBroken: when trials have waited too long, with not one running.
        """
        if is_pending():
            raise Stopped
        if self._under_way.unshared is not None:
            raise self._under_way.unshared
        attempts = self._under_way.attempts
        # the last of them begin last: as a rule this ends at one of the first that it looks at, of 10,000
        under_way = (trial for trial in reversed(trials) if trial.trial_id in attempts)
        if not attempts or any(trial.status == Trial.RUNNING for trial in under_way):
            self._idle_since = None
            return
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        if now - self._idle_since > self._patience:
            raise SearchBroken(
                f"A trial must get its worker within {self._patience:g} s. Received: none, for {len(attempts)} "
                "waiting trials. Add machines, or lower --cpus-per-trial and --gpus-per-trial; see `ray status`."
            )


def _error_of(trial: Trial) -> BaseException | None:
    """What ended a trial's worker, where it came from a worker. `get_pickled_error` finds it only later, when Tune has
    copied it to its storage."""
    file = trial.pickled_error_file
    return cloudpickle.loads(Path(file).read_bytes()) if file else None


def _dead_nodes() -> list[str]:
    return [node["NodeID"] for node in ray.nodes() if not node["Alive"]]
