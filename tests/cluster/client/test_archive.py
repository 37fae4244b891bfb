"""Packing a run folder for the way through Ray's log API. The way itself: tests/search/test_submit.py."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from cluster.client.archive import pack


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    for name in ("report.html", "models/best-1.keras", "checkpoints/trial-1/epoch-0001.state"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(name.encode() * 100)
    return run


def test_everything_travels_but_the_trainings_under_way(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert sorted(packed.namelist()) == ["models/best-1.keras", "report.html"]
        assert packed.read("models/best-1.keras") == (run / "models" / "best-1.keras").read_bytes()


def test_a_newer_archive_takes_the_place_of_the_old_one_and_leaves_no_part(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "a.zip")
    (run / "report.html").write_bytes(b"newer")
    (run / "dangling").symlink_to(run / "nothing")
    pack(run, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.read("report.html") == b"newer"
        assert "dangling" not in packed.namelist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "run"]
