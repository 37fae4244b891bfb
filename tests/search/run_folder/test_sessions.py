"""The wall time of a run, over every command that worked on it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from reports.records import RecordError
from search.run_folder.sessions import Sessions

FIRST = "python -m search.run --trials 50 --name a"


def test_the_time_of_a_stage_is_counted_while_it_goes_on_and_at_its_end(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "sessions.json", FIRST)
    with sessions.timed("search"):
        time.sleep(0.05)
        sessions.write()
        written = Sessions(tmp_path / "sessions.json", "later").times()
        assert 0.05 <= written.search_seconds < 1
        time.sleep(0.05)
        for _ in range(20):
            sessions.write()  # what was counted is not counted again
    times = sessions.times()
    time.sleep(0.05)
    sessions.write()
    assert 0.1 <= times.search_seconds < 0.5
    assert (times.data_seconds, times.finalists_seconds, times.retrain_seconds) == (0.0, 0.0, 0.0)
    assert sessions.times() == times  # nothing is counted between two stages


def test_a_stage_that_is_torn_off_is_counted(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "sessions.json", FIRST)
    with pytest.raises(KeyboardInterrupt), sessions.timed("retrain"):
        raise KeyboardInterrupt
    assert sessions.times().retrain_seconds > 0


def test_sessions_add_up_and_the_first_says_when_it_started(tmp_path: Path) -> None:
    file, spent = tmp_path / "sessions.json", 0.0
    for command in (FIRST, "later", "last"):
        sessions = Sessions(file, command)
        with sessions.timed("search"):
            time.sleep(0.01)
        sessions.write()
        sessions.write()  # once more changes nothing
        assert sessions.times().search_seconds >= spent + 0.01
        spent = sessions.times().search_seconds
    assert Sessions(file, "now").times() == sessions.times()
    stored = json.loads(file.read_text())
    stored["sessions"][0]["started"] = "2026-01-01T00:00:00+00:00"
    file.write_text(json.dumps(stored))
    assert Sessions(file, "now").started() == "2026-01-01T00:00:00+00:00"


def test_the_commands_are_told_without_those_that_only_went_on(tmp_path: Path) -> None:
    file = tmp_path / "sessions.json"
    for command in (
        FIRST,
        "python -m search.run --resume",
        "python -m search.run --resume runs/a",
        "python -m search.run --resume runs/a --trials 80",
    ):
        sessions = Sessions(file, command)
        sessions.write()
    assert sessions.commands() == f"{FIRST}\npython -m search.run --resume runs/a --trials 80"


@pytest.mark.parametrize("content", ["", "{", '{"schema": 2, "sessions": []}', '{"schema": 1, "sessions": [{}]}'])
def test_a_damaged_file_is_refused_by_its_name(content: str, tmp_path: Path) -> None:
    file = tmp_path / "sessions.json"
    file.write_text(content)
    with pytest.raises(RecordError, match=str(file)):
        Sessions(file, FIRST)
