"""(f) The ceiling: this project's training loop alone, a process of one thread a core, warmed up, no search around it.

Counts from the moment when every process has loaded TensorFlow and its images: `{"seconds": …}` replaces the wall time.
"""

import multiprocessing
import os
import sys
import time
from multiprocessing.synchronize import Barrier
from typing import Any

from benchmarks.contenders.told import tell
from benchmarks.jobs import JOBS, Job


def work(job: Job, queue: Any, ready: Barrier, results: Any) -> None:
    """One of the processes."""
    from fashion_model.training import devices
    from fashion_model.training.training import Budget, Training

    devices.use_threads(1)
    splits = job.splits()
    ready.wait()
    while (index := queue.get()) is not None:
        start = time.perf_counter()
        steps = Training(job.points()[index], splits.train, Budget(job.epochs, seed=0)).run(splits.validation)
        for _ in steps:
            pass
        results.put(time.perf_counter() - start)
    ready.wait()


def main(job: Job) -> None:
    """Every configuration once, the next one to whoever is free."""
    context = multiprocessing.get_context("spawn")
    count = os.cpu_count() or 1
    queue, results, ready = context.Queue(), context.Queue(), context.Barrier(count + 1)
    for index in [*range(job.configs), *[None] * count]:
        queue.put(index)
    workers = [context.Process(target=work, args=(job, queue, ready, results)) for _ in range(count)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    ready.wait()
    seconds = time.perf_counter() - start
    tell([results.get() for _ in range(job.configs)], seconds=seconds)


if __name__ == "__main__":
    main(JOBS[sys.argv[1]])
