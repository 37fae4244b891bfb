"""The page and report.json, read back: their numbers are scikit-learn's, and nothing foreign gets in or out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from fashion_model.config import REFERENCE
from fashion_model.task import FASHION_MNIST
from reports.numbers.comparison import compare
from reports.page import SECTIONS, write_report
from tests.processes import python
from tests.reports.conftest import FinishedSearch, Plan, finish
from tests.reports.parsed_page import Page
from tests.reports.test_other_task import DOCUMENTED
from tests.reports.test_schema import faults

CLASS_NAMES = FASHION_MNIST.class_names

SCORES = ("precision", "recall", "f1-score")
BLOCKED = ("ray", "keras", "tensorflow", "optuna", "matplotlib.pyplot")


@pytest.fixture(scope="module")
def search() -> FinishedSearch:
    return finish(Plan())


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def expected_report(labels: npt.NDArray[np.uint8], predicted: npt.NDArray[np.int64]) -> dict[str, Any]:
    report: dict[str, Any] = classification_report(labels, predicted, target_names=CLASS_NAMES, output_dict=True)
    return report


@pytest.mark.parametrize("name", ["reference", "best"])
def test_report_json_has_scikit_learns_numbers_for_every_seed(
    search: FinishedSearch, numbers: dict[str, Any], name: str
) -> None:
    runs, labels = numbers["models"][name]["runs"], search.predictions.labels
    assert [run["seed"] for run in runs] == [0, 1, 2, 3, 4]
    for run, scores in zip(runs, getattr(search.predictions, name), strict=True):
        predicted = scores.argmax(axis=1)
        assert run["confusion_matrix"] == confusion_matrix(labels, predicted).tolist()
        assert run["test_accuracy"] == pytest.approx((labels == predicted).mean(), abs=1e-12)
        expected = expected_report(labels, predicted)
        assert set(run["classification_report"]) == set(expected)
        for key, value in expected.items():
            assert run["classification_report"][key] == pytest.approx(value, abs=1e-12)


def test_the_difference_table_is_tuned_minus_reference(search: FinishedSearch, page: Page) -> None:
    runs = [getattr(search.predictions, name).argmax(axis=2) for name in ("reference", "best")]
    means = [np.mean([confusion_matrix(search.predictions.labels, run) for run in of], axis=0) for of in runs]
    rows = [row[1:] for row in page.tables["confusion-difference"][1:]]
    counts = np.array([[float(cell.replace("\u2212", "-").lstrip("★")) for cell in row] for row in rows])
    assert counts == pytest.approx(means[1] - means[0], abs=0.051)


def test_the_pages_classification_table_is_the_mean_of_scikit_learns(search: FinishedSearch, page: Page) -> None:
    labels, rows = search.predictions.labels, {row[0]: row[1:] for row in page.tables["classification"][2:]}
    for offset, name in ((0, "reference"), (3, "best")):
        reports = [expected_report(labels, run) for run in getattr(search.predictions, name).argmax(axis=2)]
        for line in (*CLASS_NAMES, "macro avg", "weighted avg"):
            wanted = [np.mean([report[line][score] for report in reports]) for score in SCORES]
            assert [float(cell) for cell in rows[line][offset : offset + 3]] == pytest.approx(wanted, abs=6e-5)
            assert int(rows[line][-1]) == reports[0][line]["support"]


def test_the_page_is_well_formed_its_ids_are_unique_and_every_reference_to_one_is_met(page: Page) -> None:
    assert page.faults() == []


def test_the_navigation_names_every_section_in_its_order(text: str) -> None:
    navigation = text[text.index("<nav") : text.index("</nav>")]
    anchors = re.findall(r'<a href="#(\w+)">', navigation)
    assert anchors == re.findall(r'<section id="(\w+)"', text)
    assert len(anchors) == len(SECTIONS)


def test_the_page_asks_nothing_of_the_network_and_runs_no_script_but_its_own(text: str, page: Page) -> None:
    assert page.outside() == []
    assert "url(http" not in text
    assert "@import" not in text
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in text


def test_the_files_are_inside_the_page_for_whoever_has_it_alone(
    text: str, folder: Path, search: FinishedSearch
) -> None:
    links = re.findall(r'<a href="data:application/octet-stream;base64,([^"]+)" download="([^"]+)">', text)
    held = {name: base64.b64decode(content) for content, name in links}
    assert list(held) == ["report.json", "trials.csv", "config.toml"]
    assert held["report.json"] == (folder / "report.json").read_bytes()
    assert held["trials.csv"].count(b"\n") == 1 + len(search.outcome.trials)
    assert b"trials = 14\n" in held["config.toml"]


def test_every_picture_has_a_name_and_a_description(text: str) -> None:
    pictures = re.findall(r"<svg (?!aria-hidden)[^>]*>.*?</svg>", text, flags=re.DOTALL)
    assert len(pictures) >= 8
    assert all('role="img"' in picture and "<title " in picture and "<desc " in picture for picture in pictures)


def test_hosts_and_folders_stay_out(text: str, folder: Path) -> None:
    for written in (text, (folder / "report.json").read_text(encoding="utf-8")):
        assert "example.internal" not in written
        assert "/home/someone" not in written
        assert str(folder) not in written


def test_report_json_is_as_its_schema_says_and_has_no_nan(folder: Path) -> None:
    assert faults(folder) == []
    written = (folder / "report.json").read_text(encoding="utf-8")
    json.loads(written, parse_constant=pytest.fail)  # called for NaN and Infinity alone


def test_what_holds_for_the_documented_task_alone_is_said_of_it(text: str) -> None:
    assert [word for word in DOCUMENTED if word not in text] == []


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(seeds=1), ("<h1>No verdict: 1 check does not hold</h1>", "B3 fails.")),
        (
            Plan(all_failed=True, best_config=REFERENCE),
            ("D3 fails.", "13 trials: <bdi>ValueError: the loss became NaN</bdi>"),
        ),
    ],
    ids=["one seed", "all failed"],
)
def test_a_search_without_a_verdict_has_a_page_that_says_why(plan: Plan, said: tuple[str, ...], tmp_path: Path) -> None:
    assert write_report(finish(plan).write(tmp_path)).verdict == "no verdict"
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [words for words in said if words not in text] == []
    assert faults(tmp_path) == []


def test_where_the_reference_wins_the_page_has_one_network(tmp_path: Path) -> None:
    write_report(finish(Plan(best_config=REFERENCE)).write(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "<h1>The search found nothing better than the reference</h1>" in text
    assert "the runner-up, trial " in text
    headers = [cell for rows in page.tables.values() for row in rows[:2] for cell in row]
    assert "Tuned" not in headers
    assert "0.00 to 0.00" not in text
    of_changes = {"confusion-best", "confusion-difference", "class-changes", "pairs"}
    assert {"confusion-reference", *of_changes} & set(page.tables) == {"confusion-reference"}


def test_the_verdict_sentence_is_the_one_returned(search: FinishedSearch, text: str, numbers: dict[str, Any]) -> None:
    sentence = compare(search.outcome, search.predictions).sentence
    assert f'id="verdict-sentence">{sentence}</p>' in text
    assert numbers["sentence"] == sentence


def test_trial_numbers_may_have_gaps_and_the_reference_any_of_them(tmp_path: Path) -> None:
    search = finish(Plan())
    trials = [replace(trial, number=7 * trial.number + 3) for trial in search.outcome.trials]
    lost = replace(trials[0], number=1, status="FAIL", reason="its machine was lost", value=None, measurements=())
    trials[0] = replace(trials[0], attempts=2, lineage=1, work=replace(trials[0].work, note="went on from epoch 2"))
    finalists = tuple(replace(score, trial=7 * score.trial + 3) for score in search.outcome.finalists)
    best = 7 * search.outcome.best_trial + 3
    outcome = replace(search.outcome, trials=(lost, *trials), finalists=finalists, best_trial=best)
    write_report(replace(search, outcome=outcome).write(tmp_path))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    rows = {row[0]: row[-1] for row in page.tables["trials"]}
    assert rows["1 reference"] == "its machine was lost"
    assert rows["3 reference"] == "2 attempts, the first as trial 1; went on from epoch 2"
    assert f"{best} ★" in rows
    numbers = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert numbers["search"]["restarted"] == 1
    assert next(check for check in numbers["checks"] if check["code"] == "D1")["level"] == "pass"


@pytest.mark.slow
def test_another_process_without_ray_keras_tensorflow_or_optuna_writes_the_same_bytes(
    search: FinishedSearch, folder: Path, tmp_path: Path
) -> None:
    run_dir = search.write(tmp_path)
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({BLOCKED})); from pathlib import Path; "
        "from reports.page import write_report; print(write_report(Path(sys.argv[1])).verdict)"
    )
    done = python("-c", code, run_dir)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == compare(search.outcome, search.predictions).verdict
    for name in ("report.html", "report.json"):
        assert (run_dir / name).read_bytes() == (folder / name).read_bytes()
