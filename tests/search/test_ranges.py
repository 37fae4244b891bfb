"""Ranges in words: what --fix, --space and --add-config take, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search.command.arguments import parse
from search.command.ranges import Range, parse_range, parse_space, read_config, read_space
from search.command.settings import SettingsError
from search.command.settings_files import as_toml
from search.study.space import DEFAULT

GOOD = {
    ("learning_rate", "0.0003 to 0.01, log"): Range(low=0.0003, high=0.01, log=True),
    ("conv_dropout", "0 to 0.3, step 0.05"): Range(low=0.0, high=0.3, step=0.05),
    ("conv_blocks", "2 to 3"): Range(low=2, high=3),
    ("activation", "relu | gelu"): Range(("relu", "gelu")),
    ("batch_norm", "True"): Range((True,)),
    ("batch_size", "64|128"): Range((64, 128)),
    ("multiply_adds", "1_000_000 to 2_000_000, log"): Range(low=1_000_000, high=2_000_000, log=True),
}


@pytest.mark.parametrize(("name", "text"), GOOD)
def test_a_range_is_read_and_its_words_are_read_again(name: str, text: str) -> None:
    assert parse_range(name, text) == GOOD[name, text]
    assert parse_range(name, str(GOOD[name, text])) == GOOD[name, text]


@pytest.mark.parametrize("line", DEFAULT)
def test_every_line_of_the_default_space_says_itself(line: str) -> None:
    ((name, values),) = parse_space([line]).items()
    assert parse_space([f"{name} = {values}"]) == {name: values}


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("dropout=0.1", r"Received: dropout\. Give one of activation, "),
        ("optimizer=lion", r"`optimizer` must be one of sgd, .* Received: optimizer='lion'"),
        ("learning_rate=0.1 to 0.01", "LOW must be less than HIGH"),
        ("learning_rate=0 to 0.01, log", "`learning_rate` must be from 1e-08"),
        ("conv_dropout=0 to 2", r"`conv_dropout` must be from 0\.0 to 0\.9"),
        ("batch_norm=maybe", r"`batch_norm` must be of type bool"),
        ("padding=same to valid", "padding has no order"),
        ("batch_size=many", r"batch_size must be \"LOW to HIGH\".* Received: many"),
        ("conv_dropout=0 to 0.5, step 0", "STEP a number above 0"),
        ("conv_dropout=0 to 0.5, step inf", "STEP a number above 0"),
        ("base_filters=8 to 64, step 1.5", "invalid literal for int"),
        ("batch_size", r"set by NAME=VALUE\. Received: batch_size"),
    ],
)
def test_what_is_no_range_is_refused_with_what_to_write(line: str, match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        parse(["--fix", line])


def test_filters_and_the_cost_that_they_follow_from_cannot_both_be_given() -> None:
    with pytest.raises(SettingsError, match=r"base_filters follows from multiply_adds\. Received: both"):
        parse(["--fix", "base_filters=32", "--fix", "multiply_adds=1000000 to 5000000"])


@pytest.mark.parametrize(
    "value", ["0.0012345678", "0.9999999", "1e-05 to 0.0012345678, log", "0 to 0.3, step 0.012345678"]
)
def test_a_number_of_a_file_keeps_its_digits(value: str, tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(f'weight_decay = "{value}"\n', encoding="utf-8")
    assert read_space(tmp_path / "space.toml") == (f"weight_decay = {value}",)


def test_a_configuration_that_a_file_of_settings_names_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("dense_units = 64\n", encoding="utf-8")
    (tmp_path / "settings.toml").write_text(f'add_config = ["{tmp_path}/mine.toml"]\n', encoding="utf-8")
    settings = parse(["--config", str(tmp_path / "settings.toml")]).settings
    assert settings.add_config == ('{"dense_units": 64}',)


def test_a_file_of_ranges_and_fixed_values_become_settings_that_a_file_keeps(tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text(
        'learning_rate = "0.001 to 0.1, log"\nactivation = ["relu", "silu"]\nbatch_norm = true\nbatch_size = 64\n'
    )
    lines = ("learning_rate = 0.001 to 0.1, log", "activation = relu | silu", "batch_norm = true", "batch_size = 64")
    assert read_space(space) == lines
    settings = parse(["--space", str(space), "--fix", "optimizer=adamw", "--name", "x"]).settings
    assert settings.space == (*lines, "optimizer=adamw")
    config = tmp_path / "settings.toml"
    config.write_text(as_toml(settings))
    assert parse(["--config", str(config), "--name", "x"]).settings == settings


def test_a_configuration_is_read_from_toml_and_from_a_runs_best(tmp_path: Path) -> None:
    toml, best = tmp_path / "mine.toml", tmp_path / "best.json"
    toml.write_text('learning_rate = 0.002\nconv_blocks = 3\npadding = "same"\n')
    best.write_text(
        json.dumps({"config": {"learning_rate": 0.002, "conv_blocks": 3, "padding": "same", "batch_size": 32}})
    )
    expected = {"conv_blocks": 3, "padding": "same", "learning_rate": 0.002}
    assert [json.loads(read_config(given)) for given in (str(toml), str(best), json.dumps(expected))] == [expected] * 3
    settings = parse(["--local", "--add-config", str(toml), "--add-config", str(best)]).settings
    assert (len(settings.add_config), settings.trials) == (1, 2), "the reference, and the one configuration in both"


@pytest.mark.parametrize(
    ("content", "match"),
    [("learning_rate = -1", "learning_rate"), ("rate = 1", "no field of that name"), ("= 1", "TOML")],
)
def test_a_file_that_is_no_configuration_is_refused(content: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=match):
        parse(["--add-config", str(path)])
