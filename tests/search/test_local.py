"""`--local`: one trial, the retraining and the report in this process, on real data, with Ray out of reach."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.processes import python

ARGUMENTS = ["--local", "--train-size", "2000", "--epochs", "1", "--retrain-seeds", "1", "--name", "one"]
WITHOUT_RAY = """
import runpy, sys
sys.modules["ray"] = None  # any import of Ray now raises ImportError
sys.argv = ["search.run", *sys.argv[1:]]
runpy.run_module("search.run", run_name="__main__")
"""
WITH_A_BREAKPOINT = """
import sys
from fashion_model import model
stops = []
def trace(frame, event, arg):
    if event == "call" and frame.f_code is model.build_model.__code__:
        stops.append(frame.f_locals["config"])
sys.settrace(trace)
from search.run import main
code = main(sys.argv[1:])
sys.settrace(None)
sys.exit(code if len(stops) == 4 else f"build_model was stopped at {len(stops)} times")
"""


def run(code: str, real_data: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return python("-c", code, *ARGUMENTS, "--data-dir", real_data, "--output", tmp_path)


@pytest.mark.slow
def test_local_works_without_ray_and_takes_under_a_minute(real_data: str, tmp_path: Path) -> None:
    start = time.perf_counter()
    result = run(WITHOUT_RAY, real_data, tmp_path)
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


@pytest.mark.slow
def test_a_breakpoint_in_build_model_is_hit_by_trial_finalists_and_final(real_data: str, tmp_path: Path) -> None:
    """By the trial, the training of the finalist, and the final, which makes a network more for the saved file."""
    result = run(WITH_A_BREAKPOINT, real_data, tmp_path)
    assert result.returncode == 0, result.stderr
