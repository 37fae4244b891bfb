"""The terms of a study: which they are, and a line for each that differs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import optuna
import pytest

from search.command.settings import Settings, SettingsError
from search.study.open_study import FixedSettings, StudySpec, open_study
from search.study.study import SearchStudy
from tests.search.conftest import Watcher, fixed_settings, in_optuna, on_every_database

OURS = fixed_settings(epochs=9)
OTHERS: dict[str, tuple[FixedSettings, list[str]]] = {
    "epochs": (fixed_settings(epochs=8), ["epochs: 9 in the study, 8 now"]),
    "seed": (fixed_settings(epochs=9, seed=3), ["seed: 0 in the study, 3 now"]),
    "split": (fixed_settings(epochs=9, split_sha256="cd" * 32), ["split_sha256: ab in the study, cdcdcdcd now"]),
    "files": (
        replace(OURS, files_sha256="0" * 64),
        [f"files_sha256: {OURS.files_sha256[:8]} in the study, 00000000 now"],
    ),
    "a range": (
        replace(OURS, space={**OURS.space, "dense_units": "1 to 2"}),
        ["space.dense_units: 32 to 256, log in the study, 1 to 2 now"],
    ),
    "a new parameter": (
        replace(OURS, space={**OURS.space, "gamma": "0 to 1"}),
        ["space.gamma: not there in the study, 0 to 1 now"],
    ),
    "a parameter less": (
        replace(OURS, space={name: words for name, words in OURS.space.items() if name != "pooling"}),
        ["space.pooling: max in the study, not there now"],
    ),
    "the reference": (
        replace(OURS, reference={**OURS.reference, "dense_units": 64}),
        ["reference.dense_units: 128 in the study, 64 now"],
    ),
    "several": (
        replace(fixed_settings(epochs=8, seed=3), objective="minimize the loss"),
        [
            "epochs: 9 in the study, 8 now",
            "objective: maximize the validation accuracy after the last epoch in the study, minimize the loss now",
            "seed: 0 in the study, 3 now",
        ],
    ),
}


@on_every_database
def test_the_terms_are_stored_with_the_study_and_come_back_without_a_difference(
    spec: StudySpec, study: SearchStudy
) -> None:
    stored = in_optuna(spec).user_attrs["terms"]
    assert stored == json.loads(json.dumps(asdict(OURS)))
    assert OURS.differences(stored) == ()
    assert open_study(spec, Watcher(), exists=True).ask().number == 0


@pytest.mark.parametrize("what", OTHERS)
def test_each_term_that_differs_has_a_line(what: str) -> None:
    other, lines = OTHERS[what]
    assert other.differences(json.loads(json.dumps(asdict(OURS)))) == tuple(lines)


@on_every_database
def test_other_terms_are_refused_with_exactly_the_lines_that_differ_and_the_study_stays(spec: StudySpec) -> None:
    number = open_study(spec, Watcher()).ask().number  # under way while somebody tries other terms
    other, lines = OTHERS["several"]
    with pytest.raises(SettingsError) as error:
        open_study(replace(spec, fixed=other), Watcher())
    first, *differing, last = str(error.value).splitlines()
    assert first == "All trials of a study must have the same settings. Received for study s:"
    assert differing == [f"  {line}" for line in lines]
    assert last == "Go on with the study's own settings, or start another with --name."
    (trial,) = in_optuna(spec).trials
    assert (trial.number, trial.state.name) == (number, "RUNNING")


def test_a_study_of_somebody_elses_is_refused_with_every_term(spec: StudySpec) -> None:
    foreign = optuna.create_study(study_name="s", storage=spec.database.url)
    foreign.add_trial(optuna.create_trial(value=1.0))
    with pytest.raises(SettingsError, match=r"epochs: not there in the study, 9 now"):
        open_study(spec, Watcher())
    assert "terms" not in in_optuna(spec).user_attrs


@pytest.mark.parametrize(
    ("changes", "name", "theirs", "ours"),
    [
        ({"space": ("optimizer=adamw",)}, "optimizer", "sgd | adam | adamw", "adamw"),
        ({"space": ("batch_size = 64 | 256",)}, "batch_size", "32 | 64 | 128", "64 | 256"),
        ({"max_params": 50_000}, "most parameters", "1,000,000", "50,000"),
        ({"size": "medium"}, "most multiply-adds", "10,000,000", "60,000,000"),
    ],
)
def test_what_the_user_asks_of_the_space_is_a_term_of_the_study(
    changes: dict[str, Any], name: str, theirs: str, ours: str
) -> None:
    other = FixedSettings.of(Settings(name="s", epochs=9, **changes), "ab")
    assert f"space.{name}: {theirs} in the study, {ours} now" in other.differences(asdict(OURS))


def test_a_study_from_before_a_field_of_the_configuration_was_there_has_its_default() -> None:
    ours = fixed_settings(epochs=9)
    stored = asdict(ours)
    before = {name: value for name, value in stored["reference"].items() if name not in ("residual", "head")}
    assert ours.differences(stored | {"reference": before}) == ()
    other = ours.differences(stored | {"reference": before | {"dense_units": 64}})
    assert other == ("reference.dense_units: 64 in the study, 128 now",)
