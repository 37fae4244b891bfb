"""Settings: every value is checked, files are read strictly, passwords are hidden, and TOML goes out and comes back."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from search.command.settings import Settings, SettingsError, counted, without_password
from search.command.settings_files import as_toml, read_file, read_run


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trials": 0}, r"--trials must be at least 1. Received: 0."),
        ({"epochs": 0}, r"--epochs must be at least 1. Received: 0."),
        ({"finalists": 0}, r"--finalists must be at least 1"),
        ({"retrain_seeds": -1}, r"--retrain-seeds must be at least 1. Received: -1."),
        ({"seed": -1}, r"--seed must be from 0 to 4294967295. Received: -1."),
        ({"sampler": "grid"}, r"--sampler must be one of tpe, random, cmaes, gp, qmc. Received: grid."),
        ({"pruner": "asha"}, r"--pruner must be one of halving, hyperband, median, none. Received: asha."),
        ({"objective": "cost"}, r"--objective must be one of accuracy or accuracy,cost. Received: cost."),
        ({"objective": "accuracy,cost"}, r"--pruner must be none with --objective accuracy,cost. Received: halving."),
        (
            {"objective": "accuracy,cost", "pruner": "none", "sampler": "cmaes"},
            r"--sampler must be one for two objectives: tpe, gp, qmc, random. Received: cmaes.",
        ),
        (
            {"train_size": 119},
            r"--train-size must be from 120 to 59990 images, or left out for all 60000. Received: 119.",
        ),
        ({"train_size": 59_991}, r"--train-size must be from 120 to 59990 images"),
        ({"name": "../escape"}, r"--name must be up to 64 letters.*Received: ../escape."),
        ({"name": ".hidden"}, r"--name must be .*, the first a letter or digit. Received: .hidden."),
        ({"name": ""}, r"--name must be"),
        ({"name": "x" * 65}, r"--name must be"),
        ({"cpus_per_trial": 0.1}, r"--cpus-per-trial must be from 0.5 to 10000. Received: 0.1."),
        ({"cpus_per_trial": float("inf")}, r"--cpus-per-trial must be from 0.5 to 10000. Received: inf."),
        ({"cpus_per_trial": 10**400}, r"--cpus-per-trial must be from 0.5 to 10000. Received: 1000"),
        ({"gpus_per_trial": -0.5}, r"--gpus-per-trial must be from 0 to 10000. Received: -0.5."),
        ({"gpus_per_trial": float("inf")}, r"--gpus-per-trial must be from 0 to 10000. Received: inf."),
        ({"gpus_per_trial": float("nan")}, r"--gpus-per-trial must be from 0 to 10000. Received: nan."),
        ({"gpus_per_trial": 1.5}, r"--gpus-per-trial must be a share of one GPU, or a whole number .*Received: 1.5."),
        ({"max_concurrent": 0}, r"--max-concurrent must be from 1 to 1000000. Received: 0."),
        ({"trial_timeout": 0.5}, r"--trial-timeout must be from 1 to 315360000 seconds. Received: 0.5."),
        ({"time_budget": 0}, r"--time-budget must be from 1 to 315360000 seconds. Received: 0."),
        ({"time_budget": float("nan")}, r"--time-budget must be from 1 to 315360000 seconds. Received: nan."),
        ({"max_failures": 0}, r"--max-failures must be at least 1. Received: 0."),
        (
            {"storage": "mysql://me:s3cret@host/db"},
            r"--storage must be sqlite:///FILE or .*Received: mysql://me:\*{3}@h",
        ),
        (
            {"storage": "postgresql+psycopg://me:s3cret@host:port/db"},
            r"--storage must be sqlite:///FILE or .*Received: postgresql\+psycopg://me:\*{3}@host:port/db",
        ),
        ({"storage": "study.db"}, r"--storage must be sqlite:///FILE or .*Received: study.db."),
        ({"local": True, "address": "auto"}, r"--address must be left out with --local"),
        ({"data": "mine.npz", "data_dir": "folder"}, r"--data-dir must be left out with --data, .*Received: folder."),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings(**({"name": "n"} | values))


@pytest.mark.parametrize(("number", "said"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (60, "60 trials")])
def test_one_is_no_plural(number: int, said: str) -> None:
    assert (counted(number, "trial"), counted(float(number), "trial")) == (said, said)


@pytest.mark.parametrize(
    "place",
    ["h", "h:5432/db", "me:p/w@h:1/db", "[::1]:5432/db", "me@/db?host=/tmp", "/db?host=/tmp", "h/db?password=a@b:c"],
)
def test_a_server_that_sqlalchemy_can_read_is_taken(place: str) -> None:
    url = f"postgresql+psycopg://{place}"
    assert sqlalchemy.engine.make_url(Settings(name="n", storage=url).storage or "").drivername == "postgresql+psycopg"


@pytest.mark.parametrize(
    ("values", "command"),
    [
        ({}, "python -m search.run --resume runs/n"),
        ({"output": "/my runs"}, "python -m search.run --resume '/my runs/n'"),
        ({"storage": "sqlite:////a/study.db"}, "python -m search.run --resume runs/n"),
        (
            {"storage": "postgresql+psycopg://me:s3cret@host/db"},
            "python -m search.run --resume runs/n --storage 'postgresql+psycopg://me:***@host/db'",
        ),
    ],
)
def test_the_command_that_goes_on_with_a_run_asks_again_for_a_password_only(
    values: dict[str, Any], command: str
) -> None:
    assert Settings(**({"name": "n"} | values)).resume_command() == command


def test_the_settings_of_a_run_read_back_as_the_same_settings(tmp_path: Path) -> None:
    settings = Settings(name="n", trials=7, time_budget=90.0, storage="sqlite:////a/study.db")
    (tmp_path / "config.json").write_text(json.dumps(settings.to_dict()), encoding="utf-8")
    assert Settings(**read_run(tmp_path / "config.json")) == settings


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"A run's settings must be readable\. Received: .*config\.json"),
        ('{"trials": 7', r"A run's settings must be readable\. Received: .*config\.json"),
        ("[1]", r"A run's settings must be a JSON object\. Received: .*: \[1\]\."),
        ('{"trialz": 7}', r"must only name settings\. Received: trialz"),
        ('{"trials": "seven"}', r"trials in .* must be a whole number\. Received: 'seven'\."),
    ],
)
def test_damaged_settings_of_a_run_are_refused_with_the_reason(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        read_run(tmp_path / "config.json")


def test_a_run_without_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"A run's settings must be readable\. Received: .*No such file"):
        read_run(tmp_path / "config.json")


def test_printed_settings_read_back_as_the_same_settings(tmp_path: Path) -> None:
    odd = 'odd "name"\\dir \t\x7f ß 😀'
    settings = Settings(
        name="n", trials=7, local=True, train_size=500, cpus_per_trial=1.5, output=odd, warm_start=(odd, "runs/a")
    )
    path = tmp_path / "settings.toml"
    path.write_text(as_toml(settings), encoding="ascii")
    assert Settings(name="n", **read_file(path)) == settings


def test_a_file_may_write_dashes_or_underscores(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("retrain-seeds = 3\ntrain_size = 2000\ncpus-per-trial = 1\n", encoding="utf-8")
    assert read_file(path) == {"retrain_seeds": 3, "train_size": 2000, "cpus_per_trial": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("trialz = 3\n", r"must only name settings. Received: trialz. Did you mean trials\? See --print-config."),
        ("time-budgt = 3\n", r"Received: time_budgt. Did you mean time_budget\? See"),
        ("zzz = 3\n", r"Received: zzz. See --print-config."),
        ("cpus_per_trial = true\n", r"cpus_per_trial in .* must be a number. Received: True."),
        ("gpus_per_trial = false\n", r"gpus_per_trial in .* must be a number. Received: False."),
        ("time_budget = true\n", r"time_budget in .* must be a number. Received: True."),
        ("trial_timeout = '2 h'\n", r"A duration must be like .*, 1h30m or 1d. Received: 2 h."),
        ("trials = 'three'\n", r"trials in .* must be a whole number. Received: 'three'."),
        ("trials = 3.5\n", r"trials in .* must be a whole number. Received: 3.5."),
        ("trials = true\n", r"trials in .* must be a whole number. Received: True."),
        ("warm_start = 'runs/a'\n", r"warm_start in .* must be a list of texts in quotes. Received: 'runs/a'."),
        ("space = [64]\n", r"space in .* must be a list of texts in quotes. Received: \[64\]."),
        ("trials = \n", r"--config must name a readable TOML file"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=message):
        read_file(path)


@pytest.mark.parametrize("text", ["postgresql://me@host/db", "sqlite:////tmp/x.db", "--trials"])
def test_a_text_without_a_password_is_shown_as_it_is(text: str) -> None:
    assert without_password(text) == text


def test_the_printed_settings_name_every_setting() -> None:
    text = as_toml(Settings(name="n"))
    lines = [line.removeprefix("# ") + ' ""' if line.startswith("#") else line for line in text.splitlines()]
    assert set(tomllib.loads("\n".join(lines))) == set(Settings(name="n").to_dict())
