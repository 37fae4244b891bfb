"""Opening studies: every sampler and pruner works on the space, seeds decide, and what was there is gone on from."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import optuna
import pytest

from search.command.settings import PRUNERS, SAMPLERS, PrunerName, SamplerName
from search.study.open_study import StudySpec, open_study
from search.study.storage.database import Database, sqlite_url
from search.worker.faults import StorageError
from tests.search.conftest import RunTrial, Watcher, fixed_settings, in_optuna, on_every_database

needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="Optuna's GP sampler needs torch: the extra `gp`")
SAMPLER_PARAMETERS = [pytest.param(name, marks=needs_torch if name == "gp" else ()) for name in SAMPLERS]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", SAMPLER_PARAMETERS)
def test_every_sampler_brings_trials_to_an_end_and_repeats_no_draw_when_the_study_is_opened_again(
    sampler: SamplerName, spec: StudySpec, run_trial: RunTrial
) -> None:
    for _ in range(4):  # to the twelfth trial: TPE and GP draw ten at random
        study = open_study(replace(spec, sampler=sampler, pruner="none"), Watcher())
        for _ in range(3):
            run_trial(study, [0.5 + len(study.records()) / 100])
        study.close()
    assert [record.status for record in study.records()] == ["COMPLETE"] * 12
    assert len({record.config for record in study.records()}) == 12


@pytest.mark.slow
@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_pruner_stops_the_bad_trials_and_none_stops_nothing(
    pruner: PrunerName, spec: StudySpec, run_trial: RunTrial
) -> None:
    study = open_study(replace(spec, pruner=pruner), Watcher())
    for index in range(20):
        run_trial(study, [0.9 - index / 50] * spec.fixed.epochs)
    pruned = sum(record.status == "PRUNED" for record in study.records())
    assert pruned == 0 if pruner == "none" else pruned >= 5


def test_the_same_seed_draws_the_same_points_and_another_seed_others(tmp_path: Path, spec: StudySpec) -> None:
    def configs(name: str, seed: int) -> list[object]:
        there = Database(sqlite_url(tmp_path / name))
        study = open_study(replace(spec, database=there, fixed=fixed_settings(epochs=9, seed=seed)), Watcher())
        return [study.ask().config for _ in range(4)]

    assert configs("a.db", 1) == configs("b.db", 1)
    assert configs("c.db", 2)[1:] != configs("d.db", 1)[1:]


@on_every_database
def test_a_study_that_must_be_there_is_opened_and_one_that_is_not_there_is_refused(
    spec: StudySpec, run_trial: RunTrial
) -> None:
    run_trial(open_study(spec, Watcher()), [0.5])
    assert len(open_study(spec, Watcher(), exists=True).records()) == 1
    with pytest.raises(StorageError, match=r"Received: .*, which holds no study another\. Check --storage"):
        open_study(replace(spec, name="another"), Watcher(), exists=True)
    assert optuna.get_all_study_names(spec.database.url) == ["s"]


@on_every_database
def test_a_driver_that_died_before_it_stored_the_terms_left_an_empty_study_that_is_begun(spec: StudySpec) -> None:
    optuna.create_study(study_name=spec.name, storage=spec.database.url, direction="maximize")
    assert open_study(spec, Watcher()).ask().number == 0
    assert in_optuna(spec).user_attrs["terms"]["epochs"] == 9


@on_every_database
def test_studies_of_two_names_in_one_database_do_not_mix(spec: StudySpec, run_trial: RunTrial) -> None:
    first = open_study(spec, Watcher())
    run_trial(first, [0.5])
    second = open_study(replace(spec, name="other", fixed=fixed_settings(epochs=3)), Watcher())
    run_trial(second, [0.7])
    assert [record.value for record in open_study(spec, Watcher()).records()] == [0.5]
    assert second.ask().number == 1


def test_a_server_that_is_not_there_is_a_storage_error_without_the_password(spec: StudySpec) -> None:
    nobody = Database("postgresql+psycopg://me:s3cret@127.0.0.1:9/db")
    with pytest.raises(StorageError, match=r"must be readable and writable\. Received: postgresql.*:\*\*\*@") as error:
        open_study(replace(spec, database=nobody), Watcher())
    assert "s3cret" not in str(error.value)
