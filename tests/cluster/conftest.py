"""A user's place: the repository's root as current folder, a home with a token and a key in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.shipped import ROOT, filled_in

Changed = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for files, in a home that has what `ray up` copies to the nodes."""
    for name in (".ray/auth_token", ".ssh/key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("made up\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    return tmp_path


@pytest.fixture
def changed(home: Path) -> Changed:
    """A shipped file, filled in, with one text replaced by another."""

    def change(name: str, old: str = "", new: str = "") -> Path:
        text = filled_in(name)
        assert old in text, f"{name} has no {old!r}"
        path = home / name
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return change
