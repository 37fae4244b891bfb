"""The report of a run whose outcome is on disk: whatever ends it, `--report-only` makes it afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from search.command.settings import Settings
from search.run import main
from search.run_folder.folder import RunFolder

from ..reports.conftest import Plan, finish


def in_the_way(run: Path) -> Callable[[], object]:
    (run / "report.html").mkdir()
    return (run / "report.html").rmdir


def predictions_gone(run: Path) -> Callable[[], object]:
    (run / "predictions.npz").rename(run / "aside")
    return lambda: (run / "aside").replace(run / "predictions.npz")


def predictions_damaged(run: Path) -> Callable[[], object]:
    whole = (run / "predictions.npz").read_bytes()
    (run / "predictions.npz").write_bytes(whole[:1000])
    return lambda: (run / "predictions.npz").write_bytes(whole)


@pytest.mark.parametrize("fault", [in_the_way, predictions_gone, predictions_damaged])
def test_a_report_that_fails_loses_nothing_and_is_made_alone(
    fault: Callable[[Path], Callable[[], object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search, run = finish(Plan(images=30, seeds=2, trials=3, study="x")), tmp_path / "x"
    settings = Settings(name="x", output=str(tmp_path), local=True, trials=3, epochs=4, retrain_seeds=2)
    replace(search, outcome=replace(search.outcome, settings=settings.to_dict())).write(run)
    RunFolder(run).write_config(settings)
    mend = fault(run)
    assert main(["--resume", str(run)]) != 0
    err = capsys.readouterr().err.splitlines()
    again = f"python -m search.run --report-only {run}"
    assert err[-2:] == [f"kept: {run}", f"the report alone: {again}"]
    mend()
    assert main(again.split()[3:]) == 0
    assert os.access(run / "report.json", os.R_OK)
