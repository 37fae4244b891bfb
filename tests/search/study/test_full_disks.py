"""Real disks (tmpfs) that fill up under a search, or were never writable: what it says, and that nothing is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from search.run import main
from search.study.storage.database import sqlite_url
from tests.search.command import SMALL, Command, results, resume_arguments, started, stored_trials
from tests.search.disk import fill, make_read_only, mounted_disk

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted_disk(folder, "200m"):
        yield folder


def test_a_disk_that_fills_up_ends_the_search_with_4_and_it_goes_on_once_there_is_room(
    disk: Path, tmp_path: Path, real_data: str
) -> None:
    url = sqlite_url(disk / "study.db")
    run_dirs = {disk / "inside": sqlite_url(disk / "inside" / "study.db"), tmp_path / "outside": url}
    with ExitStack() as stack:
        small = [*SMALL, "--local", "--trials", "4", "--data-dir", real_data]
        inside = stack.enter_context(started(*small, "--output", str(disk), "--name", "inside"))
        place = ["--output", str(tmp_path), "--name", "outside", "--storage", url]
        outside = stack.enter_context(started(*small, *place))
        commands = dict(zip(run_dirs, (inside, outside), strict=True))
        for command in commands.values():
            command.wait_for("  1/4 trial ")
        before = {run_dir: results(stored_trials(run_dir, url)) for run_dir, url in run_dirs.items()}
        filler = fill(disk)
        for command in commands.values():
            command.end()
    for run_dir, command in commands.items():
        require_full(command, run_dir, run_dirs[run_dir])
    filler.unlink()
    with ExitStack() as stack:
        for run_dir, command in commands.items():
            commands[run_dir] = stack.enter_context(started(*resume_arguments(command), "--no-progress"))
        for command in commands.values():
            command.end()
    for run_dir, command in commands.items():
        assert command.process.returncode == 0, command.said()
        now = results(stored_trials(run_dir, run_dirs[run_dir]))
        assert len(now) == 4
        assert {number: now[number] for number in before[run_dir]} == before[run_dir]
        assert {state for state, *_ in now.values()} <= {"COMPLETE", "PRUNED"}


def require_full(command: Command, run_dir: Path, url: str) -> None:
    """What a search says whose disk is full."""
    assert command.process.returncode == 4, command.said()
    error = next(line for line in command.lines if line.startswith("error: "))
    assert error.startswith(f"error: The study must be writable. Received: {url}: ")
    assert error.endswith("database or disk is full. Free space there, then resume.")
    assert f"kept: {run_dir}" in command.lines
    assert " FAIL" not in command.said(), "no trial is burned"


@pytest.mark.parametrize("blocked", ["--output", "--storage", "--storage-path"])
def test_a_read_only_place_is_refused_before_ray_starts(
    blocked: str,
    disk: Path,
    tmp_path: Path,
    real_data: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    make_read_only(disk)
    monkeypatch.setitem(sys.modules, "ray", None)  # any import of Ray now raises ImportError
    place = {
        "--output": ["--output", str(disk / "runs")],
        "--storage": ["--output", str(tmp_path / "runs"), "--storage", sqlite_url(disk / "study.db")],
        "--storage-path": ["--output", str(tmp_path / "runs"), "--storage-path", str(disk / "checkpoints")],
    }[blocked]
    code = main(["--address", "local", "--train-size", "120", "--data-dir", real_data, *place])
    error = capfd.readouterr().err.splitlines()[-1]
    assert code == (2 if blocked == "--output" else 4), error
    assert blocked in error
    assert str(disk) in error
    assert list(tmp_path.iterdir()) == [disk], "nothing is left behind"
