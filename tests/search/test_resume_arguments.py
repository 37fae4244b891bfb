"""--resume: which run, its settings under those of the command line, and what it is not to be given with."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from search.command.arguments import Request, parse
from search.command.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_run(settings: Settings, *, age: float = 0.0) -> Path:
    """A run folder, begun so many seconds ago."""
    folder = settings.run_dir()
    folder.mkdir(parents=True)
    config = folder / "config.json"
    config.write_text(json.dumps(settings.to_dict()), encoding="utf-8")
    moment = config.stat().st_mtime - age
    os.utime(config, (moment, moment))
    return folder


def resume(*arguments: str) -> Request:
    request = parse(["--resume", *arguments])
    assert request.resume
    return request


def test_without_it_nothing_is_resumed() -> None:
    make_run(Settings(name="a"))
    request = parse([])
    assert not request.resume
    assert request.settings.name != "a"


@pytest.mark.parametrize("how", ["a", "runs/a", "./runs/a/", "{cwd}/runs/a"])
def test_a_run_is_named_by_its_folder_or_by_its_name(how: str, tmp_path: Path) -> None:
    make_run(Settings(name="a", trials=7, epochs=3, seed=5))
    make_run(Settings(name="b"))
    settings = resume(how.format(cwd=tmp_path)).settings
    assert (settings.name, settings.trials, settings.epochs, settings.seed) == ("a", 7, 3, 5)
    assert settings.run_dir().resolve() == tmp_path / "runs" / "a"


def test_without_a_name_it_is_the_run_that_began_last() -> None:
    make_run(Settings(name="z"), age=50)
    make_run(Settings(name="m"), age=10)
    make_run(Settings(name="a"), age=90)
    assert resume().settings.name == "m"


def test_the_run_is_looked_for_where_output_says() -> None:
    make_run(Settings(name="here"))
    make_run(Settings(name="there", output="elsewhere"))
    settings = resume("--output", "elsewhere").settings
    assert (settings.name, settings.output) == ("there", "elsewhere")
    assert resume("there", "--output", "elsewhere").settings.run_dir() == Path("elsewhere/there")


def test_a_run_is_named_by_a_link_and_from_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / make_run(Settings(name="a"))
    (tmp_path / "link").symlink_to(folder)
    assert resume("link").settings.run_dir() == folder
    monkeypatch.chdir(folder)
    assert resume(".").settings.run_dir() == folder


def test_a_run_that_was_moved_is_gone_on_with_where_it_is(tmp_path: Path) -> None:
    folder = make_run(Settings(name="a", output="runs"))
    (tmp_path / "moved").mkdir()
    folder.rename(tmp_path / "moved" / "a")
    assert resume("moved/a").settings.run_dir() == Path("moved/a")
    assert resume("moved/a", "--output", "runs").settings.run_dir() == Path("moved/a")


def test_a_run_that_goes_on_has_learned_from_earlier_ones_already() -> None:
    make_run(Settings(name="a", warm_start=("b", "c")))
    assert resume("a", "--warm-start", "b", "c").settings.warm_start == ("b", "c")
    with pytest.raises(
        SettingsError, match=r"--warm-start is for a new run. Received: b d, with --resume. Leave it out"
    ):
        resume("a", "--warm-start", "b", "d")


def test_the_command_line_wins_over_the_run_and_the_run_over_the_defaults() -> None:
    make_run(Settings(name="a", trials=7, pruner="median", local=True))
    settings = resume("a", "--trials", "9").settings
    assert (settings.trials, settings.pruner, settings.local) == (9, "median", True)


def test_a_settings_file_wins_over_the_run_and_a_flag_over_it(tmp_path: Path) -> None:
    make_run(Settings(name="a", trials=7, max_failures=3))
    (tmp_path / "s.toml").write_text("trials = 8\nmax-failures = 4\n", encoding="utf-8")
    settings = resume("a", "--config", "s.toml", "--trials", "9").settings
    assert (settings.trials, settings.max_failures) == (9, 4)


@pytest.mark.parametrize("added", [[], ['{"dense_units": 64}']], ids=["none", "another"])
def test_a_settings_file_takes_nothing_from_the_lists_of_a_run(added: list[str], tmp_path: Path) -> None:
    begun = Settings(name="a", space=("batch_size = 64",), add_config=('{"conv_blocks": 3}',), warm_start=("b",))
    make_run(begun)
    (tmp_path / "s.toml").write_text(f"space = []\nwarm_start = []\nadd_config = {added}\n", encoding="utf-8")
    expected = replace(begun, add_config=(*begun.add_config, *added))
    assert resume("a", "--config", "s.toml").settings == expected


def test_a_run_that_was_begun_with_overwrite_does_not_overwrite_itself() -> None:
    make_run(Settings(name="a", overwrite=True))
    assert not resume("a").settings.overwrite


@pytest.mark.parametrize("line", ['name = "b"', 'output = "elsewhere"', "overwrite = true"])
def test_a_settings_file_does_not_say_which_run_is_resumed(line: str, tmp_path: Path) -> None:
    make_run(Settings(name="a"))
    (tmp_path / "s.toml").write_text(f"{line}\n", encoding="utf-8")
    assert resume("a", "--config", "s.toml").settings == Settings(name="a")


def test_another_place_to_run_at_replaces_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(Settings(name="here", local=True))
    make_run(Settings(name="there", address="head:6379"))
    monkeypatch.setenv("RAY_ADDRESS", "environment:1")
    places = [resume(*flags).settings for flags in (["here"], ["here", "--address", "x:1"], ["there", "--local"])]
    assert [(place.local, place.address) for place in places] == [(True, None), (False, "x:1"), (True, None)]


def test_what_a_run_already_has_is_no_change_of_it() -> None:
    url = "postgresql+psycopg://me:s3cret@host/db"
    make_run(Settings(name="a", trials=7, storage=url))
    assert resume("a", "--trials", "7", "--storage", url).changed == frozenset()
    assert resume("a", "--trials", "8", "--storage", url, "--time-budget", "1h").changed == {"trials", "time_budget"}


def test_a_report_is_built_again_of_a_run_named_as_for_resume() -> None:
    folder = make_run(Settings(name="a"))
    assert [parse(["--report-only", *how]).report_only for how in ([], ["a"], ["runs/a"])] == [folder] * 3


def test_a_run_with_nearly_that_name_is_named() -> None:
    make_run(Settings(name="first-try"))
    with pytest.raises(
        SettingsError, match=r"Received: frist-try, which has no config.json\. Did you mean first-try\?"
    ):
        parse(["--report-only", "frist-try"])


@pytest.mark.parametrize("flag", [["--name", "b"], ["--overwrite"]])
def test_what_is_for_a_new_run_is_refused(flag: list[str]) -> None:
    make_run(Settings(name="a"))
    with pytest.raises(SettingsError, match=rf"{flag[0]} is for a new run\. Received: with --resume\. Leave it out\."):
        resume("a", *flag)


@pytest.mark.parametrize("earlier", ["runs/a", "latest"])
def test_a_run_cannot_learn_from_the_one_that_it_deletes(earlier: str) -> None:
    make_run(Settings(name="b"), age=50)
    make_run(Settings(name="a"))
    with pytest.raises(SettingsError, match=rf"--overwrite deletes\. Received: {earlier}\."):
        parse(["--name", "a", "--overwrite", "--warm-start", earlier])
    assert parse(["--name", "b", "--overwrite", "--warm-start", earlier]).settings.warm_start == (earlier,)


def test_a_name_that_no_folder_can_have_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"must name a run's folder that can be read\. Received: .*too long"):
        resume("x" * 300)


def test_a_folder_without_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    with pytest.raises(
        SettingsError, match=r"--resume must name a run's folder\. Received: a, which has no config.json"
    ):
        resume("a")


def test_where_there_is_no_run_it_is_said_where_was_looked() -> None:
    with pytest.raises(SettingsError, match=r"--resume needs a run\. Received: none in runs\."):
        resume()


def test_a_run_under_another_name_than_its_studys_is_refused(tmp_path: Path) -> None:
    make_run(Settings(name="a")).rename(tmp_path / "runs" / "b")
    with pytest.raises(SettingsError, match=r"has its study's name\. Received: runs/b, of study a\. Rename it back\."):
        resume("b")


def test_a_password_must_be_given_again() -> None:
    url = "postgresql+psycopg://me:s3cret@host/db"
    make_run(Settings(name="a", storage=url))
    with pytest.raises(
        SettingsError, match=r"password of --storage is not kept\. Received: postgresql.*:\*{3}@host/db\."
    ):
        resume("a")
    assert resume("a", "--storage", url).settings.storage == url
