"""The run folder: made only when it can be, removed when nothing came of it, never deleted by mistake."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE
from search.records import TrialRecord
from search.run_folder import RunFolder, run_folder
from search.settings import Settings, SettingsError


def settings(tmp_path: Path, *, overwrite: bool = False) -> Settings:
    return Settings(name="n", output=str(tmp_path / "deep" / "runs"), overwrite=overwrite)


def fail_after_writing(folder: RunFolder) -> None:
    folder.write_config(Settings(name="n"))
    raise ZeroDivisionError


def test_a_failure_before_the_search_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_folder(settings(tmp_path)) as folder:
        folder.log_file().write_text(str(1 // 0), encoding="utf-8")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_after_the_search_began_keeps_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_folder(settings(tmp_path)) as folder:
        fail_after_writing(folder)
    assert (tmp_path / "deep" / "runs" / "n" / "config.json").is_file()


def test_a_folder_in_use_is_refused_and_stays(tmp_path: Path) -> None:
    with run_folder(settings(tmp_path)) as folder:
        folder.write_config(settings(tmp_path))
    with pytest.raises(SettingsError, match=r"must have a folder of its own.*not empty.*--overwrite"):
        run_folder(settings(tmp_path)).__enter__()
    assert (folder.path / "config.json").is_file()


def test_overwrite_replaces_the_folder_of_a_run(tmp_path: Path) -> None:
    with run_folder(settings(tmp_path)) as folder:
        folder.write_config(settings(tmp_path))
        (folder.path / "old.txt").write_text("old", encoding="utf-8")
    with run_folder(settings(tmp_path, overwrite=True)) as folder:
        assert list(folder.path.iterdir()) == []
        folder.write_config(settings(tmp_path))


def test_overwrite_refuses_a_folder_that_is_not_a_runs(tmp_path: Path) -> None:
    precious = tmp_path / "deep" / "runs" / "n" / "thesis.tex"
    precious.parent.mkdir(parents=True)
    precious.write_text("years", encoding="utf-8")
    with pytest.raises(SettingsError, match="--overwrite only deletes the folder of a run"):
        run_folder(settings(tmp_path, overwrite=True)).__enter__()
    assert precious.read_text(encoding="utf-8") == "years"


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("a file", encoding="utf-8")
    with pytest.raises(SettingsError, match="--output must name a folder that can be written"):
        run_folder(settings(tmp_path)).__enter__()


def test_trials_csv_has_a_line_a_trial_with_status_and_configuration(tmp_path: Path) -> None:
    record = TrialRecord(
        number=3,
        status="FAIL",
        reason='broken, with "quotes"',
        config=REFERENCE,
        value=None,
        intermediate=((1, 0.5),),
        is_reference=False,
        worker="host:1",
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:00:09+00:00",
        seconds=9.0,
        cpu_seconds=8.0,
    )
    with run_folder(settings(tmp_path)) as folder:
        folder.write_config(settings(tmp_path))
        folder.write_trials([record])
        with (folder.path / "trials.csv").open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
    assert (row["number"], row["status"], row["reason"]) == ("3", "FAIL", 'broken, with "quotes"')
    assert (row["value"], row["epochs"], row["last_value"]) == ("", "1", "0.5")
    assert (row["optimizer"], row["base_filters"]) == ("adam", "32")
