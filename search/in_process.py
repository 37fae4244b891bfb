"""Trainings in this process, one after another, without Ray: natural stack traces, and a debugger works."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fashion_model.data import TrainingSplits
from search.job import Job, JobData, JobResult, run_job
from search.place import TrialPlan
from search.seeds import Stream, derive
from search.study import Assignment, SearchStudy
from search.trial import Stopwatch, TrialFailed, TrialRun


class InProcess:
    """The place `--local`."""

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """See Place."""
        while study.counts().ended() < plan.trials:
            assignment = study.ask()
            stopwatch = Stopwatch()
            try:
                pruned = _step_through(study, splits, assignment, plan)
            except TrialFailed as failure:
                study.fail(assignment.number, str(failure), stopwatch.work())
            else:
                study.finish(assignment.number, stopwatch.work(), pruned=pruned)

    def run_jobs(self, jobs: Sequence[Job], data: JobData, on_done: Callable[[Job], None]) -> list[JobResult]:
        """See Place."""
        results = []
        for job in jobs:
            results.append(run_job(job, data))
            on_done(job)
        return results


def _step_through(study: SearchStudy, splits: TrainingSplits, assignment: Assignment, plan: TrialPlan) -> bool:
    """Train the trial, reporting each epoch. Returns whether it was pruned before its last epoch."""
    run = TrialRun(assignment, plan.epochs, derive(plan.seed, Stream.TRIAL, assignment.number))
    for epoch, accuracy in run.epochs(splits):
        if study.report(assignment.number, epoch, accuracy) and epoch < plan.epochs:
            return True
    return False
