"""Names, paths and URLs: no password anywhere, any folder's name, and what a run stores is true from everywhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import sqlalchemy

from search.command.arguments import parse
from search.command.settings import Settings, SettingsError, without_password
from search.command.settings_files import as_toml
from search.run import main
from search.study.storage.database import Database, sqlite_url

POSTGRES = "postgresql+psycopg://"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("me:hush@host/db", "me:***@host/db"),
        ("me:hu@hush@host/db", "me:***@host/db"),
        ("me@host/db?password=hush", "me@host/db?password=***"),
        ("host/db?user=me&PASSWORD=hush&sslmode=require", "host/db?user=me&PASSWORD=***&sslmode=require"),
        ("host/db?sslpassword=hush%26hush", "host/db?sslpassword=***"),
        ("host/db?p%61ssword=hush", "host/db?p%61ssword=***"),
        ("me:hush@host/db?password=hush@hush", "me:***@host/db?password=***"),
    ],
)
def test_a_password_in_the_url_is_nowhere(url: str, shown: str) -> None:
    settings = Settings(name="x", storage=POSTGRES + url)
    assert settings.to_dict()["storage"] == POSTGRES + shown
    assert without_password(f"--storage={POSTGRES}{url}") == f"--storage={POSTGRES}{shown}"
    assert "hush" not in as_toml(settings) + settings.resume_command() + Database(POSTGRES + url).shown()
    with pytest.raises(SettingsError, match="The password of --storage is not kept"):
        parse(["--storage", POSTGRES + shown])


def test_a_key_in_the_place_of_the_checkpoints_is_nowhere() -> None:
    settings = Settings(name="x", storage_path="s3://KEY:hush@bucket/path?secret_key=hush&region=eu")
    assert settings.to_dict()["storage_path"] == "s3://KEY:***@bucket/path?secret_key=***&region=eu"
    assert "hush" not in as_toml(settings) + settings.resume_command()


@pytest.mark.parametrize("driver", ["+psycopg", "", "+nosuchdriver"])
def test_a_database_without_its_package_is_refused_with_2(
    driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert main(["--local", "--storage", f"postgresql{driver}://me:hush@host/db"]) == 2
    error = capsys.readouterr().err
    assert f"needs the Python package {driver[1:] or 'psycopg'}. Received: " in error
    assert "`make env EXTRAS=postgres`" in error
    assert "hush" not in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a?b", "a%41b", "a{b}", "a#b", "a b&c=d", "'\"\\", "ü✓", "-x", "a:b", "mode=ro?"])
def test_a_study_lies_in_the_folder_that_was_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / name / "study.db"
    file.parent.mkdir()
    for _ in range(2):
        database = Database(sqlite_url(file))
        database.close(database.connect())
    assert sqlalchemy.engine.make_url(sqlite_url(file)).database == str(file)
    assert file.stat().st_size > 0
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208


@pytest.mark.parametrize("name", [os.fsdecode(b"a\xff"), "a\nb", "a\x1b[31m"], ids=ascii)
@pytest.mark.parametrize("flag", ["--output", "--data-dir", "--storage-path"])
def test_a_name_that_is_no_text_is_refused_with_2(
    flag: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--local", f"{flag}={name}"]) == 2
    assert f"error: {flag} must be of printable characters, in UTF-8. Received: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_working_directory_that_is_no_text_is_refused_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / os.fsdecode(b"a\xff")
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main(["--local"]) == 2
    assert "error: --output must be of printable characters" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("output", "-runs", "{here}/-runs"),
        ("data", "images.npz", "{here}/images.npz"),
        ("data_dir", "my images", "{here}/my images"),
        ("storage", "sqlite:///s/study.db", "sqlite:///{here}/s/study.db"),
        ("storage", f"{POSTGRES}host/db", f"{POSTGRES}host/db"),
        ("storage_path", "../checkpoints", "{here}/../checkpoints"),
        ("storage_path", "s3://bucket/x", "s3://bucket/x"),
    ],
)
def test_what_a_run_stores_is_true_from_every_working_directory(
    name: str, given: str, stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(name="x", **{name: given}).from_anywhere()  # type: ignore[arg-type]
    assert getattr(settings, name) == stored.format(here=tmp_path)
    assert settings.from_anywhere() == settings
    assert settings.resume_command() == f"python -m search.run --resume {settings.output}/x"


@pytest.mark.parametrize("place", [["--local"], ["--address", "10.0.0.1:6379"], ["--config", "s.toml"]])
def test_runs_that_were_given_no_name_do_not_collide(
    place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text("trials = 3\n")
    assert len({parse(place).settings.name for _ in range(50)}) == 50
