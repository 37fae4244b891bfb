"""Opening studies: every sampler and pruner works on the space, seeds decide, and a bad database is a clear error."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import optuna
import pytest

from search.settings import PRUNERS, SAMPLERS, PrunerName, SamplerName, SettingsError
from search.storage import StorageError, StudySpec, open_study, sqlite_url
from search.study import SearchStudy

from .conftest import Watcher

RunTrial = Callable[[SearchStudy, list[float]], int]
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="Optuna's GP sampler needs torch: the extra `gp`")
SAMPLER_PARAMETERS = [pytest.param(name, marks=needs_torch if name == "gp" else ()) for name in SAMPLERS]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLER_PARAMETERS)
def test_every_sampler_brings_trials_to_an_end(sampler: SamplerName, spec: StudySpec, run_trial: RunTrial) -> None:
    study = open_study(replace(spec, sampler=sampler, pruner="none"), Watcher())
    for index in range(14):  # past the ten that TPE and GP draw at random
        run_trial(study, [0.5 + index / 100])
    assert [record.status for record in study.records()] == ["COMPLETE"] * 14
    assert len({record.config for record in study.records()}) == 14


@pytest.mark.slow
@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_pruner_stops_the_bad_trials_and_none_stops_nothing(
    pruner: PrunerName, spec: StudySpec, run_trial: RunTrial
) -> None:
    study = open_study(replace(spec, pruner=pruner), Watcher())
    for index in range(20):
        run_trial(study, [0.9 - index / 50] * spec.epochs)
    pruned = sum(record.status == "PRUNED" for record in study.records())
    assert pruned == 0 if pruner == "none" else pruned >= 5


@pytest.mark.slow
def test_halving_keeps_a_third_at_each_rung(spec: StudySpec, run_trial: RunTrial) -> None:
    study = open_study(spec, Watcher())
    for index in range(60):
        run_trial(study, [((index * 7) % 60) / 60] * 9)
    lasts = [record.intermediate[-1][0] for record in study.records() if not record.is_reference]
    assert set(lasts) == {1, 3, 9}
    assert lasts.count(1) >= 30


def test_the_same_seed_draws_the_same_points_and_another_seed_others(tmp_path: Path, spec: StudySpec) -> None:
    def configs(name: str, seed: int) -> list[object]:
        study = open_study(replace(spec, url=sqlite_url(tmp_path / name), seed=seed), Watcher())
        return [study.ask().config for _ in range(5)]

    assert configs("a.db", 1) == configs("b.db", 1)
    assert configs("c.db", 2)[1:] != configs("d.db", 1)[1:]


def test_the_hash_of_the_split_is_stored_with_the_study(spec: StudySpec, study: SearchStudy) -> None:
    stored = optuna.load_study(study_name=spec.name, storage=spec.url)
    assert stored.user_attrs == {"split_sha256": "ab"}


def test_a_study_that_rests_on_another_split_is_refused(spec: StudySpec, study: SearchStudy) -> None:
    with pytest.raises(SettingsError, match=r"must share one split. Received: study s rests on split ab, .* on cd"):
        open_study(replace(spec, split_sha256="cd"), Watcher())


def test_the_database_is_in_write_ahead_mode(spec: StudySpec, study: SearchStudy, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "study.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_database_that_cannot_be_opened_is_named_with_the_remedy(spec: StudySpec, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"must be readable and writable. Received: sqlite:///.*missing.*--storage"):
        open_study(replace(spec, url=f"sqlite:///{tmp_path}/missing/study.db"), Watcher())


def test_a_file_that_is_no_database_is_a_storage_error_and_stays(spec: StudySpec, tmp_path: Path) -> None:
    path = tmp_path / "garbage.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        open_study(replace(spec, url=sqlite_url(path)), Watcher())
    assert path.read_bytes() == b"this is no database" * 100
