"""The command line: flag before environment before file before default, and what else is asked for."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

from search.arguments import parse
from search.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_without_flags_the_defaults_hold_and_the_name_is_the_time() -> None:
    settings = parse([]).settings
    assert settings == Settings(name=settings.name)
    assert re.fullmatch(r"\d{8}-\d{6}", settings.name)


def test_local_means_one_trial_unless_trials_says_more() -> None:
    assert parse(["--local"]).settings.trials == 1
    assert parse(["--local", "--trials", "4"]).settings.trials == 4


def test_a_flag_wins_over_environment_and_file_and_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.toml"
    path.write_text('trials = 7\nseed = 3\naddress = "file:1"\n', encoding="utf-8")
    config = ["--config", str(path)]
    assert parse([*config, "--trials", "9"]).settings.trials == 9
    assert parse(config).settings.trials == 7
    assert parse(config).settings.seed == 3
    assert parse(config).settings.address == "file:1"
    monkeypatch.setenv("RAY_ADDRESS", "environment:1")
    assert parse(config).settings.address == "environment:1"
    assert parse([*config, "--address", "flag:1"]).settings.address == "flag:1"


def test_local_ignores_the_environments_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert parse(["--local"]).settings.address is None


def test_every_setting_has_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(f"--{field.name.replace('_', '-')}" in text for field in fields(Settings))


@pytest.mark.parametrize("wrong", [["--trialz", "3"], ["--trials", "many"], ["--sampler", "grid"], ["--trial", "3"]])
def test_a_wrong_flag_ends_with_2_and_names_it(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong)
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_verbosity_is_v_less_q() -> None:
    assert parse(["-vv"]).verbosity == 2
    assert parse(["-q"]).verbosity == -1
    assert not parse(["--no-progress"]).show_progress


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("1.5", 1.5), ("90s", 90), ("15m", 900), ("2h", 7200), ("1.5h", 5400)]
)
def test_a_duration_is_seconds_unless_it_says_minutes_or_hours(given: str, seconds: float) -> None:
    settings = parse(["--time-budget", given, "--trial-timeout", given]).settings
    assert (settings.time_budget, settings.trial_timeout) == (seconds, seconds)


@pytest.mark.parametrize("wrong", ["", "soon", "-5", "1d", "1h30m", "5 m"])
def test_another_duration_ends_with_2_and_says_how_to_write_one(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([f"--time-budget={wrong}"])
    assert ended.value.code == 2
    assert f"a duration must be like 90, 90s, 15m or 2h. Received: {wrong}" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed, so --sampler gp works")
def test_the_gp_sampler_without_torch_is_refused_with_the_remedy() -> None:
    with pytest.raises(SettingsError, match=r"needs torch\. Received: torch is not installed\. Run `make env"):
        parse(["--sampler", "gp"])
