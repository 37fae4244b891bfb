"""What runs on a Ray worker: a process that loads TensorFlow and maps the images once, and serves many trials."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import ray
from ray import tune

from cluster.connect import uncollected
from cluster.resources import TrialResources
from fashion_model.config import TrainConfig
from fashion_model.data import TrainingSplits
from search.faults import POISONS_WORKER, Fault, StorageError, TrialFailed
from search.places.worker_memory import WorkerMemory
from search.trials.assignment import Assignment, TrialPlan, Work
from search.trials.checkpoints import CheckpointStore
from search.trials.job import Job, JobData, JobResult, run_job
from search.trials.trial import TrialRun

REPLACE: Final = "replace_worker"
UNSHARED: Final = "storage_is_not_shared"
_PRIVATE: Final = 0o077  # what a run leaves is its owner's


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker is made for: the plan of its trials, where their checkpoints lie, what it may use, the bytes that
    it may hold before a fresh one takes its place (None: see worker_memory.py), and the driver's mark that it
    must find among the checkpoints."""

    plan: TrialPlan
    store: CheckpointStore
    each: TrialResources
    most_bytes: int | None = None
    mark: str = ""


class TrialWorker(tune.Trainable):
    """Trains one trial at a time, an epoch a step.

    A failure is a result like another (`failure`), not an exception: the process lives on, and the reason reaches
    the study. Only a failure that leaves the process unfit for another trial is raised, so that Tune ends it.
    """

    def setup(  # type: ignore[override]  # Tune passes what with_parameters holds, one copy of it a node
        self, config: dict[str, Any], splits: TrainingSplits, worker: WorkerSetup
    ) -> None:
        """Once a process: pin the threads, keep the images."""
        prepare(worker.each)
        self._splits, self._worker = splits, worker
        self._memory = WorkerMemory((os.cpu_count() or 1) / worker.each.threads(), worker.most_bytes)
        self._unshared = unshared(worker.store, worker.mark)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take on another trial in the same process, once the last one's checkpoint is written."""
        self._epochs.close()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train an epoch."""
        if self._unshared:  # a trial that could not go on elsewhere is not begun
            return {UNSHARED: self._unshared, "done": True} | self._told()
        try:
            with self._watched():
                epoch, accuracy = next(self._epochs)
        except TrialFailed as failure:
            if failure.fault.cause in POISONS_WORKER:
                raise
            fault = {"cause": failure.fault.cause.value, "failure": failure.fault.detail}
            return fault | {"done": True} | self._told()
        last = epoch == self._worker.plan.epochs
        result = {"epoch": epoch, "validation_accuracy": accuracy, "done_training": last, "done": last}
        return result | self._told()

    def cleanup(self) -> None:
        """Drop the model."""
        self._epochs.close()

    def _told(self) -> dict[str, Any]:
        """What every result says: the work done, and whether this process is to be replaced before the next trial."""
        return _flat(here(self._run.work())) | {REPLACE: self._memory.is_too_much()}

    def _begin(self, config: dict[str, Any]) -> None:
        assignment = Assignment(config["number"], config["lineage"], TrainConfig.from_dict(config["config"]))
        self._run = TrialRun(assignment, self._worker.plan, self._worker.store)
        self._epochs: Generator[tuple[int, float]] = self._run.epochs(self._splits)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """End this process, with a trace of where it hangs, when the trial's time is over.

        From a thread of the interpreter's own that needs no lock: a training that hangs in native code is ended too.
        """
        timeout = self._worker.plan.timeout_seconds
        if timeout is None:
            yield
            return
        faulthandler.dump_traceback_later(max(0.1, timeout - self._run.seconds()), exit=True, file=sys.stderr)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def work_on_job(job: Job, data: JobData, worker: WorkerSetup) -> JobResult | Fault:
    """A Ray task: do the job on the threads that it was given.

    Raises:
        StorageError: when its machine does not reach the checkpoints.
    """
    prepare(worker.each)
    require_shared(worker.store, worker.mark)
    result = run_job(job, data, worker.store)
    return result if isinstance(result, Fault) else replace(result, work=here(result.work))


def require_shared(store: CheckpointStore, mark: str) -> None:
    """A Ray task too: look for the driver's mark among the checkpoints.

    Raises:
        StorageError: when this machine finds another place there, or none.
    """
    message = unshared(store, mark)
    if message:
        raise StorageError(message)


def unshared(store: CheckpointStore, mark: str) -> str:
    """What is wrong where this machine does not reach the driver's checkpoints; else empty."""
    found = store.missing(mark) if mark else ""
    return found and (
        f"Checkpoints must lie where every machine of the cluster reaches them. Received: {store.root}, where the "
        f"machine {ray.util.get_node_ip_address()} does not find what the driver has written: {found}. Name a bucket, "
        "as in --storage-path s3://BUCKET/PATH, or a folder that all machines share."
    )


def here(work: Work) -> Work:
    """The work, with the machine and the GPUs that Ray has given to this process."""
    if not ray.is_initialized():
        return work
    context = ray.get_runtime_context()
    return replace(work, node=context.get_node_id(), gpus=tuple(context.get_accelerator_ids().get("GPU", ())))


def work_of(result: Mapping[str, Any]) -> Work:
    """The work that a worker's result tells of."""
    return Work(
        worker=result.get("worker", ""),
        started=result.get("started", ""),
        seconds=result.get("work_seconds", 0.0),
        cpu_seconds=result.get("work_cpu_seconds", 0.0),
        note=result.get("note", ""),
        node=result.get("node", ""),
        gpus=tuple(result.get("gpus", ())),
    )


def prepare(each: TrialResources) -> None:
    """Pin this process to its share of the cores and of a GPU, before TensorFlow starts."""
    os.umask(_PRIVATE)
    os.environ["OMP_NUM_THREADS"] = str(each.threads())
    load()
    from fashion_model import pipeline

    pipeline.use_threads(each.threads())
    if 0 < each.gpus < 1:
        pipeline.share_gpu(each.gpus)
    if each.gpus > 1 and pipeline.prepare_gpus():
        pipeline.replicas.use()


@cache
def load() -> None:
    """Load TensorFlow, so that the first trial need not."""
    with uncollected(), _unseen("matplotlib", "sklearn"):
        from fashion_model import training  # noqa: F401


@contextmanager
def _unseen(*packages: str) -> Iterator[None]:
    """In the body these packages are not installed.

    Keras imports them where they are, for plots and for scikit-learn's interface: 1.0 of the 3.2 s that it and
    TensorFlow take to load.
    """
    hidden = {package: None for package in packages if package not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None is Python's own word for it
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


def _flat(work: Work) -> dict[str, Any]:
    return {
        "worker": work.worker,
        "started": work.started,
        "work_seconds": work.seconds,
        "work_cpu_seconds": work.cpu_seconds,
        "note": work.note,
        "node": work.node,
        "gpus": work.gpus,
    }
