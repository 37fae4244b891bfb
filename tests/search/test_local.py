"""`--local`: one trial, the retraining and the report in this process, on real data, with Ray out of reach."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.processes import python

ARGUMENTS = ["--local", "--train-size", "2000", "--epochs", "1", "--retrain-seeds", "1", "--name", "one"]
WITHOUT_RAY = """
import sys, threading
sys.modules["ray"] = None  # any import of Ray now raises ImportError
from fashion_model import model
build, builders = model.build_model, []
def build_model(*given):
    builders.append(threading.current_thread())
    return build(*given)
model.build_model = build_model  # where a debugger would stop
from search.run import main
code = main()
sys.exit(code if builders == [threading.main_thread()] * 4 else f"networks were built in {builders}")
"""


@pytest.mark.slow
def test_local_trains_in_this_process_without_ray_in_under_a_minute(real_data: str, tmp_path: Path) -> None:
    """Networks are built by the trial, the training of the finalist, and the final, which makes one more for the saved
    file."""
    start = time.perf_counter()
    result = python("-c", WITHOUT_RAY, *ARGUMENTS, "--data-dir", real_data, "--output", tmp_path)
    assert result.returncode == 0, result.stderr
    assert time.perf_counter() - start < 60
    left = {path.name for path in (tmp_path / "one").iterdir()} - {"study.db-shm", "study.db-wal"}
    assert left == {
        ".lock",
        "best.json",
        "MODEL_CARD.md",
        "config.json",
        "log.txt",
        "models",
        "outcome.json",
        "predictions.npz",
        "report.html",
        "report.json",
        "sessions.json",
        "study.db",
        "study.db.backup",
        "trainings",
        "trials.csv",
    }
    assert str(tmp_path / "one" / "report.html") in result.stdout
    assert [line.split()[0] for line in result.stderr.splitlines() if line[1:3] == "/6"] == [
        f"{n}/6" for n in range(1, 7)
    ]
