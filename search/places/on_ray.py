"""Trainings on a Ray cluster: Ray Tune executes trials, the study decides and records. Every Tuner is disposable."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Final

import ray
from ray import tune
from ray.tune.error import TuneError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.resources import TrialResources
from fashion_model.data import TrainingSplits
from search.faults import RETRIES, Cause, Fault, SearchBroken, StorageError, first_line
from search.interrupt import whole
from search.places.ahead import processes_started_ahead
from search.places.ray_worker import TrialWorker, WorkerSetup, require_shared, work_on_job
from search.places.tune_study import METRIC, Assigned, Stopped, StudyScheduler, StudySearcher, StudyWatch
from search.study import SearchStudy
from search.trials.assignment import TrialPlan
from search.trials.checkpoints import CheckpointStore
from search.trials.job import Job, JobData, JobResult

_ABORTS: Final = 3  # in a row without a trial that ended
_POLL_SECONDS: Final = 0.2
_JOB_RETRIES: Final = RETRIES[Cause.NODE_LOST] or 0  # each goes on from the checkpoints of the one before
_LOOK_SECONDS: Final = 60.0  # for every machine to look at the checkpoints; one that is slower looks at its first trial
_RAY_ERRORS: Final = (TuneError, RuntimeError, ray.exceptions.RayError)


class OnRay:
    """The place that Ray is connected to, with `concurrent` trials at a time: a number, or a function that tells it
    anew, for a cluster that grows and shrinks. Trials that wait for a machine are what makes a cluster start one.

    `patience_seconds` is how long trials may wait with not one running: a cloud takes minutes to bring a machine.
    `worker_bytes` is what a worker may hold before a fresh one takes its place; see search/places/worker_memory.py.
    `worker` is what runs on them; one that trains nothing shows what the search itself costs (benchmarks/scale.py).
    """

    def __init__(
        self,
        each: TrialResources,
        concurrent: int | Callable[[], int],
        store: CheckpointStore,
        patience_seconds: float = 1200.0,
        worker_bytes: int | None = None,
        worker: type[tune.Trainable] = TrialWorker,
    ) -> None:
        self._each, self._store, self._patience = each, store, patience_seconds
        self._room: Callable[[], int] = concurrent if callable(concurrent) else lambda: concurrent
        self._worker_bytes, self._worker = worker_bytes, worker
        self._mark = ""

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """See Place. A `fit` that Tune aborts costs the trials in flight; the next one goes on from the study.

        Raises:
            StorageError: also when a machine does not reach the checkpoints; before the first trial, if it is there.
        """
        self._require_shared()
        aborts = 0
        while (ended := study.counts.ended()) < plan.trials:
            with whole():  # raised while Ray waits in C++, what a signal raises is lost or becomes something else
                fault = self._try_to_fit(study, splits, plan)
            if study.broken is not None:
                raise study.broken
            study.fail_unfinished(fault)
            aborts = aborts + 1 if study.counts.ended() == ended else 0
            if aborts == _ABORTS:
                raise SearchBroken(
                    f"Ray must bring trials to an end. Received: {_ABORTS} attempts without one; {fault}. "
                    "The trace is in log.txt; mend the cause, then resume."
                )

    def run_jobs(self, jobs: Sequence[Job], data: JobData, on_done: Callable[[Job, JobResult | Fault], None]) -> None:
        """See Place. The images go into the object store once, and each node maps one copy; the jobs are spread over
        the nodes."""
        self._require_shared()
        shared = ray.put(data)
        remote = ray.remote(
            num_cpus=self._each.cpus,
            num_gpus=self._each.gpus,
            max_retries=_JOB_RETRIES,
            scheduling_strategy="SPREAD",
        )(work_on_job)
        setup = self._setup(TrialPlan(0, 0, 0))
        # the costliest first: none of them is left to run alone at the end
        queue = sorted(jobs, key=lambda job: -job.epochs * job.config.multiply_adds())
        waiting = {remote.remote(job, shared, setup): job for job in queue}
        while waiting:
            with whole():  # see run_trials
                for reference in ray.wait(list(waiting), timeout=_POLL_SECONDS)[0]:
                    on_done(waiting.pop(reference), _result(reference))

    def _try_to_fit(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> Fault:
        """What is to be said of the trials that it leaves open."""
        assigned = Assigned()
        try:
            self._fit(study, splits, plan, assigned)
        except _RAY_ERRORS as error:
            fault = Fault(Cause.ABORTED, first_line(error))
            largest = assigned.largest_killed(str(error))  # which is what Tune does not survive
            if largest is not None and study.broken is None:
                study.fail(*largest)
        except Stopped:
            fault = Fault(Cause.INTERRUPTED)
        else:
            fault = Fault(Cause.WORKER_DIED, "Ray Tune ended without a word of it")
        finally:
            gc.collect()  # Tune's workers hold their share of the cluster: whatever is next would wait for it for ever
        return fault

    def _fit(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan, assigned: Assigned) -> None:
        worker = tune.with_parameters(self._worker, splits=splits, worker=self._setup(plan))
        with tempfile.TemporaryDirectory(prefix="search-tune-") as scratch, processes_started_ahead():
            tune.Tuner(
                tune.with_resources(worker, {"cpu": self._each.cpus, "gpu": self._each.gpus}),
                tune_config=tune.TuneConfig(
                    metric=METRIC,
                    mode="max",
                    search_alg=StudySearcher(study, assigned, plan.trials, self._room),
                    scheduler=StudyScheduler(study, assigned, plan),
                    num_samples=-1,  # the searcher says when it is over: a trial that is started again is no new one
                    max_concurrent_trials=plan.trials,  # Tune asks for the next one, and the searcher knows the room
                    reuse_actors=True,  # a trial that does nothing costs 1.8 s on a warm actor and 6.6 s on a new one
                ),
                run_config=tune.RunConfig(
                    storage_path=scratch,
                    verbose=0,
                    callbacks=[StudyWatch(assigned, self._patience)],
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            ).fit()

    def _setup(self, plan: TrialPlan) -> WorkerSetup:
        return WorkerSetup(plan, self._store, self._each, self._worker_bytes, self._mark)

    def _require_shared(self) -> None:
        """Have every machine that is there look for the driver's mark; those that come later look for themselves."""
        if self._mark:
            return
        self._mark = self._store.mark()
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        if len(nodes) < 2:
            return
        look = ray.remote(num_cpus=0, max_retries=0)(require_shared)
        looks = [
            look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(
                self._store, self._mark
            )
            for node in nodes
        ]
        deadline = time.monotonic() + _LOOK_SECONDS
        while looks and time.monotonic() < deadline:
            with whole():  # see run_trials
                done, looks = ray.wait(looks, timeout=_POLL_SECONDS)
                for look_there in done:
                    _result(look_there)  # a machine that is lost meanwhile is none to worry about


def _result(reference: ray.ObjectRef[JobResult | Fault]) -> JobResult | Fault:
    """Ray itself starts a task again whose worker or machine died; what it gives up on is a fault.

    Raises:
        StorageError: when the task's machine does not reach the checkpoints.
    """
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        if isinstance(error, ray.exceptions.RayTaskError) and isinstance(error.cause, StorageError):
            raise error.cause from None
        return Fault(Cause.WORKER_DIED, first_line(error))
