"""The best model over time: four ways to search, with the same budget in wall time, start-up included.

python -m benchmarks.time_to_good [--seeds 0 1 2] [--budget 55] [--images 2400] [--epochs 3] [--only service]

All begin with the documented network and train on the same images; benchmarks/seekers/ says what each is. The clock
starts with the command, which is killed when the budget is used up. What counts is the validation accuracy of trials
that have had all their epochs.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf, isinf
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import AS_IT_COMES
from benchmarks.record import save, table
from benchmarks.seekers import service, task
from benchmarks.seekers.task import Ended, Task

SEEKERS: Final[Mapping[str, str]] = {
    "ray_tune_stock": "(b) Ray Tune as documented",
    "keras_tuner": "(c) KerasTuner",
    "optuna_processes": "(d) Optuna, a process a core",
    "service": "(e) this service",
}
_PROJECT: Final = Path(__file__).resolve().parents[1]
_SEEDS: Final = (0, 1, 2)
_BUDGET_SECONDS: Final = 55.0
_IMAGES: Final = 2_400
_EPOCHS: Final = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A trial that had all its epochs so many seconds after the command, and its validation accuracy."""

    seconds: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What one search found within its budget, in order of time."""

    seeker: str
    seed: int
    found: tuple[Found, ...]

    def best(self) -> float:
        """The best accuracy at the end; 0 where no trial came to its end."""
        return max((each.accuracy for each in self.found), default=0.0)

    def best_over_time(self) -> tuple[Found, ...]:
        """Each trial that was better than all before it."""
        rising: list[Found] = []
        for each in self.found:
            if not rising or each.accuracy > rising[-1].accuracy:
                rising.append(each)
        return tuple(rising)

    def seconds_to(self, accuracy: float) -> float:
        """When it first had a model at least so good; infinity if it never had."""
        return next((each.seconds for each in self.best_over_time() if each.accuracy >= accuracy), inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToGood:
    """The searches, and what all were given. Of `images`, one in six was validated on."""

    budget_seconds: float
    images: int
    epochs: int
    searches: tuple[Search, ...]

    def of(self, seeker: str) -> tuple[Search, ...]:
        """The searches of one seeker, by seed."""
        return tuple(sorted((each for each in self.searches if each.seeker == seeker), key=lambda each: each.seed))

    def shares_of_budget(self, seeker: str) -> tuple[float, ...]:
        """When the service had what `seeker` had at the end, in budgets, seed by seed; infinity if never."""
        pairs = zip(self.of("service"), self.of(seeker), strict=True)
        return tuple(own.seconds_to(other.best()) / self.budget_seconds for own, other in pairs)


def within(ended: Sequence[Ended], begun: float, budget_seconds: float) -> tuple[Found, ...]:
    """What had ended within the budget of a command begun at `begun` (seconds of the epoch), in order of time."""
    found = (Found(each.ended - begun, each.accuracy) for each in ended)
    return tuple(sorted((each for each in found if each.seconds <= budget_seconds), key=lambda each: each.seconds))


def search(seeker: str, given: Task, budget_seconds: float) -> Search:
    """Let one seeker search until its budget is used up, in a process of its own.

    Raises:
        RuntimeError: when it ends before that.
    """
    with tempfile.TemporaryDirectory(prefix="seek", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        own = [sys.executable, "-m", f"benchmarks.seekers.{seeker}", *given.arguments()]
        command = service.command(given, folder) if seeker == "service" else own
        environment = os.environ | {"TMPDIR": name} | ({} if seeker == "service" else AS_IT_COMES)
        with (folder / "out").open("w") as output, (folder / "err").open("w") as errors:
            begun = time.time()
            process = subprocess.Popen(  # noqa: S603 - our own modules
                command, cwd=_PROJECT, env=environment, stdout=output, stderr=errors
            )
            with _killed_at_the_end(process), suppress(subprocess.TimeoutExpired):
                process.wait(budget_seconds)
                last = (folder / "err").read_text(errors="replace")[-4000:]
                raise RuntimeError(
                    f"{' '.join(command)} must search until it is killed. Received: {process.returncode}.\n{last}"
                )
        ended = service.ended_trials(folder) if seeker == "service" else task.read((folder / "out").read_text())
    return Search(seeker=seeker, seed=given.seed, found=within(ended, begun, budget_seconds))


@contextmanager
def _killed_at_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the process and all that it started, first to last, so that nobody is left to start more."""
    try:
        yield
    finally:
        for number in [process.pid, *_descendants(process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        process.wait()


def _descendants(process: int) -> list[int]:
    """Every process below this one, parents before children."""
    children = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
            children[int(parent)].append(int(entry.name))
    found = [process]
    for number in found:
        found += children[number]
    return found[1:]


def measure(asked: argparse.Namespace) -> TimeToGood:
    """Every seeker with one seed, then with the next: what the machine does meanwhile meets all of them."""
    searches = []
    for seed in asked.seeds:
        for seeker in asked.only:
            given = Task.of([str(seed), str(asked.images), str(asked.epochs)])
            searches.append(search(seeker, given, asked.budget))
            curve = ", ".join(f"{each.accuracy:.3f} at {each.seconds:.0f} s" for each in searches[-1].best_over_time())
            print(f"  seed {seed} {seeker} {len(searches[-1].found)} trials: {curve}", file=sys.stderr, flush=True)
    return TimeToGood(budget_seconds=asked.budget, images=asked.images, epochs=asked.epochs, searches=tuple(searches))


def tables(result: TimeToGood) -> str:
    """One table, and under it what all were given."""
    header = ("search", "full trials", "best at the end", "range", "(e) has it at", "range of that")
    there = {each.seeker for each in result.searches}
    rows = [_row(result, seeker, "service" in there) for seeker in SEEKERS if seeker in there]
    seeds = len({each.seed for each in result.searches})
    return (
        f"{table(header, rows)}\n\n{result.budget_seconds:g} s from the command, {result.images:,} images, "
        f"{result.epochs} epochs a trial; medians of {seeds} seeds. “(e) has it at” is the share of the budget after "
        "which this service had a model at least as good as that search's last best with the same seed."
    )


def _row(result: TimeToGood, seeker: str, with_service: bool) -> tuple[str, ...]:
    every = result.of(seeker)
    best = [each.best() for each in every]
    shares = result.shares_of_budget(seeker) if with_service and seeker != "service" else ()
    return (
        SEEKERS[seeker],
        f"{median(len(each.found) for each in every):g}",
        f"{median(best):.3f}",
        f"{min(best):.3f} to {max(best):.3f}",
        _share(median(shares)) if shares else "",
        f"{_share(min(shares))} to {_share(max(shares))}" if shares else "",
    )


def _share(share: float) -> str:
    return "not reached" if isinf(share) else f"{share:.0%}"


def main() -> None:
    """Measure, print the table, keep the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_good", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(_SEEDS))
    parser.add_argument("--budget", type=float, default=_BUDGET_SECONDS, help="seconds of each search")
    parser.add_argument("--images", type=int, default=_IMAGES, help="one in six is validated on")
    parser.add_argument("--epochs", type=int, default=_EPOCHS, help="of each trial")
    parser.add_argument("--only", nargs="+", choices=list(SEEKERS), default=list(SEEKERS))
    asked = parser.parse_args()
    result = measure(asked)
    print(tables(result))
    if vars(asked) == vars(parser.parse_args([])):
        save("time_to_good", result, tables(result))


if __name__ == "__main__":
    main()
