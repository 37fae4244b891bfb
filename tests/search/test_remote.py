"""A cluster's file is checked before a machine is started. The clusters themselves: test_submit.py and tests/lab."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from search.command.settings import SettingsError
from search.command.submission.remote import require_sound

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
