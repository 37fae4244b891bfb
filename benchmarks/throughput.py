"""How much of the hardware goes into training: one job through each contender, in turn.

python -m benchmarks.throughput [--jobs short long] [--rounds 3 2] [--only service ceiling]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from benchmarks import AS_IT_COMES
from benchmarks.contenders.told import Told
from benchmarks.jobs import JOBS, Job
from benchmarks.record import save, table

# name -> the words for it, and how many trainings it runs at a time on so many cores
CONTENDERS: Final[Mapping[str, tuple[str, Callable[[int], int]]]] = {
    "documented_script": ("(a) the documented script", lambda cores: 1),
    "ray_tune_stock": ("(b) Ray Tune as documented", lambda cores: cores),
    "keras_tuner": ("(c) KerasTuner", lambda cores: 1),
    "optuna_processes": ("(d) Optuna, a process a core", lambda cores: cores),
    "service": ("(e) this service", lambda cores: cores),
    "ceiling": ("(f) bare training loops", lambda cores: cores),
}
_OURS: Final = ("service", "ceiling")
_PROJECT: Final = Path(__file__).resolve().parents[1]
_SECONDS_TO_ANSWER: Final = 1800
_MATRIX_SIDE: Final = 2048
_MATRIX_REPEATS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What one contender did on one job: wall seconds of each run, and what it told of each.

    `start_seconds`, of those that tell of it, is the time from the command to the first training.
    """

    contender: str
    seconds: tuple[float, ...]
    told: tuple[Told, ...]
    start_seconds: tuple[float, ...]

    def trial_epochs_an_hour(self, job: Job) -> float:
        """Passes over 60,000 images, of any of the job's configurations, that an hour would hold (median)."""
        return 3600 * job.trial_epochs() / median(self.seconds)

    def outside_seconds(self, job: Job) -> float:
        """Seconds of a slot that no training filled, for each configuration (median)."""
        slots = CONTENDERS[self.contender][1](os.cpu_count() or 1)
        return median(
            max(0.0, slots * wall - sum(told.training_seconds)) / job.configs
            for wall, told in zip(self.seconds, self.told, strict=True)
        )

    def gflops(self, job: Job) -> float:
        """Floating-point operations a second, in 10^9, of the network's multiply-adds alone (median)."""
        return job.gflop() / median(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """Every job's runs, and the peak of the machine's matrix product in GFLOP/s, float32, all cores."""

    jobs: Mapping[str, tuple[Runs, ...]]
    peak_gflops: float


@dataclass(frozen=True, slots=True)
class _Run:
    """One run, begun at a time in seconds of the epoch."""

    begun: float
    seconds: float
    told: Told


def _run(contender: str, job: Job) -> _Run:
    """Let one contender do the job, in a process of its own.

    Raises:
        RuntimeError: when the command fails.
    """
    command = [sys.executable, "-m", f"benchmarks.contenders.{contender}", job.name]
    environment = os.environ | ({} if contender in _OURS else AS_IT_COMES)
    begun, start = time.time(), time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own modules
        command, cwd=_PROJECT, env=environment, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} must end with 0. Received: {done.returncode}.\n{done.stderr[-4000:]}")
    told = Told.read(done.stdout)
    return _Run(begun, told.seconds or seconds, told)


def side_by_side(job: Job, contenders: Sequence[str], rounds: int) -> tuple[Runs, ...]:
    """Every contender once, then every one again: what the machine does meanwhile meets all of them."""
    found: dict[str, list[_Run]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in contenders:
            found[name].append(_run(name, job))
            seconds = found[name][-1].seconds
            print(f"  {job.name} {number + 1}/{rounds} {name} {seconds:.1f} s", file=sys.stderr, flush=True)
    return tuple(_runs(name, every) for name, every in found.items())


def _runs(contender: str, every: Sequence[_Run]) -> Runs:
    return Runs(
        contender=contender,
        seconds=tuple(each.seconds for each in every),
        told=tuple(each.told for each in every),
        start_seconds=tuple(
            each.told.first_training - each.begun for each in every if each.told.first_training is not None
        ),
    )


def times_as_fast(runs: Runs, service: Runs) -> float:
    """How many times as fast as `runs` the service is: the median of the ratios round by round."""
    return median(other / own for other, own in zip(runs.seconds, service.seconds, strict=True))


def peak_gflops() -> float:
    """The fastest of some float32 matrix products on all cores, through numpy's BLAS."""
    left, right = np.random.default_rng(0).random((2, _MATRIX_SIDE, _MATRIX_SIDE), dtype=np.float32)
    best = float("inf")
    for _ in range(_MATRIX_REPEATS):
        start = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - start)
    return float(2 * _MATRIX_SIDE**3 / best / 1e9)


def tables(result: Throughput) -> str:
    """A table for each job."""
    return "\n\n".join(_table(JOBS[name], runs, result.peak_gflops) for name, runs in result.jobs.items())


def _table(job: Job, every: Sequence[Runs], peak: float) -> str:
    header = ("job " + job.name, "seconds", "trial-epochs/h", "outside training s/trial", "of peak", "(e) is faster by")
    service = next((runs for runs in every if runs.contender == "service"), None)
    rows = [
        (
            CONTENDERS[runs.contender][0],
            f"{median(runs.seconds):.1f}",
            f"{runs.trial_epochs_an_hour(job):.0f}",
            f"{runs.outside_seconds(job):.2f}",
            f"{runs.gflops(job) / peak:.0%}",
            f"{times_as_fast(runs, service):.2f} ×" if service and runs is not service else "",
        )
        for runs in every
    ]
    text = table(header, rows)
    if service and service.told[0].gap_seconds:
        gap = median(gap for told in service.told for gap in told.gap_seconds)
        first = median(service.start_seconds)
        text += f"\n\n(e): {gap:.2f} s between two trials of a worker, {first:.1f} s from the command to the first."
    return text


def main() -> None:
    """Measure, print the tables, keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", nargs="+", choices=list(JOBS), default=["short", "long"])
    parser.add_argument("--rounds", nargs="+", type=int, default=[1], help="of each job; the last for the rest")
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    asked = parser.parse_args()
    rounds = [asked.rounds[min(index, len(asked.rounds) - 1)] for index in range(len(asked.jobs))]
    jobs = {name: side_by_side(JOBS[name], asked.only, count) for name, count in zip(asked.jobs, rounds, strict=True)}
    result = Throughput(peak_gflops=peak_gflops(), jobs=jobs)
    print(tables(result))
    if len(asked.only) == len(CONTENDERS):
        save("throughput", result, tables(result))


if __name__ == "__main__":
    main()
