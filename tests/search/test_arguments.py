"""The command line: flag before environment before file before default, and what else is asked for."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from search.command.arguments import parse
from search.command.flags import command_line
from search.command.settings import Settings, SettingsError
from search.run import main


def test_without_flags_the_defaults_hold_and_the_name_is_the_time() -> None:
    settings = parse([]).settings
    assert settings == Settings(name=settings.name)
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{8}", settings.name)


def test_two_objectives_mean_no_pruner_and_another_one_is_refused() -> None:
    assert parse(["--objective", "accuracy,cost"]).settings.pruner == "none"
    with pytest.raises(SettingsError, match=r"--pruner must be none with --objective accuracy,cost. Received: median."):
        parse(["--objective", "accuracy,cost", "--pruner", "median"])


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
    listed = set(re.findall(r"^  (--[\w-]+)", text, re.MULTILINE))
    assert {f"--{field.name.replace('_', '-')}" for field in fields(Settings)} <= listed


def test_the_help_names_the_defaults_that_hold() -> None:
    settings = Settings(name="n").to_dict()
    said = {each.dest: re.search(r"\(default (\w+)", each.help or "") for each in command_line()._actions}
    named = {name: found[1] for name, found in said.items() if found and settings.get(name) is not None}
    assert len(named) >= 10
    assert named == {name: str(settings[name]) for name in named}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("--trials many", "argument --trials: "),
        ("--sampler grid", "argument --sampler: "),
        ("--trial 3", "unrecognized arguments: --trial 3."),
        ("--trails", "unrecognized arguments: --trails. Did you mean --trials?"),
        ("--train_size=9", "unrecognized arguments: --train_size=9. Did you mean --train-size?"),
        ("-local", "unrecognized arguments: -local. Did you mean --local?"),
        ("--time-budgt", "unrecognized arguments: --time-budgt. Did you mean --time-budget?"),
        ("--xyzzy", "unrecognized arguments: --xyzzy.\n"),  # like no other: no guess
        ("--dry-run --print-config", "not allowed with argument"),
        ("--report-only r --dry-run", "not allowed with argument"),
        ("-q -v", "not allowed with argument"),
    ],
)
def test_a_wrong_flag_ends_with_2_and_the_one_that_was_meant_is_named(
    wrong: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_verbosity_is_v_less_q() -> None:
    assert parse(["-vv"]).verbosity == 2
    assert parse(["-q"]).verbosity == -1
    assert not parse(["--no-progress"]).show_progress


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("90", 90), ("1.5", 1.5), ("90s", 90), ("15m", 900), ("2h", 7200), ("1.5h", 5400), ("1h30m", 5400), ("1d", 86400)],
)
def test_a_duration_means_the_same_in_a_flag_and_in_a_file(given: str, seconds: float, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(f'time_budget = "{given}"\ntrial-timeout = "{given}"\n', encoding="utf-8")
    for way in (["--time-budget", given, "--trial-timeout", given], ["--config", str(tmp_path / "s.toml")]):
        settings = parse(way).settings
        assert (settings.time_budget, settings.trial_timeout) == (seconds, seconds)


@pytest.mark.parametrize("wrong", ["", "soon", "-5", "inf", "nan", "1h30", "30m1h", "5 m", "2H", "٣h"])
def test_another_duration_ends_with_2_and_says_how_to_write_one(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([f"--time-budget={wrong}"])
    assert ended.value.code == 2
    assert f"A duration must be like 90, 90s, 15m, 2h, 1h30m or 1d. Received: {wrong}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--local", "--gpus-per-trial", "1"], r"--local runs one .*Received: with --gpus-per-trial\. Leave out one"),
        (["--local", "--cpus-per-trial", "2"], r"Received: with --cpus-per-trial\."),
        (["--local", "--max-concurrent", "4"], r"Received: with --max-concurrent\."),
        (["--report-only", "r", "--trials", "3"], r"--report-only only builds .*Received: with --trials\."),
        (["--report-only", "r", "--resume", "a"], r"Received: with --resume\."),
        (["--report-only", "r", "--seed", "0", "--local"], r"Received: with --local, --seed\."),
        (["--dry-run", "--json"], r"--dry-run prints no result.*Received: with --json\."),
        (["--print-config", "--json"], r"--print-config prints no result"),
        (["--dry-run", "--to-mlflow", "sqlite:///m.db"], r"--dry-run prints no result.*Received: with --to-mlflow\."),
        (["--dry-run", "--fail-unless-better"], r"--dry-run prints no result.*Received: with --fail-unless-better\."),
        (["--print-config", "--format", "md"], r"--print-config prints no result.*Received: with --format\."),
        (["--calibrate"], r"--calibrate is for a forecast\. Received: without --dry-run\."),
        (["--price-source", "me"], r"--price-source must be given with --price-per-hour"),
    ],
)
def test_flags_that_have_no_effect_together_are_refused(flags: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse(flags)


@pytest.mark.parametrize("flag", ["--resume", "--report-only", "--data", "--data-dir", "--output", "--address"])
def test_a_flag_whose_value_is_a_variable_that_is_not_set_is_refused(flag: str) -> None:
    with pytest.raises(SettingsError, match=rf"{flag} must have a value\. Received: an empty one"):
        parse([f"{flag}="])


def test_a_report_may_need_the_database_with_its_password(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    asked = parse(["--report-only", str(tmp_path), "--storage", "postgresql://me:secret@host/db"])
    assert asked.settings.storage == "postgresql://me:secret@host/db"


def test_a_clusters_file_of_settings_can_be_tried_in_this_process(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('address = "a:1"\ngpus_per_trial = 1\nepochs = 3\n', encoding="utf-8")
    settings = parse(["--config", str(tmp_path / "s.toml"), "--local", "--max-concurrent", "1"]).settings
    assert (settings.local, settings.address, settings.trials, settings.epochs) == (True, None, 1, 3)
    (tmp_path / "s.toml").write_text("local = true\ngpus_per_trial = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="--local runs one trial at a time"):
        parse(["--config", str(tmp_path / "s.toml")])


def test_printed_settings_work_for_any_number_of_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--trials", "7", "--name", "first", "--time-budget", "1h30m"]
    assert main(["--print-config", *given]) == 0
    (tmp_path / "s.toml").write_text(capsys.readouterr().out, encoding="utf-8")
    for name in ("second", "third"):
        expected = Settings(name=name, trials=7, time_budget=5400.0)
        assert parse(["--config", str(tmp_path / "s.toml"), "--name", name]).settings == expected


def test_the_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--version"])
    assert ended.value.code == 0
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert capsys.readouterr().out == f"fashion-search {pyproject['project']['version']}\n"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--sampler", "gp"], "--sampler gp needs torch. Received: torch is not installed. Run `make env EXTRAS=gp`."),
        (
            ["--to-mlflow", "sqlite:///m.db"],
            "--to-mlflow needs mlflow. Received: mlflow is not installed. Run `make env EXTRAS=mlflow`.",
        ),
    ],
    ids=["torch", "mlflow"],
)
def test_what_needs_a_package_that_is_not_installed_is_refused_with_the_remedy(
    flags: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("search.command.process.inherited.find_spec", lambda name: None)
    assert main(["--local", "--data-dir", "nowhere", *flags]) == 2
    assert f"error: {told}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "markdown", "gain"),
    [
        ([], False, None),
        (["--fail-unless-better"], False, 0.0),
        (["--format", "md", "--fail-unless-better", "0.5"], True, 0.5),
    ],
)
def test_what_is_asked_of_the_result(arguments: list[str], markdown: bool, gain: float | None) -> None:
    request = parse(arguments)
    assert (request.as_markdown, request.least_gain) == (markdown, gain)
