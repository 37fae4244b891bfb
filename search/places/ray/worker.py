"""What runs on a Ray worker: a process that loads TensorFlow and maps the images once, and serves many trainings."""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import ray
from ray import tune

from cluster.resources import TrialResources, usable_cores
from fashion_model.data.splits import TrainingSplits
from reports.records import Work
from search.places.ray.memory import WorkerMemory
from search.worker.assignment import ASSIGNMENT, Assignment, Report
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import POISONS_WORKER, Fault, StorageError, TrialFailed
from search.worker.training_run import FinishedTraining, Images, TrainingRun, train_to_the_end

_PRIVATE: Final = 0o077  # what a run leaves is its owner's


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker is made for: where checkpoints lie, what it may use, the bytes that it may hold before a fresh one
    takes its place (None: see memory.py), and the driver's mark that it must find among the checkpoints."""

    store: CheckpointStore
    each: TrialResources
    most_bytes: int | None = None
    mark: str = ""


class WorkerIsFull(Exception):
    """The worker holds too much memory to begin another trial: it gives this one back untouched, and ends."""


class TrialWorker(tune.Trainable):
    """Trains one trial at a time, an epoch a step.

    A failure is a report like another, not an exception: the process lives on, and the reason reaches the study. Only
    what leaves the process unfit for another trial is raised, so that Tune ends it.
    """

    def setup(  # type: ignore[override]  # Tune passes what with_parameters holds, one copy of it a node
        self, config: dict[str, Any], splits: TrainingSplits, worker: WorkerSetup
    ) -> None:
        """Once a process: pin the threads, keep the images."""
        prepare(worker.each)
        self._images, self._worker = Images(splits.train, splits.validation), worker
        self._memory = WorkerMemory(usable_cores() / worker.each.threads(), worker.most_bytes)
        self._is_full, self._is_shared = False, False
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take on another trial in the same process, once the last one's checkpoint is written."""
        self._reports.close()
        self._is_full = self._memory.is_too_much()
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train an epoch.

        Raises:
            WorkerIsFull: before the first epoch of a trial that is to be given to another worker.
            StorageError: when this machine does not reach the checkpoints; a trial could not go on elsewhere.
            TrialFailed: when the failure may have damaged the memory of this process.
        """
        if self._is_full:
            raise WorkerIsFull
        if not self._is_shared:  # not in setup: Ray keeps the types of errors in a step only
            require_shared(self._worker.store, self._worker.mark)
            self._is_shared = True
        try:
            with self._time_limit(), self._memory.written_down(self._write_memory):
                report = next(self._reports)
        except TrialFailed as failure:
            if failure.fault.cause in POISONS_WORKER:
                raise
            report = Report(work=self._run.work(), fault=failure.fault)
        return replace(report, work=on_this_node(report.work)).to_result()

    def cleanup(self) -> None:
        """Drop the model."""
        self._reports.close()

    def _begin(self, config: dict[str, Any]) -> None:
        assignment: Assignment = config[ASSIGNMENT]
        self._write_memory = self._worker.store.of(assignment.key).write_memory
        self._run = TrainingRun(assignment, self._worker.store)
        self._reports: Generator[Report] = self._run.reports(self._images)

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        """End this process, with a trace of where it hangs, when the trial's time is over.

        From a thread of the interpreter's own that needs no lock: a training that hangs in native code is ended too.
        """
        timeout = self._run.assignment.timeout_seconds
        if timeout is None:
            yield
            return
        faulthandler.dump_traceback_later(max(0.1, timeout - self._run.seconds()), exit=True, file=sys.stderr)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def train_as_a_task(assignment: Assignment, images: Images, worker: WorkerSetup) -> FinishedTraining | Fault:
    """A Ray task: a finalist or a final, on the threads that the task was given.

    Raises:
        StorageError: when its machine does not reach the checkpoints.
    """
    prepare(worker.each)
    require_shared(worker.store, worker.mark)
    finished = train_to_the_end(assignment, images, worker.store)
    return finished if isinstance(finished, Fault) else replace(finished, work=on_this_node(finished.work))


def require_shared(store: CheckpointStore, mark: str) -> None:
    """A Ray task too: look for the driver's mark among the checkpoints.

    Raises:
        StorageError: when this machine finds another place there, or none.
    """
    found = store.missing(mark) if mark else ""
    if found:
        raise StorageError(
            f"Checkpoints must lie where every machine of the cluster reaches them. Received: {store.root}, where the "
            f"machine {ray.util.get_node_ip_address()} does not find what the driver has written: {found}. Name a "
            "bucket, as in --storage-path s3://BUCKET/PATH, or a folder that all machines share."
        )


def on_this_node(work: Work) -> Work:
    """The work, with the machine and the GPUs that Ray has given to this process."""
    if not ray.is_initialized():
        return work
    context = ray.get_runtime_context()
    return replace(work, node=context.get_node_id(), gpus=tuple(context.get_accelerator_ids().get("GPU", ())))


def prepare(each: TrialResources) -> None:
    """Pin this process to its share of the cores and of a GPU, before TensorFlow starts."""
    os.umask(_PRIVATE)
    os.environ["OMP_NUM_THREADS"] = str(each.threads())
    if not each.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves every GPU in sight of a task that asked for none
    import search.places.ray.preloaded  # noqa: F401  # not at the top: the driver loads no TensorFlow
    from fashion_model.training import devices

    devices.use_threads(each.threads())
    if 0 < each.gpus < 1:
        devices.share_gpu(each.gpus)
    if each.gpus > 1:
        devices.prepare_device()
        devices.replicas.use()
