"""What the page of a search that has not ended reads and loads: its state or a clear error, and nothing slow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reports.interim import write_interim
from reports.records import RecordError, save_record
from tests.reports.conftest import Plan, stopped

ROOT = Path(__file__).parents[2]
SLOW_TO_LOAD = ("ray", "keras", "tensorflow", "optuna", "scipy", "sklearn", "pandas")
WRITE = "from pathlib import Path; from reports.interim import write_interim; write_interim(Path({run_dir!r}))"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"state\.json must be the state of a search that has not ended\. Received: .*No such file"),
        ("{", r"state\.json must be the state of a search that has not ended"),
        ("[]", r"state\.json must have schema 2\. Received: list"),
        ('{"schema": 3}', r"state\.json must have schema 2\. Received: 3\. Read it with the version that wrote it"),
        ('{"schema": 2}', r"state\.json must have the fields of schema 2\. .*The file is damaged"),
    ],
)
def test_a_state_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "state.json").write_text(content, encoding="utf-8")
    with pytest.raises(RecordError, match=message):
        write_interim(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(("ended", "blocked"), [(0, (*SLOW_TO_LOAD, "matplotlib")), (23, SLOW_TO_LOAD)])
def test_nothing_slow_is_loaded_that_the_page_does_not_show(
    ended: int, blocked: tuple[str, ...], tmp_path: Path
) -> None:
    save_record(stopped(Plan(trials=30), ended), tmp_path / "state.json")
    code = f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); {WRITE.format(run_dir=str(tmp_path))}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if ended == 23:
        page = (tmp_path / "report.html").read_bytes()
        write_interim(tmp_path)
        assert (tmp_path / "report.html").read_bytes() == page


@pytest.mark.slow
def test_it_takes_less_than_three_seconds_of_a_cpu(tmp_path: Path) -> None:
    save_record(stopped(Plan(trials=200, epochs=10), 200), tmp_path / "state.json")
    code = f"{WRITE.format(run_dir=str(tmp_path))}; import time; print(time.process_time())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 3.0
