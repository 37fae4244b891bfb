"""Trainings in this process, one after another, without Ray: natural stack traces, and a debugger works."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fashion_model.data import TrainingSplits
from search.faults import Cause, Fault, TrialFailed
from search.study import SearchStudy
from search.trials.assignment import Assignment, TrialPlan
from search.trials.checkpoints import CheckpointStore
from search.trials.job import Job, JobData, JobResult, run_job
from search.trials.trial import TrialRun


class InProcess:
    """The place `--local`."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """See Place. A training that hangs cannot be cut off here: the time is looked at between epochs."""
        while study.left(plan.trials) > 0:
            assignment = study.ask()
            run = TrialRun(assignment, plan, self._store)
            try:
                pruned = _step_through(study, assignment, run, splits, plan)
            except TrialFailed as failure:
                study.fail(assignment.number, failure.fault, run.work())
            else:
                study.finish(assignment.number, run.work(), pruned=pruned)

    def run_jobs(self, jobs: Sequence[Job], data: JobData, on_done: Callable[[Job, JobResult | Fault], None]) -> None:
        """See Place."""
        for job in jobs:
            on_done(job, run_job(job, data, self._store))


def _step_through(
    study: SearchStudy, assignment: Assignment, run: TrialRun, splits: TrainingSplits, plan: TrialPlan
) -> bool:
    """Train the trial, reporting each epoch. Returns whether it was pruned before its last epoch."""
    for epoch, accuracy in run.epochs(splits):
        if study.report(assignment.number, epoch, accuracy, run.work()) and epoch < plan.epochs:
            return True
        if plan.timeout_seconds is not None and run.seconds() > plan.timeout_seconds and epoch < plan.epochs:
            raise TrialFailed(Cause.TIMED_OUT, f"more than {plan.timeout_seconds:g} s")
    return False
