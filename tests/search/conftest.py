"""A study in a database of its own, and somebody who watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fashion_model.source import local_source
from search.records import TrialRecord
from search.storage import StudySpec, open_study, sqlite_url
from search.study import Counts, SearchStudy, Work

WORK = Work(worker="host:1", started="2026-01-01T00:00:00+00:00", seconds=2.0, cpu_seconds=1.5)


@dataclass
class Watcher:
    """An observer that remembers what it saw."""

    counts: list[Counts] = field(default_factory=list)
    records: list[TrialRecord] = field(default_factory=list)

    def changed(self, counts: Counts) -> None:
        self.counts.append(counts)

    def ended(self, record: TrialRecord) -> None:
        self.records.append(record)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def spec(tmp_path: Path) -> StudySpec:
    url = sqlite_url(tmp_path / "study.db")
    return StudySpec(name="s", url=url, sampler="random", pruner="halving", seed=0, epochs=9, split_sha256="ab")


@pytest.fixture
def study(spec: StudySpec, watcher: Watcher) -> SearchStudy:
    return open_study(spec, watcher)


@pytest.fixture
def run_trial() -> Callable[[SearchStudy, list[float]], int]:
    """Asks for a trial, reports these values until the pruner says stop, and ends it. Returns its number."""

    def run(study: SearchStudy, values: list[float]) -> int:
        number = study.ask().number
        for epoch, value in enumerate(values, start=1):
            if study.report(number, epoch, value):
                study.finish(number, WORK, pruned=True)
                return number
        study.finish(number, WORK, pruned=False)
        return number

    return run


@pytest.fixture(scope="session")
def real_data() -> str:
    """The folder of the real data set, wherever this machine has it."""
    source = local_source(None)
    if source is None:
        pytest.skip("Fashion-MNIST is not on this machine: `make data` gets it")
    return str(source.folder)
