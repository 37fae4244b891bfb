"""The states of trials in the shared folder, watched from outside: who had got how far when a machine was lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from reports.records import TrialRecord

_POLL_SECONDS = 0.05


@dataclass(eq=False)
class Checkpoints(threading.Thread):
    """When the state after each epoch of each trial was written."""

    folder: Path
    written: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # (trial, epoch) -> times, ns
    closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        """Watch until `closing` is set."""
        while not self.closing.wait(_POLL_SECONDS):
            self.under_way()

    def under_way(self) -> set[int]:
        """The trials that have a state now."""
        trials = set()
        for path in self.folder.glob("trial-*/epoch-*.state"):
            with suppress(FileNotFoundError):
                trial, epoch = (int(part.rpartition("-")[2]) for part in (path.parent.name, path.stem))
                times = self.written.setdefault((trial, epoch), [])
                if path.stat().st_mtime_ns not in times:
                    times.append(path.stat().st_mtime_ns)
                trials.add(trial)
        return trials

    def newest_ns(self) -> int:
        """When the last of them was written."""
        return max(max(times) for times in list(self.written.values()))

    def must_go_on(self, trials: Sequence[TrialRecord], lost_ns: int) -> None:
        """The test fails unless trials were moved when a machine was lost, each to go on after its last state there."""
        moved = [trial for trial in trials if trial.attempts > 1]
        assert moved, "a machine with a trial was lost"
        for trial in moved:
            lineage = trial.number if trial.lineage is None else trial.lineage
            written = {epoch: times for (number, epoch), times in self.written.items() if number == lineage}
            before = max(epoch for epoch, times in written.items() if min(times) <= lost_ns)
            again = {epoch for epoch, times in written.items() if max(times) > lost_ns}
            assert before >= 1
            assert all(epoch > before for epoch in again), f"epochs {again} after {before} were there"


@contextmanager
def watched(folder: Path) -> Iterator[Checkpoints]:
    """Watch a folder of checkpoints for the body of the `with`."""
    checkpoints = Checkpoints(folder)
    checkpoints.start()
    try:
        yield checkpoints
    finally:
        checkpoints.closing.set()
        checkpoints.join()
