"""What the search itself costs: trials that do nothing, 200 at a time, on a cluster that is simulated on this machine.

    python -m benchmarks.scale                      100, 1,000 and 10,000 trials: some 20 minutes
    python -m benchmarks.scale --trials 1000 --slots 50

All is real, the driver, the study in its database, Ray Tune and a process for each slot, but for the machines (8 Ray
nodes on this one) and the training (benchmarks/idle_worker.py).
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from ray.cluster_utils import Cluster

from benchmarks import idle_worker, record
from cluster.connect import connected
from cluster.resources import TrialResources
from fashion_model.data import Split, TrainingSplits
from search.assignment import TrialPlan
from search.checkpoints import CheckpointStore
from search.database import Database, sqlite_url
from search.lock import StudyLock
from search.on_ray import OnRay
from search.records import TrialRecord
from search.settings import Settings
from search.storage import StudySpec, open_study
from search.study import Counts, SearchStudy
from search.terms import Terms

_SIZES: Final = (100, 1_000, 10_000)
_NODES: Final = 8
_SLOTS: Final = 200
_CALLS: Final = ("ask", "report", "finish")
_WINDOW: Final = 100  # trials
_MARKS: Final = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
_STORE_BYTES: Final = 80 * 2**20
# Ray's, to keep 8 nodes' and 200 processes' own reports, which 8 machines would share, from this machine's cores
_SIMULATION: Final = {
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_task_events_report_interval_ms": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Median milliseconds of each call of the study, over the last 100 trials before trial `trial` ended, and trials a
    second over them."""

    trial: int
    ask_ms: float
    report_ms: float
    finish_ms: float
    trials_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A search of `trials` trials. `first_seconds` is when the first one ended: until then Ray starts workers."""

    trials: int
    slots: int
    seconds: float
    first_seconds: float
    cpu_seconds: float
    reports: int
    peak_mebibytes: float
    database_mebibytes: float
    attempts: int
    costs: tuple[Cost, ...]

    def row(self) -> list[str]:
        """A row of the table."""
        last = self.costs[-1]
        return [
            f"{self.trials:,}",
            f"{self.trials / self.seconds:.1f}",
            f"{(self.trials - 1) / (self.seconds - self.first_seconds):.1f}",
            f"{1e3 * self.seconds / self.trials:.0f}",
            f"{1e3 * self.cpu_seconds / self.trials:.0f}",
            f"{last.ask_ms:.1f}",
            f"{last.report_ms:.1f}",
            f"{last.finish_ms:.1f}",
            f"{self.peak_mebibytes:.0f}",
            f"{self.database_mebibytes:.1f}",
        ]


_HEADER: Final = (
    "trials",
    "trials/s",
    "after the start",
    "ms a trial",
    "driver's CPU",
    "ask ms",
    "report ms",
    "finish ms",
    "driver MiB",
    "database MiB",
)


@dataclass(frozen=True, slots=True)
class Result:
    """What is kept."""

    nodes: int
    runs: tuple[Run, ...]


class Meter:
    """Watches a study, and times its calls."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.ends: list[float] = []
        self.costs: list[Cost] = []
        self.again = 0

    def watch(self, study: SearchStudy) -> None:
        """Time the calls of this study from now on."""
        for name in _CALLS:
            setattr(study, name, self._timed(name, getattr(study, name)))

    def changed(self, counts: Counts) -> None:
        """See Observer."""

    def starts_again(self, record: TrialRecord) -> None:
        """See Observer."""
        self.again += 1

    def ended(self, record: TrialRecord) -> None:
        """See Observer."""
        self.ends.append(time.perf_counter())
        if len(self.ends) in _MARKS:
            self.mark()

    def mark(self) -> None:
        """Note what the last trials cost."""
        ended = len(self.ends)
        if not self.costs or self.costs[-1].trial != ended:
            ask, report, finish = (1e3 * statistics.median(self.times[name][-_WINDOW:] or [0.0]) for name in _CALLS)
            rate = min(ended - 1, _WINDOW) / (self.ends[-1] - self.ends[-min(ended, _WINDOW + 1)])
            cost = Cost(trial=ended, ask_ms=ask, report_ms=report, finish_ms=finish, trials_per_second=rate)
            self.costs.append(cost)
            print(f"  {cost}", flush=True)

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.times[name].append(time.perf_counter() - start)

        return timed


def measure(trials: int, slots: int) -> Run:
    """Search with so many trials, on the cluster that is connected to."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        meter = Meter()
        study = open_study(_spec(Path(folder)), meter)
        meter.watch(study)
        store = CheckpointStore(folder)
        place = OnRay(TrialResources(cpus=1, gpus=0), slots, store, worker=idle_worker.IdleWorker)
        start, cpu = time.perf_counter(), time.process_time()
        place.run_trials(study, _no_images(), TrialPlan(trials=trials, epochs=idle_worker.EPOCHS, seed=0))
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
        meter.mark()
        study.close()
        return Run(
            trials=trials,
            slots=slots,
            seconds=seconds,
            first_seconds=meter.ends[0] - start,
            cpu_seconds=cpu_seconds,
            reports=len(meter.times["report"]),
            peak_mebibytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            database_mebibytes=(Path(folder) / "study.db").stat().st_size / 2**20,
            attempts=len(meter.times["ask"]),
            costs=tuple(meter.costs),
        )


@contextmanager
def simulated(slots: int) -> Iterator[None]:
    """Connect to a cluster of 8 nodes with so many cores together, all on this machine, for the body."""
    os.environ.update(_SIMULATION)
    cluster = Cluster()
    for _ in range(_NODES):
        cluster.add_node(num_cpus=-(-slots // _NODES), object_store_memory=_STORE_BYTES)
    try:
        with connected(cluster.address):
            yield
    finally:
        cluster.shutdown()


def _spec(folder: Path) -> StudySpec:
    database = Database(sqlite_url(folder / "study.db"))
    terms = Terms.of(Settings(name="scale", epochs=idle_worker.EPOCHS), "no images")
    return StudySpec(name="scale", database=database, folder=folder, lock=StudyLock(database, "scale"), terms=terms)


def _no_images() -> TrainingSplits:
    none = Split(np.zeros((0, 28, 28), dtype=np.uint8), np.zeros(0, dtype=np.uint8))
    return TrainingSplits(none, none, "no images")


def tables(runs: Sequence[Run]) -> str:
    """A row for each search, and for the longest one what a trial cost as they accumulated."""
    longest = max(runs, key=lambda run: run.trials)
    costs = [
        [f"{cost.trial:,}"]
        + [f"{figure:.1f}" for figure in (cost.ask_ms, cost.report_ms, cost.finish_ms, cost.trials_per_second)]
        for cost in longest.costs
    ]
    accumulated = record.table(["the longest, at trial", "ask ms", "report ms", "finish ms", "trials/s"], costs)
    return f"{record.table(_HEADER, [run.row() for run in runs])}\n\n{accumulated}"


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=_SIZES)
    parser.add_argument("--slots", type=int, default=_SLOTS)
    arguments = parser.parse_args()
    with simulated(arguments.slots):
        runs = tuple(measure(trials, arguments.slots) for trials in arguments.trials)
    text = tables(runs)
    print(text)
    if tuple(arguments.trials) == _SIZES:
        print(record.save("scale", Result(_NODES, runs), text))


if __name__ == "__main__":
    main()
