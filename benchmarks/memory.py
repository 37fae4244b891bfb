"""What a worker's process holds after 1 to 200 trials of the real space: `python -m benchmarks.memory`, some 6 minutes.

One worker on a local Ray, two cores, 250 images, 1 epoch a trial: small enough that what a trial leaves behind shows,
and each traces its own graphs. What is watched is the process itself, from outside, each time that a trial has ended.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.contenders.points import Silent
from benchmarks.record import save, table
from cluster.connect import connected
from cluster.resources import TrialResources
from fashion_model.data.published import find_source
from fashion_model.data.splits import load_training
from fashion_model.task import FASHION_MNIST
from reports.records import TrialRecord
from search.command.settings import Settings
from search.places.ray.place import OnRay
from search.study.open_study import StudySpec, open_study
from search.study.storage.database import Database, sqlite_url
from search.study.storage.lock import StudyLock
from search.worker.assignment import TrialPlan
from search.worker.checkpoints import CheckpointStore

_SHOWN: Final = (1, 2, 5, 10, 20, 50, 100, 150, 200)
_IMAGES: Final = 300  # 250 to train on
_CORES: Final = 2.0
_SETTLED: Final = 20  # trials, after which TensorFlow's own caches are warm
_NEVER: Final = 2**60  # bytes: the worker is not to be replaced


@dataclass(frozen=True, slots=True)
class Sample:
    """A worker after so many trials: megabytes (10^6) in RAM, open files, threads, seconds since the start."""

    trials: int
    megabytes: float
    files: int
    threads: int
    seconds: float


@dataclass(slots=True)
class Watch(Silent):
    """An observer of the study that looks at the worker after each trial."""

    samples: list[Sample] = field(default_factory=list)
    workers: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)

    def starts_again(self, record: TrialRecord) -> None:
        """It counts as a failure here."""
        self.failures.append(record.reason)

    def ended(self, record: TrialRecord) -> None:
        """Look at the process."""
        if record.status == "FAIL":
            self.failures.append(record.reason)
        self.workers.add(record.work.worker)
        process = Path("/proc") / record.work.worker.rpartition(":")[2]
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        self.samples.append(
            Sample(
                trials=len(self.samples) + 1,
                megabytes=int(status["VmRSS"].split()[0]) * 1024 / 1e6,
                files=len(list((process / "fd").iterdir())),
                threads=int(status["Threads"]),
                seconds=time.monotonic() - self._start,
            )
        )


@dataclass(frozen=True, slots=True)
class Result:
    """`growth` is the memory after the last trial over that after the first 20, less one; `failures` says why each
    trial that failed did."""

    growth: float
    processes: int
    failures: tuple[str, ...]
    samples: tuple[Sample, ...]


def measure(trials: int, folder: Path) -> Result:
    """Run so many trials through one worker."""
    watch, splits = Watch(), load_training(find_source(), seed=0, size=_IMAGES)
    settings = Settings(name="memory", epochs=1, sampler="random", pruner="none", start_with="reference")
    lock = StudyLock(Database(sqlite_url(folder / "study.db")), "memory")
    spec = StudySpec.of(settings, lock, folder, splits.sha256, FASHION_MNIST)
    with connected("local"):
        place = OnRay(TrialResources(cpus=_CORES, gpus=0.0), 1, CheckpointStore(str(folder)), worker_bytes=_NEVER)
        place.run_trials(open_study(spec, watch), splits, TrialPlan(trials=trials, epochs=1, seed=0))
    settled = watch.samples[min(_SETTLED, trials) - 1].megabytes
    growth = watch.samples[-1].megabytes / settled - 1
    return Result(growth, len(watch.workers), tuple(watch.failures), tuple(watch.samples))


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--trials", type=int, default=_SHOWN[-1])
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        result = measure(trials, Path(folder))
    text = tables(result)
    print(text)
    if trials == _SHOWN[-1]:
        print(f"wrote {save('memory', result, text)}", file=sys.stderr)


def tables(result: Result) -> str:
    """What the worker held after some of the trials."""
    trials = result.samples[-1].trials
    rows = [
        [str(s.trials), f"{s.megabytes:.0f}", str(s.files), str(s.threads), f"{s.seconds:.0f}"]
        for s in result.samples
        if s.trials in _SHOWN or s.trials == trials
    ]
    growth = f"{result.growth:+.1%} from trial {_SETTLED} to {trials}"
    reasons = f" ({'; '.join(result.failures)})" if result.failures else ""
    told = f"{growth}, {result.processes} process, {len(result.failures)} failed{reasons}"
    return f"{table(['after trials', 'MB', 'files', 'threads', 'seconds'], rows)}\n\n{told}."


if __name__ == "__main__":
    main()
