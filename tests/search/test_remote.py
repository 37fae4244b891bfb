"""A cluster's file is checked before a machine is started, and a run folder is fetched whole. The clusters themselves:
test_submit.py and tests/lab."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cluster.client.jobs import Connection
from cluster.client.up import Launcher
from cluster.startable import ConnectError
from search.command.settings import SettingsError
from search.command.submission.remote import Remote, require_sound

FILE = Path(__file__).resolve().parents[2] / "cluster" / "on-prem.yaml"


def filled_in(folder: Path, **changes: object) -> Path:
    key = folder / "key"
    key.touch()
    text = FILE.read_text(encoding="utf-8").replace("~/.ssh/FILL-IN-key", str(key)).replace("FILL-IN", "filled-in")
    path = folder / "cluster.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(text) | changes, sort_keys=False), encoding="utf-8")
    return path


def test_a_file_without_a_fault_may_be_started(tmp_path: Path) -> None:
    require_sound(filled_in(tmp_path))


def test_a_file_with_a_fault_is_refused_with_its_line_and_the_way_to_look_again(tmp_path: Path) -> None:
    path = filled_in(tmp_path, foo=1)
    with pytest.raises(SettingsError, match=r"with 1 fault:\n.*foo") as refused:
        require_sound(path)
    assert f"`python -m cluster.check {path}` looks again" in str(refused.value)


def test_a_run_folder_that_cannot_be_written_here_is_told_with_the_remedy(tmp_path: Path) -> None:
    remote = Remote(Connection(lambda: "", None, 0.0, print), Launcher(filled_in(tmp_path)))
    with pytest.raises(ConnectError, match=r"must be written here\. Received: .*Not a directory.*same command again"):
        remote.fetch("a", tmp_path / "key" / "a")


@pytest.mark.parametrize("of_the_head", [{"study.db": "new"}, {"study.db": "new", "study.db-wal": "its log"}, {}])
def test_no_older_log_stays_beside_a_database_that_is_fetched(
    of_the_head: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"study.db": "old", "study.db-wal": "log of the old"}
    there, here = tmp_path / "fashion-search" / "runs" / "a", tmp_path / "here"
    for folder, files in ((there, of_the_head), (here, before)):
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    ray = tmp_path / "ray"  # copies the folder as rsync does; an empty one is none
    ray.write_text('#!/bin/bash\ncp -a "${3/#\\~/$HOME}"* "$4"\n', encoding="utf-8")
    ray.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("cluster.client.up.RAY", str(ray))
    remote = Remote(Connection(lambda: "", None, 0.0, print), Launcher(filled_in(tmp_path)))
    if of_the_head:
        remote.fetch("a", here)
    else:
        with pytest.raises(ConnectError, match="`ray rsync-down` must succeed"):
            remote.fetch("a", here)
    assert {path.name: path.read_text(encoding="utf-8") for path in here.iterdir()} == (of_the_head or before)
