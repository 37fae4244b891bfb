"""Each private name of Optuna that the search uses buys time alone: without it a search is the same."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import optuna
import pytest

from search.study import internals
from search.study.open_study import StudySpec, open_study
from search.study.storage.database import Database
from tests.search.conftest import WORK, Watcher, fixed_settings


def take_away(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can import a module any more; Optuna itself, which has done so, goes on with it."""
    parent, _, name = module.rpartition(".")
    monkeypatch.delattr(importlib.import_module(parent), name)
    monkeypatch.setitem(sys.modules, module, None)


def change_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna's method works as before and takes its arguments otherwise."""
    theirs = optuna.storages.RDBStorage._set_trial_param_without_commit

    def changed(self: optuna.storages.RDBStorage, *arguments: Any) -> None:
        theirs(self, *arguments)

    monkeypatch.setattr(optuna.storages.RDBStorage, "_set_trial_param_without_commit", changed)


@pytest.fixture(autouse=True)
def said_anew() -> Iterator[None]:
    """What is said once a process is said in each test."""
    internals._say.cache_clear()
    yield
    internals._say.cache_clear()


def search(spec: StudySpec, database: Database) -> list[tuple[dict[str, Any], str]]:
    """Fifteen trials: their configurations, the later ones drawn by TPE, and how they ended."""
    study = open_study(replace(spec, database=database, fixed=fixed_settings(epochs=3), sampler="tpe"), Watcher())
    running = []
    for number in range(15):
        running.append(study.ask())
        if number % 3:
            continue
        for assignment in running:
            stops = study.report(assignment.number, 1, assignment.config.dense_dropout)
            study.finish(assignment.number, WORK, pruned=stops)
        running.clear()
    study.close()
    stored = optuna.load_study(study_name=spec.name, storage=database.url).trials
    return [(trial.params, trial.state.name) for trial in stored]


@pytest.mark.parametrize(
    ("take", "said"),
    [
        (lambda patch: take_away("optuna.samplers._tpe._truncnorm", patch), "TPE takes Optuna's own normal"),
        (lambda patch: take_away("optuna.storages._rdb.models", patch), "Optuna's storage writes a trial's parameters"),
        (change_the_arguments, "Optuna's storage writes a trial's parameters"),
    ],
)
def test_without_a_private_name_the_search_is_the_same_and_the_log_says_so_once(
    take: Callable[[pytest.MonkeyPatch], None],
    said: str,
    spec: StudySpec,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = spec.database.file()
    assert file is not None
    beside = Database(spec.database.url.replace(file.name, "other.db"))
    with caplog.at_level(logging.WARNING):
        expected = search(spec, spec.database)
        assert not caplog.messages
        take(monkeypatch)
        found = search(spec, beside)
    assert len(found) == 15
    for (here, ended), (there, expected_end) in zip(found, expected, strict=True):
        assert here == pytest.approx(there)
        assert ended == expected_end
    assert [message.startswith(said) for message in caplog.messages] == [True]


def test_optunas_function_is_its_own_again_after_a_draw() -> None:
    from optuna.samplers._tpe import _truncnorm

    theirs = _truncnorm._log_ndtr
    with internals.normal_for_arrays():
        assert _truncnorm._log_ndtr is not theirs
    assert _truncnorm._log_ndtr is theirs
