"""Several runs on one page: what may be compared is said first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports.compare import main
from reports.numbers.comparison import compare
from reports.numbers.wording import duration
from reports.sections.cost.figures import cost_of
from tests.reports.conftest import FinishedSearch, Plan, finish
from tests.reports.parsed_page import Page


@pytest.fixture(scope="module")
def first() -> FinishedSearch:
    return finish(Plan(study="first"))


def compared(tmp_path: Path, *runs: FinishedSearch) -> str:
    """The page on which these runs are side by side."""
    folders, output = [str(run.write(tmp_path / str(n))) for n, run in enumerate(runs)], tmp_path / "comparison.html"
    assert main([*folders, "--output", str(output)]) == 0
    return output.read_text(encoding="utf-8")


def test_runs_of_the_same_data_and_terms_are_comparable(
    first: FinishedSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = finish(Plan(study="second", trials=20, best_error=0.05))
    text = compared(tmp_path, first, second)
    assert capsys.readouterr().out == f"comparable: same data, same terms\n{tmp_path / 'comparison.html'}\n"
    assert "report.json" not in text, "there is none beside it"
    page = Page(text)
    rows = {row[0]: row[1:] for row in page.tables[""]}
    assert rows["trials"] == ["14", "20"]
    verdicts = [compare(run.outcome, run.predictions).verdict for run in (first, second)]
    assert rows["verdict"] == verdicts
    assert rows["tuned, test accuracy"][0] != rows["tuned, test accuracy"][1]
    assert page.mismatches == []


def test_costs_and_commands_are_those_of_the_runs_own_pages(first: FinishedSearch, tmp_path: Path) -> None:
    trial = first.outcome.trials[1]
    lost = replace(trial, number=99, status="FAIL", work=replace(trial.work, cpu_seconds=7200.0))
    outcome = replace(first.outcome, lost=(lost,), command="run --trials 5\nrun --resume runs/a --trials 14")
    rows = {row[0]: row[1] for row in Page(compared(tmp_path, replace(first, outcome=outcome), first)).tables[""]}
    assert rows["search, CPU time"] == duration(cost_of(outcome).stages[1].cpu_seconds)
    assert rows["command"] == "run --trials 5, then run --resume runs/a --trials 14"


def test_what_keeps_runs_from_being_compared_is_named(
    first: FinishedSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    longer = finish(Plan(study="longer", epochs=6))
    data = replace(longer.outcome.data, test_sha256="0" * 64)
    longer = replace(longer, outcome=replace(longer.outcome, data=data))
    assert "These runs cannot be compared" in compared(tmp_path, first, longer)
    said = "not comparable: test images (SHA-256 of the labels), epochs of a retraining differ"
    assert capsys.readouterr().out.startswith(said)


def test_other_images_under_the_same_labels_are_other_data(
    first: FinishedSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = replace(first.outcome.data, file_sha256={"mine.npz": "ab" * 32})
    compared(tmp_path, first, replace(first, outcome=replace(first.outcome, data=data)))
    assert capsys.readouterr().out.startswith("not comparable: files of the data (SHA-256) differ\n")


def test_foreign_names_leave_the_page_whole(first: FinishedSearch, tmp_path: Path) -> None:
    named = replace(first, outcome=replace(first.outcome, study="<b>{{ 7 * 7 }}\u202e \udcff", command="run <i>"))
    text = compared(tmp_path, first, named)
    assert Page(text).mismatches == []
    assert '<th scope="col">&lt;b&gt;{{ 7 * 7 }}[U+202E] ?</th>' in text


def test_one_run_and_a_folder_without_a_run_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "A comparison needs two runs or more. Received:" in capsys.readouterr().err
    assert main([str(tmp_path), str(tmp_path), "--output", str(tmp_path / "a.html")]) == 2
    assert "outcome.json must be the outcome of a finished search" in capsys.readouterr().err
    assert not (tmp_path / "a.html").exists()


def test_an_output_that_cannot_be_written_ends_with_2_and_the_reason(
    first: FinishedSearch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, output = str(first.write(tmp_path / "first")), tmp_path / "missing" / "x.html"
    assert main([folder, folder, "--output", str(output)]) == 2
    assert capsys.readouterr().err.startswith("error: [Errno 2] No such file or directory: ")
