"""Trainings in this process, one after another, without Ray: natural stack traces, and a debugger works."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.connect import uncollected
from cluster.resources import ClusterSize, TrialResources, usable_cores
from fashion_model.data.splits import TrainingSplits
from search.places.place import OnDone, Site
from search.study.study import SearchStudy
from search.worker.assignment import Assignment, TrialPlan
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import Cause, TrialFailed
from search.worker.training_run import Images, TrainingRun, train_to_the_end


class InProcess:
    """The place `--local`."""

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """Ask for a trial, train it, tell the study how it ended, until enough have ended.

        A training that hangs cannot be cut off here: its time limit is checked between epochs.
        """
        images = Images(splits.train, splits.validation)
        while study.left(plan.trials) > 0:
            candidate = study.ask()
            run = TrainingRun(plan.assignment(candidate), self._store)
            try:
                pruned = _train(study, candidate.number, run, images)
            except TrialFailed as failure:
                study.fail(candidate.number, failure.fault, run.work())
            else:
                study.finish(candidate.number, run.work(), pruned=pruned)

    def run_trainings(self, assignments: Sequence[Assignment], images: Images, on_done: OnDone) -> None:
        """Run every training to its end, in their order."""
        for assignment in assignments:
            on_done(assignment, train_to_the_end(assignment, images, self._store))


def local_site(store: CheckpointStore) -> Site:
    """This process, once it has loaded TensorFlow, which spreads one training over every core of the machine."""
    with uncollected():
        from fashion_model.training import training  # noqa: F401

    size = ClusterSize(cpus=float(usable_cores()), gpus=0.0, nodes=1)
    return Site(InProcess(store), lambda: size, TrialResources(size.cpus, 0.0), 1)


def _train(study: SearchStudy, number: int, run: TrainingRun, images: Images) -> bool:
    """Train a trial, reporting each epoch to the study. Returns whether it was pruned before its last epoch."""
    for report in run.reports(images):
        if study.report(number, report.epoch, report.value, report.work) and not report.is_last:
            return True
        if run.overtime() and not report.is_last:
            raise TrialFailed(Cause.TIMED_OUT, run.overtime())
    return False
