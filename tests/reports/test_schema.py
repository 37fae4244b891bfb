"""report.json is what docs/report.schema.json says, and the schema refuses what it should. The tests of the pages ask
whether theirs has `faults`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from fashion_model.config import REFERENCE
from reports.interim import write_interim
from reports.page import write_report
from reports.records import save_record
from tests.reports.conftest import Plan, finish, stopped

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/report.schema.json").read_text(encoding="utf-8"))


def faults(run_dir: Path) -> list[str]:
    return faults_of(json.loads((run_dir / "report.json").read_text(encoding="utf-8")))


def faults_of(report: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(SCHEMA).iter_errors(report)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_report_of_the_smallest_search_is_valid(tmp_path: Path) -> None:
    write_report(finish(Plan(trials=1, seeds=1, epochs=1, best_config=REFERENCE)).write(tmp_path))
    assert faults(tmp_path) == []


def test_another_verdict_a_missing_comparison_and_a_verdict_too_early_are_refused(tmp_path: Path) -> None:
    save_record(stopped(Plan(), 5), tmp_path / "state.json")
    write_interim(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert faults_of(report) == []
    assert faults_of(report | {"verdict": "better"}) == ["$: False schema does not allow 'better'"]
    finished = faults_of(report | {"finished": True, "verdict": "best"})
    assert any("'best' is not one of" in fault for fault in finished)
    assert any("'comparison' is a required property" in fault for fault in finished)
