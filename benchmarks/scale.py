"""What the search itself costs: trials that only sleep, 200 at a time, on a cluster that is simulated on this machine.

    python -m benchmarks.scale                      10,000 trials, read off after 100, 1,000 and so on: some 15 minutes
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from ray.cluster_utils import Cluster

from benchmarks import idle_worker, record
from benchmarks.contenders.points import Silent
from cluster.connect import connected
from cluster.resources import TrialResources
from fashion_model.data.splits import Split, TrainingSplits
from reports.records import TrialRecord
from search.command.settings import Settings
from search.places.ray.place import OnRay
from search.study.open_study import FixedSettings, StudySpec, open_study
from search.study.storage.database import Database, sqlite_url
from search.study.storage.lock import StudyLock
from search.study.study import SearchStudy
from search.worker.assignment import TrialPlan
from search.worker.checkpoints import CheckpointStore

_TRIALS: Final = 10_000
_NODES: Final = 8
_SLOTS: Final = 200
_CALLS: Final = ("ask", "report", "finish")
_WINDOW: Final = 100  # trials
_EARLY: Final = 1_000  # the trial that later ones are compared with
_MARKS: Final = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)  # trials
_STORE_BYTES: Final = 80 * 2**20
# Ray's, to keep 8 nodes' and 200 processes' own reports, which 8 machines would share, from this machine's cores
_SIMULATION: Final = {
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_task_events_report_interval_ms": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a search stood when trial `trial` ended.

    `seconds` (wall), `cpu_seconds` (the driver's) and the bytes count from its start, the start of the workers
    included; the medians of the study's calls, in milliseconds, and `trials_per_second` are over the last 100 trials.
    """

    trial: int
    seconds: float
    cpu_seconds: float
    trials_per_second: float
    ask_ms: float
    report_ms: float
    finish_ms: float
    peak_mebibytes: float
    database_mebibytes: float

    def row(self) -> list[str]:
        """A row of the table."""
        return [
            f"{self.trial:,}",
            f"{self.trial / self.seconds:.1f}",
            f"{self.trials_per_second:.1f}",
            f"{1e3 * self.cpu_seconds / self.trial:.0f}",
            f"{self.ask_ms:.1f}",
            f"{self.report_ms:.1f}",
            f"{self.finish_ms:.1f}",
            f"{self.peak_mebibytes:.0f}",
            f"{self.database_mebibytes:.1f}",
        ]


_HEADER: Final = (
    "at trial",
    "trials/s so far",
    "of the last 100",
    "driver's CPU, ms a trial",
    "ask ms",
    "report ms",
    "finish ms",
    "driver MiB",
    "database MiB",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A search of trials that only sleep. `first_seconds` is when the first one ended, `attempts` counts those that
    were started again."""

    nodes: int
    slots: int
    first_seconds: float
    attempts: int
    reports: int
    marks: tuple[Mark, ...]


class Meter(Silent):
    """Watches a study, whose database is in `folder`, and times its calls."""

    def __init__(self, folder: Path) -> None:
        self._database = folder / "study.db"
        self._start, self._cpu_start = time.perf_counter(), time.process_time()
        self._ends: list[float] = []
        self.times: dict[str, list[float]] = defaultdict(list)
        self.marks: list[Mark] = []

    def watch(self, study: SearchStudy) -> None:
        """Time the calls of this study from now on."""
        for name in _CALLS:
            setattr(study, name, self._timed(name, getattr(study, name)))

    def ended(self, record: TrialRecord) -> None:
        """Note when the trial ended, and where the search stands at the marks."""
        self._ends.append(time.perf_counter())
        if len(self._ends) in _MARKS:
            self.mark()

    def first_seconds(self) -> float:
        """When the first trial ended, from the start."""
        return self._ends[0] - self._start

    def mark(self) -> None:
        """Note where the search stands, once a trial."""
        ended = len(self._ends)
        if self.marks and self.marks[-1].trial == ended:
            return
        ask, report, finish = (1e3 * statistics.median(self.times[name][-_WINDOW:] or [0.0]) for name in _CALLS)
        mark = Mark(
            trial=ended,
            seconds=self._ends[-1] - self._start,
            cpu_seconds=time.process_time() - self._cpu_start,
            trials_per_second=min(ended - 1, _WINDOW) / (self._ends[-1] - self._ends[-min(ended, _WINDOW + 1)]),
            ask_ms=ask,
            report_ms=report,
            finish_ms=finish,
            peak_mebibytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            database_mebibytes=self._database.stat().st_size / 2**20,
        )
        self.marks.append(mark)
        print(f"  {', '.join(f'{name} {cell}' for name, cell in zip(_HEADER, mark.row(), strict=True))}", flush=True)

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self.times[name].append(time.perf_counter() - start)

        return timed


def measure(trials: int, slots: int) -> Scale:
    """Search with so many trials, on the cluster that is connected to."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        meter = Meter(Path(folder))
        study = open_study(_spec(Path(folder)), meter)
        meter.watch(study)
        place = OnRay(TrialResources(cpus=1, gpus=0), slots, CheckpointStore(folder), worker=idle_worker.IdleWorker)
        place.run_trials(study, _no_images(), TrialPlan(trials=trials, epochs=idle_worker.EPOCHS, seed=0))
        meter.mark()
        study.close()
    return Scale(
        nodes=_NODES,
        slots=slots,
        first_seconds=meter.first_seconds(),
        attempts=len(meter.times["ask"]),
        reports=len(meter.times["report"]),
        marks=tuple(meter.marks),
    )


@contextmanager
def simulated(slots: int) -> Iterator[None]:
    """Connect to a cluster of 8 nodes with so many cores together, all on this machine, for the body."""
    os.environ.update(_SIMULATION)
    cluster = Cluster()
    for _ in range(_NODES):
        cores = -(-slots // _NODES)
        cluster.add_node(num_cpus=cores, object_store_memory=_STORE_BYTES, include_log_monitor=False)
    try:
        with connected(cluster.address):
            yield
    finally:
        cluster.shutdown()


def _spec(folder: Path) -> StudySpec:
    database = Database(sqlite_url(folder / "study.db"))
    fixed = FixedSettings.of(Settings(name="scale", epochs=idle_worker.EPOCHS), "no images")
    return StudySpec(name="scale", database=database, folder=folder, lock=StudyLock(database, "scale"), fixed=fixed)


def _no_images() -> TrainingSplits:
    none = Split(np.zeros((0, 28, 28), dtype=np.uint8), np.zeros(0, dtype=np.uint8))
    return TrainingSplits(none, none, "no images")


def tables(scale: Scale) -> str:
    """A row for each mark, and what a trial of the last 100 cost beside one of the 100 before trial 1,000."""
    rows = record.table(_HEADER, [mark.row() for mark in scale.marks])
    last = scale.marks[-1]
    text = f"{rows}\n\nThe first trial ended {scale.first_seconds:.0f} s after the start"
    early = next((mark for mark in scale.marks if mark.trial == _EARLY), None)
    if early is None or early is last:
        return f"{text}."
    ratio = (last.ask_ms + last.report_ms + last.finish_ms) / (early.ask_ms + early.report_ms + early.finish_ms)
    return f"{text}; `ask`, `report` and `finish` of trial {last.trial:,} cost {ratio:.2f} × those of trial {_EARLY:,}."


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=_TRIALS)
    parser.add_argument("--slots", type=int, default=_SLOTS)
    arguments = parser.parse_args()
    with simulated(arguments.slots):
        scale = measure(arguments.trials, arguments.slots)
    text = tables(scale)
    print(text)
    if (arguments.trials, arguments.slots) == (_TRIALS, _SLOTS):
        print(record.save("scale", scale, text))


if __name__ == "__main__":
    main()
