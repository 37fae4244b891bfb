"""What the page of a search that has not ended loads: nothing slow."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.interim import write_interim
from reports.records import save_record
from tests.processes import python
from tests.reports.conftest import Plan, stopped

SLOW_TO_LOAD = ("ray", "keras", "tensorflow", "optuna", "scipy", "sklearn", "pandas", "matplotlib")
WRITE = (
    "import sys; from pathlib import Path; from reports.interim import write_interim; write_interim(Path(sys.argv[1]))"
)


def test_nothing_slow_is_loaded_and_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    save_record(stopped(Plan(trials=30), 23), tmp_path / "state.json")
    done = python("-c", f"import sys; sys.modules.update(dict.fromkeys({SLOW_TO_LOAD})); {WRITE}", tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_bytes()
    write_interim(tmp_path)
    assert (tmp_path / "report.html").read_bytes() == page


@pytest.mark.slow
def test_it_takes_less_than_three_seconds_of_a_cpu(tmp_path: Path) -> None:
    save_record(stopped(Plan(trials=200, epochs=10), 200), tmp_path / "state.json")
    done = python("-c", f"{WRITE}; import time; print(time.process_time())", tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 3.0
