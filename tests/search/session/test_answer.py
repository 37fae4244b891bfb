"""What a pull request is told, and when it is stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from fashion_model.config import REFERENCE
from reports.interim import write_interim
from reports.page import write_report
from reports.records import save_record
from search.session.answer import answer, exit_code
from tests.reports.conftest import Plan, finish, stopped


@pytest.fixture(scope="module")
def better(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose winner is better by 4 to 12 pt."""
    run_dir = finish(Plan(images=1000)).write(tmp_path_factory.mktemp("better"))
    assert write_report(run_dir).verdict == "better"
    return run_dir


def test_a_result_is_printed_as_text_json_or_markdown(better: Path) -> None:
    assert answer(better, "It helped.", "text") == f"It helped.\n{better / 'report.html'}"
    assert answer(better, "It helped.", "json") == (better / "report.json").read_text(encoding="utf-8")
    assert answer(better, "It helped.", "md").startswith("### Better: synthetic")


def test_a_winner_passes_the_gate_up_to_the_low_end_of_its_interval(
    better: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [exit_code(better, least) for least in (None, 0.0, 1.0)] == [0, 0, 0]
    assert capsys.readouterr().err == ""
    assert exit_code(better, 50.0) == 6
    assert (
        "must be better by more than 50 pt at the low end of the interval. Received: better," in capsys.readouterr().err
    )


def test_what_is_not_better_or_not_finished_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = finish(Plan(best_config=REFERENCE)).write(tmp_path / "same")
    write_report(same)
    early = tmp_path / "early"
    early.mkdir()
    save_record(stopped(Plan(), 5), early / "state.json")
    write_interim(early)
    assert (exit_code(same, 0.0), exit_code(early, 0.0), exit_code(early, None)) == (6, 6, 0)
    assert "Received: the search has not ended." in capsys.readouterr().err
    assert answer(early, "Not yet.", "md").startswith("Not yet.")
