"""Searches at once on one machine: the second one says that there is a first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search.run_folder.neighbours import neighbour_told
from tests.processes import child, said

SEARCHES = """
import sys
from search.run_folder.neighbours import neighbour_told
with neighbour_told(lambda line: print(line, flush=True)):
    print("begun", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.mark.parametrize("others", [1, 2])
def test_a_search_beside_others_says_so_and_what_is_left(others: int) -> None:
    told: list[str] = []
    with child(SEARCHES) as first:
        assert said(first) == "begun"
        with child(SEARCHES) as second:
            assert said(second).startswith("another search of yours runs on this machine: of ")
            assert said(second) == "begun"
            if others == 1:
                first.kill()
                first.wait()
            with neighbour_told(told.append):
                pass
    assert len(told) == 1
    assert re.search(r"of \d+ cores about \d+\.\d are free now", told[0])


def test_a_search_alone_says_nothing_and_neither_does_one_after_a_killed_one() -> None:
    told: list[str] = []
    with child(SEARCHES) as killed:
        assert said(killed) == "begun"
        killed.kill()
        killed.wait()
    with neighbour_told(told.append):
        pass
    assert told == []


def test_a_folder_in_which_no_lock_can_be_made_stops_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")
    with neighbour_told(lambda line: pytest.fail(line)):
        pass
