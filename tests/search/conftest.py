"""A study in a database of its own, and somebody who watches it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import optuna
import pytest

from fashion_model.data.published import local_source
from reports.records import Counts, TrialRecord, Work
from search.command.settings import Settings
from search.study.open_study import FixedSettings, StudySpec, open_study
from search.study.space import Space
from search.study.storage.database import Database, sqlite_url
from search.study.storage.lock import StudyLock
from search.study.study import SearchStudy
from search.worker.checkpoints import CheckpointStore

from .disk import mounted_disk
from .postgres import connections_closed, fresh_database, server

WORK = Work(worker="host:1", started="2026-01-01T00:00:00+00:00", seconds=2.0, cpu_seconds=1.5)


# networks that are compiled in a second or two, where a test is not about the space
NARROW = Space(lines=("base_filters = 8", "convs_per_block = 1", "dense_units = 32", "optimizer = adam"))


@cache  # drawing the ranges takes as long as most tests
def fixed_settings(*, epochs: int, seed: int = 0, split_sha256: str = "ab") -> FixedSettings:
    """The settings that a study of a search fixes."""
    return FixedSettings.of(Settings(name="s", epochs=epochs, seed=seed), split_sha256)


def study_in(folder: Path, database: Database | None = None, *, epochs: int = 9, **changes: Any) -> StudySpec:
    """A study `s` in a folder, for a search of so many epochs."""
    database = database or Database(sqlite_url(folder / "study.db"), patience_seconds=2.0)
    lock, fixed = StudyLock(database, "s"), fixed_settings(epochs=epochs)
    spec = StudySpec(name="s", database=database, folder=folder, lock=lock, fixed=fixed, sampler="random")
    return replace(spec, **changes)


def in_optuna(spec: StudySpec) -> optuna.Study:
    """The study as Optuna's own reader finds it."""
    return optuna.load_study(study_name=spec.name, storage=spec.database.url)


@dataclass
class Watcher:
    """An observer that remembers what it saw."""

    counts: list[Counts] = field(default_factory=list)
    epochs: list[tuple[int, int]] = field(default_factory=list)
    records: list[TrialRecord] = field(default_factory=list)
    again: list[TrialRecord] = field(default_factory=list)

    def changed(self, counts: Counts) -> None:
        self.counts.append(counts)

    def reported(self, number: int, epoch: int) -> None:
        self.epochs.append((number, epoch))

    def ended(self, record: TrialRecord) -> None:
        self.records.append(record)

    def starts_again(self, record: TrialRecord) -> None:
        self.again.append(record)


class Acts(Watcher):
    """Does one thing after another, each when so many epochs more have been reported."""

    def __init__(self, every: int, acts: list[Callable[[], object]]) -> None:
        super().__init__()
        self._every, self._acts, self._next = every, acts, every

    def changed(self, counts: Counts) -> None:
        super().changed(counts)
        if self._acts and counts.epochs >= self._next:
            self._next += self._every
            self._acts.pop(0)()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


# On a module or a test that uses a study: once with SQLite, and under `-m postgres` with PostgreSQL too
on_every_database = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server, by the URL of its administrator."""
    with server() as url:
        yield url


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with Optuna's tables and nothing in them: making them takes a fifth of a short test."""
    path = tmp_path_factory.mktemp("empty") / "study.db"
    database = Database(sqlite_url(path))
    database.close(database.connect())
    return path


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path, empty_tables: Path) -> Iterator[Database]:
    """An empty database: SQLite's, unless the test is marked `on_every_database`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        shutil.copy(empty_tables, tmp_path / "study.db")
        yield Database(sqlite_url(tmp_path / "study.db"), patience_seconds=2.0)
        return
    url = fresh_database(request.getfixturevalue("postgres_url"))
    with connections_closed():
        yield Database(url, patience_seconds=2.0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted_disk(folder):
        yield folder


@pytest.fixture
def spec(database: Database, tmp_path: Path) -> StudySpec:
    """A study of its own, for a search of 9 epochs."""
    return study_in(tmp_path, database)


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    """An empty place for checkpoints."""
    return CheckpointStore(str(tmp_path / "checkpoints"))


@pytest.fixture
def study(spec: StudySpec, watcher: Watcher) -> SearchStudy:
    return open_study(spec, watcher)


RunTrial = Callable[[SearchStudy, list[float]], int]


@pytest.fixture
def run_trial() -> RunTrial:
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


@pytest.fixture
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 200 columns that knows colours."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
