"""Trainings on a Ray cluster: Ray Tune executes trials, the study decides and records. Every Tuner is disposable."""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Final

import ray
from ray import tune
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.connect import started_here
from cluster.internals import tune_actors_without_environment
from cluster.resources import TrialResources
from fashion_model.data.splits import TrainingSplits
from fashion_model.network import network_of
from search.command.process.interrupt import whole
from search.places.place import OnDone
from search.places.ray.hooks import Stopped, StudyScheduler, StudySearcher, StudyWatch, UnderWay
from search.places.ray.worker import TrialWorker, WorkerSetup, require_shared, train_as_a_task
from search.study.study import SearchStudy
from search.worker.assignment import Assignment, TrialPlan
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import (
    RETRIES,
    Cause,
    Fault,
    SearchBroken,
    StorageError,
    fault_of_worker,
    first_line,
    named_cause,
)
from search.worker.training_run import FinishedTraining, Images

_ABORTS: Final = 3  # in a row without a trial that ended
_POLL_SECONDS: Final = 0.2
_TASK_RETRIES: Final = RETRIES[Cause.NODE_LOST] or 0  # each goes on from the checkpoints of the one before
_PATIENCE_SECONDS: Final = 1200.0  # for trials that wait with not one running: a cloud takes minutes to bring a machine
_SHARED_SECONDS: Final = 60.0  # for every machine to find the mark; one that is slower looks at its first trial
_RAY_ERRORS: Final = (tune.TuneError, RuntimeError, ray.exceptions.RayError)


class OnRay:
    """The Ray that is connected to, with `concurrent` trials at a time: a number, or for a cluster that grows and
    shrinks a function of how many trials have not ended yet, 0 when no more are to be started.

    `at_most` is how many trainings outside the study run at a time (None: as many as fit). `worker_bytes` is what a
    worker may hold before a fresh one takes its place; see memory.py. `worker` is what runs on them; one that trains
    nothing shows what the search itself costs (benchmarks/scale.py).
    """

    def __init__(
        self,
        each: TrialResources,
        concurrent: int | Callable[[int], int],
        store: CheckpointStore,
        at_most: int | None = None,
        worker_bytes: int | None = None,
        worker: type[tune.Trainable] = TrialWorker,
    ) -> None:
        self._each, self._store, self._at_most = each, store, at_most
        self._room: Callable[[int], int] = concurrent if callable(concurrent) else lambda trials: concurrent
        self._worker_bytes, self._worker = worker_bytes, worker
        self._mark = ""

    def run_trials(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> None:
        """Have Tune run trials until enough have ended. A `fit` that Tune aborts costs the trials in flight; the next
        one goes on from the study.

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
                    f"Ray must bring trials to an end. Received: it gave up {_ABORTS} times in a row before one had "
                    f"ended; {fault}. The trace is in log.txt; fix the cause, then resume."
                )

    def run_trainings(self, assignments: Sequence[Assignment], images: Images, on_done: OnDone) -> None:
        """Run every training as a task. The images go into the object store once, and each node maps one copy; the
        trainings are spread over the nodes."""
        self._require_shared()
        shared, setup = ray.put(images), self._setup()
        task = ray.remote(
            num_cpus=self._each.cpus,
            num_gpus=self._each.gpus,
            max_retries=_TASK_RETRIES,
            scheduling_strategy="SPREAD",
        )(train_as_a_task)
        # the costliest first: none of them is left to run alone at the end
        shown = images.train.task
        queue = sorted(assignments, key=lambda each: -each.epochs * network_of(each.config, shown).multiply_adds)
        waiting: dict[ray.ObjectRef[Any], Assignment] = {}
        while queue or waiting:
            while queue and len(waiting) < (self._at_most or len(assignments)):
                assignment = queue.pop(0)
                waiting[task.remote(assignment, shared, setup)] = assignment
            for reference in _done(list(waiting)):
                with whole():  # see run_trials
                    finished = _result(reference)
                    on_done(waiting.pop(reference), finished)

    def _try_to_fit(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan) -> Fault:
        """What is to be said of the trials that it leaves open."""
        under_way = UnderWay()
        try:
            self._fit(study, splits, plan, under_way)
        except _RAY_ERRORS as error:
            fault = Fault(Cause.ABORTED, first_line(error))
            if named_cause(error) is Cause.HOST_MEMORY and study.broken is None:  # which Tune does not survive
                self._fail_largest(study, under_way)
        except Stopped:
            fault = Fault(Cause.INTERRUPTED)
        else:
            fault = Fault(Cause.WORKER_DIED, "Ray Tune ended without a word of it")
        finally:
            self._room(0)
            gc.collect()  # Tune's workers hold their share of the cluster: whatever is next would wait for it for ever
        return fault

    def _fail_largest(self, study: SearchStudy, under_way: UnderWay) -> None:
        """End the trial whose worker held the most when its machine ran low on memory, by what the workers wrote."""
        assignments = (attempt.assignment for attempt in under_way.attempts.values())
        held = {each.number: self._store.of(each.key).take_memory() for each in assignments}
        largest = max(held, key=lambda number: held[number], default=None)
        if largest is not None and held[largest]:
            used = f"it used {held[largest] / 1e9:.1f} GB when its machine ran low"
            study.fail(largest, Fault(Cause.HOST_MEMORY, used))

    def _fit(self, study: SearchStudy, splits: TrainingSplits, plan: TrialPlan, under_way: UnderWay) -> None:
        worker = tune.with_parameters(self._worker, splits=splits, worker=self._setup())
        # on a Ray that others have started the whole job has an environment, and Tune adds its own to it
        in_started_workers = tune_actors_without_environment() if started_here() else nullcontext()
        with tempfile.TemporaryDirectory(prefix="search-tune-") as scratch, in_started_workers:
            tune.Tuner(
                tune.with_resources(worker, {"cpu": self._each.cpus, "gpu": self._each.gpus}),
                tune_config=tune.TuneConfig(
                    search_alg=StudySearcher(study, under_way, plan, self._room),
                    scheduler=StudyScheduler(study, under_way),
                    num_samples=-1,  # the searcher says when it is over: a trial that is retried is no new one
                    max_concurrent_trials=plan.trials,  # Tune asks for the next one, and the searcher knows the room
                    reuse_actors=True,  # a trial that does nothing costs 1.8 s on a warm actor and 6.6 s on a new one
                ),
                run_config=tune.RunConfig(
                    storage_path=scratch,
                    verbose=0,
                    callbacks=[StudyWatch(under_way, _PATIENCE_SECONDS)],
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            ).fit()

    def _setup(self) -> WorkerSetup:
        return WorkerSetup(self._store, self._each, self._worker_bytes, self._mark)

    def _require_shared(self) -> None:
        """Have every machine that is there look for the driver's mark; those that come later look for themselves."""
        if self._mark:
            return
        self._mark = self._store.mark()
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        if len(nodes) < 2:
            return
        task: Any = ray.remote(num_cpus=0, max_retries=0)(require_shared)
        on_each = [task.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)) for node in nodes]
        waiting = [there.remote(self._store, self._mark) for there in on_each]
        deadline = time.monotonic() + _SHARED_SECONDS
        while waiting and time.monotonic() < deadline:
            for reference in _done(waiting):
                waiting.remove(reference)
                with whole():
                    _result(reference)  # a machine that is lost meanwhile is none to worry about


def _done(references: list[ray.ObjectRef[Any]]) -> list[ray.ObjectRef[Any]]:
    """Those that have ended, after a moment's wait for one."""
    with whole():  # see run_trials
        return ray.wait(references, timeout=_POLL_SECONDS)[0]


def _result(reference: ray.ObjectRef[FinishedTraining | Fault]) -> FinishedTraining | Fault:
    """What a task returned. Ray itself retries one whose worker or machine died; what it gives up on is a fault.

    Raises:
        StorageError: when the task's machine does not reach the checkpoints.
    """
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        if isinstance(error, ray.exceptions.RayTaskError) and isinstance(error.cause, StorageError):
            raise error.cause from None
        fault = fault_of_worker(error, machine_lost=False, overtime="")
        return Fault(fault.cause, fault.detail or first_line(error))
