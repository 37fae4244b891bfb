"""docs/performance.md shows what was measured last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.page import PAGE, filled

WHERE = {
    "processor": "A Processor",
    "cpus": 2.0,
    "python": "3.11.7",
    "versions": {"ray": "1", "optuna": "2", "tensorflow": "3", "keras": "4"},
}
MEASURED = {
    "command": "python -m benchmarks.scale",
    "date": "2026-01-02",
    "environment": WHERE,
    "tables": "| a | b |",
}


def test_the_page_holds_the_tables_of_the_last_measurements() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page) == page, "run python -m benchmarks.page"


def test_a_table_takes_the_place_of_the_one_before_it(tmp_path: Path) -> None:
    (tmp_path / "scale.json").write_text(json.dumps(MEASURED), encoding="utf-8")
    page = filled("above\n<!-- scale -->\nold\n<!-- end of scale -->\nbelow", tmp_path)
    assert page == (
        "above\n<!-- scale -->\n| a | b |\n\n`python -m benchmarks.scale`, 2026-01-02: A Processor, 2 cores; "
        "Python 3.11.7, ray 1, optuna 2, tensorflow 3, keras 4.\n<!-- end of scale -->\nbelow"
    )


def test_the_gpus_of_a_measurement_are_named(tmp_path: Path) -> None:
    measured = MEASURED | {"environment": {**WHERE, "gpus": 1.0, "gpu_model": "NVIDIA H100"}}
    (tmp_path / "gpu.json").write_text(json.dumps(measured), encoding="utf-8")
    page = filled("<!-- gpu -->\n<!-- end of gpu -->", tmp_path)
    assert "A Processor, 2 cores and 1 × NVIDIA H100; Python" in page


def test_the_page_has_a_place_for_a_gpu_s_measurement() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("<!-- gpu -->\n") == page.count("<!-- end of gpu -->") == 1


def test_a_measurement_without_a_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "scale.json").write_text(json.dumps(MEASURED), encoding="utf-8")
    with pytest.raises(ValueError, match=r"marks of scale once. Received: 0 times"):
        filled("nothing", tmp_path)
