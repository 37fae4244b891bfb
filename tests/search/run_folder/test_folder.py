"""The run folder: made only when it can be, removed when nothing came of it, never deleted by mistake."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE
from reports.records import Measurement, TrialRecord, Work
from search.command.settings import Settings, SettingsError
from search.run_folder.folder import RunFolder, run_folder
from search.worker.faults import StorageError, StudyBusy
from tests.processes import child, said

from ..disk import make_read_only, mounted_disk

HOLD = """
import sys
from search.run_folder.folder import run_folder
from search.command.settings import Settings
settings = Settings(name="n", output=sys.argv[1])
with run_folder(settings, resume=False) as folder:
    folder.write_config(settings)
    print("holds", flush=True)
    sys.stdin.readline()
"""


def settings(tmp_path: Path, *, overwrite: bool = False) -> Settings:
    return Settings(name="n", output=str(tmp_path / "deep" / "runs"), overwrite=overwrite)


def fail_after_writing(folder: RunFolder) -> None:
    folder.write_config(Settings(name="n"))
    raise ZeroDivisionError


def test_a_failure_before_the_search_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_folder(settings(tmp_path), resume=False) as folder:
        folder.log_file().write_text(str(1 // 0), encoding="utf-8")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_before_the_search_is_told_though_not_all_can_be_removed(tmp_path: Path) -> None:
    def mount_and_fail(folder: RunFolder) -> None:
        (folder.path / "disk").mkdir()
        mounts.enter_context(mounted_disk(folder.path / "disk"))
        raise ZeroDivisionError

    with ExitStack() as mounts, pytest.raises(ZeroDivisionError), run_folder(settings(tmp_path), resume=False) as run:
        mount_and_fail(run)


def test_a_failure_before_the_search_leaves_another_run_that_began_meanwhile(tmp_path: Path) -> None:
    other = replace(settings(tmp_path), name="other")

    def begin_another_and_fail() -> None:
        with run_folder(other, resume=False) as folder:
            folder.write_config(other)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), run_folder(settings(tmp_path), resume=False):
        begin_another_and_fail()
    assert [entry.name for entry in (tmp_path / "deep" / "runs").iterdir()] == ["other"]
    assert (tmp_path / "deep" / "runs" / "other" / "config.json").is_file()


def test_a_failure_after_the_search_began_keeps_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_folder(settings(tmp_path), resume=False) as folder:
        fail_after_writing(folder)
    assert (tmp_path / "deep" / "runs" / "n" / "config.json").is_file()


def test_a_folder_in_use_is_refused_and_stays(tmp_path: Path) -> None:
    with run_folder(settings(tmp_path), resume=False) as folder:
        folder.write_config(settings(tmp_path))
    go_on = f"Go on with it: --resume {folder.path}; or use another --name, or --overw"
    with pytest.raises(SettingsError, match=rf"must have a folder of its own.*not empty\. {go_on}"):
        run_folder(settings(tmp_path), resume=False).__enter__()
    assert (folder.path / "config.json").is_file()


def test_overwrite_replaces_the_folder_of_a_run(tmp_path: Path) -> None:
    with run_folder(settings(tmp_path), resume=False) as folder:
        folder.write_config(settings(tmp_path))
        (folder.path / "old.txt").write_text("old", encoding="utf-8")
    with run_folder(settings(tmp_path, overwrite=True), resume=False) as folder:
        assert [path.name for path in folder.path.iterdir()] == [".lock"]
        folder.write_config(settings(tmp_path))


def test_overwrite_refuses_a_folder_that_is_not_a_runs(tmp_path: Path) -> None:
    precious = tmp_path / "deep" / "runs" / "n" / "thesis.tex"
    precious.parent.mkdir(parents=True)
    precious.write_text("years", encoding="utf-8")
    with pytest.raises(SettingsError, match="--overwrite only deletes the folder of a run"):
        run_folder(settings(tmp_path, overwrite=True), resume=False).__enter__()
    assert precious.read_text(encoding="utf-8") == "years"


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("a file", encoding="utf-8")
    with pytest.raises(SettingsError, match="--output must name a folder that can be written"):
        run_folder(settings(tmp_path), resume=False).__enter__()


def test_a_run_is_gone_on_with_and_nothing_of_it_is_touched(tmp_path: Path) -> None:
    with run_folder(settings(tmp_path), resume=False) as folder:
        folder.write_config(settings(tmp_path))
        assert folder.is_kept()
        folder.study_file().write_bytes(b"the study")
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), run_folder(settings(tmp_path), resume=True) as again:
            again.log_file().write_text(str(1 // 0))
    assert {path.name: path.read_bytes() for path in again.path.iterdir()} == before


def test_a_folder_that_was_there_is_not_removed_even_if_nothing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "runs" / "n"
    path.mkdir(parents=True)
    (path / "study.db").write_bytes(b"somebody's")
    with run_folder(settings(tmp_path), resume=True) as folder:
        assert not folder.is_kept()
    assert (path / "study.db").read_bytes() == b"somebody's"


def test_a_driver_that_was_killed_before_its_first_trial_leaves_a_folder_that_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "runs" / "n"
    path.mkdir(parents=True)
    with run_folder(settings(tmp_path), resume=False) as folder:  # an empty folder is as good as none
        assert not folder.is_kept()
    assert not path.exists()


def test_a_run_that_another_process_works_on_is_refused_at_once_and_stays(tmp_path: Path) -> None:
    run = settings(tmp_path).run_dir()
    with child(HOLD, str(run.parent)) as other:
        assert said(other) == "holds"
        for resume, overwrite in ((True, False), (False, True), (False, False)):
            with pytest.raises(StudyBusy, match=rf"one driver at a time\. Received: {run}, on which another"):
                run_folder(settings(tmp_path, overwrite=overwrite), resume=resume).__enter__()
            assert (run / "config.json").is_file()
        other.kill()
        other.wait()
    with run_folder(settings(tmp_path), resume=True) as folder:
        assert folder.is_kept()


def test_a_disk_with_too_little_space_is_refused_and_left_as_it_was(small_disk: Path) -> None:
    cramped = Settings(name="n", output=str(small_disk / "runs"))
    expected = (
        r"A run needs at least 64 MiB of free space\. Received: \d MiB at .*Free some, or name another disk with --o"
    )
    with pytest.raises(StorageError, match=expected):
        run_folder(cramped, resume=False).__enter__()
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_is_read_only_is_refused(small_disk: Path) -> None:
    make_read_only(small_disk)
    with pytest.raises(
        SettingsError, match=r"--output must name a folder that can be written\..*Read-only file system"
    ):
        run_folder(Settings(name="n", output=str(small_disk / "runs")), resume=False).__enter__()


def test_a_folder_that_cannot_be_deleted_is_refused(small_disk: Path) -> None:
    """A disk is mounted there, as a container may have one for its run."""
    run = Settings(name=small_disk.name, output=str(small_disk.parent))
    with pytest.raises(SettingsError, match=r"--output must name a folder that can be written\..*busy"):
        run_folder(run, resume=False).__enter__()


def test_trials_csv_has_a_line_a_trial_with_status_and_configuration(tmp_path: Path) -> None:
    record = TrialRecord(
        number=3,
        status="FAIL",
        reason='broken, with "quotes"',
        config=REFERENCE,
        value=None,
        measurements=(Measurement(1, 0.5),),
        is_reference=False,
        ended="2026-01-01T00:00:09+00:00",
        work=Work(
            worker="host:1",
            started="2026-01-01T00:00:00+00:00",
            seconds=9.0,
            cpu_seconds=8.0,
            note="a checkpoint was discarded",
            node="abcd",
            gpus=("0", "3"),
        ),
        attempts=2,
    )
    with run_folder(settings(tmp_path), resume=False) as folder:
        folder.write_config(settings(tmp_path))
        folder.write_trials([record])
        with (folder.path / "trials.csv").open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
    assert (row["number"], row["status"], row["reason"]) == ("3", "FAIL", 'broken, with "quotes"')
    assert (row["value"], row["epochs"], row["last_value"]) == ("", "1", "0.5")
    assert (row["optimizer"], row["base_filters"]) == ("adam", "32")
    assert (row["attempts"], row["note"]) == ("2", "a checkpoint was discarded")
    assert (row["worker"], row["node"], row["gpus"]) == ("host:1", "abcd", "0 3")


def test_a_driver_killed_before_its_study_began_leaves_the_name_free(tmp_path: Path) -> None:
    begun = HOLD.replace("    folder.write_config(settings)\n", "    folder.study_file().touch()\n")
    with child(begun, str(tmp_path)) as driver:
        said(driver)
        driver.kill()
        driver.wait()
    (tmp_path / "n" / ".config.json.99.tmp").touch()  # as one that is killed while it writes config.json
    assert {path.name for path in (tmp_path / "n").iterdir()} == {".lock", "study.db", ".config.json.99.tmp"}
    with run_folder(Settings(name="n", output=str(tmp_path)), resume=False) as folder:
        assert [path.name for path in folder.path.iterdir()] == [".lock"]


def test_a_folder_without_a_config_that_no_driver_made_is_not_touched(tmp_path: Path) -> None:
    mine = tmp_path / "n" / "study.db"
    mine.parent.mkdir()
    mine.write_bytes(b"mine")
    with (
        pytest.raises(SettingsError, match="a folder of its own"),
        run_folder(Settings(name="n", output=str(tmp_path)), resume=False),
    ):
        pass
    assert mine.read_bytes() == b"mine"
