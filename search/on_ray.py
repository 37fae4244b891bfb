"""Trainings on a Ray cluster: Ray Tune executes trials, the study decides and records.

Every Tuner is disposable. The searcher and the scheduler below keep nothing but which Tune trial runs which trial
of the study; Tune's own state is never read back (`Tuner.restore` failed 3 of 3 times after an unclean end).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import ray
from ray import tune
from ray.tune.error import TuneError
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from cluster.resources import TrialResources
from fashion_model.data import TrainingSplits
from search.job import Job, JobData, JobResult
from search.place import SearchBroken, TrialPlan
from search.ray_worker import TrialWorker, work_of, work_on_job
from search.study import SearchStudy

_METRIC: Final = "validation_accuracy"


class OnRay:
    """The place that Ray is connected to, with `concurrent` trials or jobs at a time."""

    def __init__(self, each: TrialResources, concurrent: int) -> None:
        self._each, self._concurrent = each, concurrent

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """See Place. A `fit` that Tune aborts costs the trials in flight; the next one goes on from the study."""
        while (ended := study.counts().ended()) < plan.trials:
            reason, cause = "its worker never reported an end", None
            try:
                self._fit(study, splits, plan, plan.trials - ended)
            except (TuneError, RuntimeError, ray.exceptions.RayError) as error:
                reason, cause = f"Ray Tune aborted: {_first_line(error)}", error
            study.fail_unfinished(reason)
            if study.counts().ended() == ended:
                raise SearchBroken(f"Ray must bring trials to an end. Received: {reason}. See log.txt.") from cause

    def run_jobs(self, jobs: Sequence[Job], data: JobData, on_done: Callable[[Job], None]) -> list[JobResult]:
        """See Place. The images go into the object store once, and each node maps one copy."""
        shared = ray.put(data)
        remote = ray.remote(num_cpus=self._each.cpus, num_gpus=self._each.gpus)(work_on_job)
        waiting = {remote.remote(job, shared, self._each.threads()): number for number, job in enumerate(jobs)}
        results: dict[int, JobResult] = {}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            number = waiting.pop(done[0])
            results[number] = ray.get(done[0])
            on_done(jobs[number])
        return [results[number] for number in range(len(jobs))]

    def _fit(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan, trials: int) -> None:
        worker = tune.with_parameters(TrialWorker, splits=splits, plan=plan, threads=self._each.threads())
        with tempfile.TemporaryDirectory(prefix="search-tune-") as scratch:
            tune.Tuner(
                tune.with_resources(worker, {"cpu": self._each.cpus, "gpu": self._each.gpus}),
                tune_config=tune.TuneConfig(
                    metric=_METRIC,
                    mode="max",
                    search_alg=StudySearcher(study),
                    scheduler=StudyScheduler(study),
                    num_samples=trials,
                    max_concurrent_trials=min(self._concurrent, trials),
                    reuse_actors=True,  # a trial that does nothing costs 1.8 s on a warm actor and 6.6 s on a new one
                ),
                run_config=tune.RunConfig(
                    storage_path=scratch,
                    verbose=0,
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            ).fit()


class StudySearcher(Searcher):
    """Hands out the study's trials, and tells it how each ended."""

    def __init__(self, study: SearchStudy) -> None:
        super().__init__(metric=_METRIC, mode="max")
        self._study = study
        self._numbers: dict[str, int] = {}

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Accept what TuneConfig says: the study already knows it."""
        return True

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The next trial, as the worker expects it."""
        assignment = self._study.ask()
        self._numbers[trial_id] = assignment.number
        return {"number": assignment.number, "config": assignment.config.to_dict()}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tune says that a trial ended: at its last epoch, stopped by the scheduler, failed, or with its worker."""
        number = self._numbers.pop(trial_id)
        if error or result is None:
            self._study.fail(number, "its worker died")
        elif result.get("failure"):
            self._study.fail(number, result["failure"], work_of(result))
        elif "epoch" not in result:
            self._study.fail(number, "no value: the trial ended without a report", work_of(result))
        else:
            _end(self._study, number, result)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: see `__getstate__`."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `__getstate__`."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing. Ray pickles what it is given, to restore what is never restored; a study would hold a password."""
        return {}


def _end(study: SearchStudy, number: int, result: Mapping[str, Any]) -> None:
    # Tune keeps the last epoch's result (done) from the scheduler, so it is reported here
    if result["done_training"]:
        study.report(number, result["epoch"], result[_METRIC])
    study.finish(number, work_of(result), pruned=not result["done_training"])


class StudyScheduler(FIFOScheduler):
    """Stops the trials that the study's pruner would stop."""

    def __init__(self, study: SearchStudy) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._study = study

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record the epoch and ask the pruner."""
        prune = self._study.report(trial.config["number"], result["epoch"], result[_METRIC])
        return str(TrialScheduler.STOP if prune else TrialScheduler.CONTINUE)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: as the searcher's."""
        return {}


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
