"""Runs that would break a page: foreign text of every kind, thousands of trials and of reasons."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fashion_model.task import Task
from reports.numbers.wording import plural
from reports.page import write_report
from reports.records import TrialRecord
from tests.processes import python
from tests.reports.conftest import FinishedSearch, Plan, finish
from tests.reports.parsed_page import Page
from tests.reports.test_schema import faults

HOSTILE = "<b>&amp;{{ 7 * 7 }}\u202e שלום 👩🏽‍🔬 \udcff\x00|`*"


def with_trials(search: FinishedSearch, trials: list[TrialRecord]) -> FinishedSearch:
    return replace(search, outcome=replace(search.outcome, trials=tuple(trials)))


def test_names_and_errors_of_any_letters_leave_the_page_whole(tmp_path: Path) -> None:
    names = ("<i>", "قميص", "👟", "a\u202eb", "{{ x }}", "&lt;", "$x$")
    task = Task(name=HOSTILE, class_names=names, image_shape=(20, 20, 3))
    plan = Plan(task=task, images=210, study=HOSTILE, reason=HOSTILE, command=f"python {HOSTILE}")
    write_report(finish(plan).write(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert (page.mismatches, page.open) == ([], [])
    assert "\u2066&lt;b&gt;&amp;amp;{{ 7 * 7 }}[U+202E] שלום 👩🏽‍🔬 ?[U+0000]|`*\u2069" in text
    assert "\u202e" not in text
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert told["search"]["failures"][0]["text"] == HOSTILE.replace("\udcff", "?")  # as records are read
    assert "\\<b\\>" in (tmp_path / "MODEL_CARD.md").read_text(encoding="utf-8")


def diverged(search: FinishedSearch) -> FinishedSearch:
    best = search.predictions.best.copy()
    best[1] = np.nan
    return replace(search, predictions=replace(search.predictions, best=best))


def always_the_first_class(search: FinishedSearch) -> FinishedSearch:
    best = np.zeros_like(search.predictions.best)
    best[..., 0] = 1.0
    return replace(search, predictions=replace(search.predictions, best=best))


def without_a_class(search: FinishedSearch) -> FinishedSearch:
    labels = np.where(search.predictions.labels == 3, 2, search.predictions.labels).astype(np.uint8)
    return replace(search, predictions=replace(search.predictions, labels=labels))


def on_other_terms(search: FinishedSearch) -> FinishedSearch:
    """Fewer epochs and other seeds for the best, and other data than the records say."""
    first, *more = search.outcome.finals
    last = replace(more[-1].train, epochs=more[-1].train.epochs[:2], seed=99)
    finals = (first, *more[:-1], replace(more[-1], train=last))
    data = replace(search.outcome.data, test_sha256="0" * 64, repeated_test=90)
    return replace(search, outcome=replace(search.outcome, finals=finals, data=data))


@pytest.mark.parametrize(
    ("hostile", "failed"),
    [
        (diverged, {"A1", "A2"}),
        (always_the_first_class, {"A1"}),
        (without_a_class, {"A1", "A3"}),
        (on_other_terms, {"A3", "B1", "B2", "C5"}),
    ],
)
def test_a_comparison_that_is_void_has_a_whole_page_that_says_why(
    hostile: Callable[[FinishedSearch], FinishedSearch], failed: set[str], tmp_path: Path
) -> None:
    assert write_report(hostile(finish(Plan())).write(tmp_path)).verdict == "no verdict"
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page, told = Page(text), json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (page.mismatches, page.open) == ([], [])
    assert f"<h1>No verdict: {plural(len(failed), 'check')} do" in text
    assert {check["code"] for check in told["checks"] if check["level"] == "fail"} == failed
    assert faults(tmp_path) == []
    assert not re.search(r"\bnan\b", re.sub(r'base64,[^"]*', "", text))


@pytest.mark.slow
def test_of_600_reasons_the_page_shows_ten_and_counts_the_rest(tmp_path: Path) -> None:
    search = finish(Plan())
    failed = next(trial for trial in search.outcome.trials if trial.status == "FAIL")
    trials = [trial for trial in search.outcome.trials if trial.status != "FAIL"]
    trials += [replace(failed, number=100 + index, reason=f"reason {index} " + "x" * 500) for index in range(600)]
    write_report(with_trials(search, trials).write(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.count("<bdi>reason ") == 10
    assert "And 590 other reasons, of 590 trials: report.json has them all." in text
    assert "The first 500 of 613 trials" in text
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert len(told["search"]["failures"]) == 600


@pytest.mark.slow
@pytest.mark.parametrize(("count", "bytes_allowed", "seconds_allowed"), [(200, 1_500_000, 10), (5000, 4_000_000, 30)])
def test_many_trials_have_a_page_of_bounded_size_and_cost(
    count: int, bytes_allowed: int, seconds_allowed: int, tmp_path: Path
) -> None:
    """Three times the seconds are allowed, since a busy machine counts more for the same work."""
    search = finish(Plan(images=10_000, epochs=10, trials=40))
    trials = [
        replace(search.outcome.trials[number % 40], number=number, is_reference=number == 0) for number in range(count)
    ]
    with_trials(search, trials).write(tmp_path)
    code = (
        "import sys, time; from pathlib import Path; from reports.page import write_report; "
        "write_report(Path(sys.argv[1])); print(time.process_time())"
    )
    done = python("-c", code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").stat().st_size < bytes_allowed
    assert (tmp_path / "report.json").stat().st_size < 250_000 + 1_200 * count
    assert float(done.stdout) < 3 * seconds_allowed
