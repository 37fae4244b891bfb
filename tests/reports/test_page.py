"""The page and report.json, read back: their numbers are scikit-learn's, and nothing foreign gets in or out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from fashion_model.config import CLASS_NAMES, REFERENCE
from reports.comparison import compare
from reports.page import write_report
from reports.provenance import provenance
from search.records import RecordError
from tests.reports.conftest import Finish, FinishedSearch, Plan
from tests.reports.parsed_page import Page

ROOT = Path(__file__).parents[2]


def counts(page: Page, name: str) -> npt.NDArray[np.int64]:
    rows = page.tables[f"confusion-{name}"][1:]
    return np.array([[int(cell.replace("\u2212", "-")) for cell in row[1:]] for row in rows])


@pytest.fixture(scope="module")
def search(make: Finish) -> FinishedSearch:
    return make(Plan())


@pytest.fixture(scope="module")
def folder(search: FinishedSearch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = search.write(tmp_path_factory.mktemp("run"))
    write_report(run_dir)
    return run_dir


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def numbers(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return loaded


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


@pytest.mark.parametrize("name", ["reference", "best"])
def test_the_pages_confusion_tables_are_scikit_learns(
    search: FinishedSearch, numbers: dict[str, Any], page: Page, name: str
) -> None:
    shown = numbers["models"][name]["shown_run"]
    predicted = getattr(search.predictions, name)[shown].argmax(axis=1)
    assert np.array_equal(counts(page, name), confusion_matrix(search.predictions.labels, predicted))
    assert page.tables[f"confusion-{name}"][0][1:] == list(CLASS_NAMES)


def test_the_difference_table_is_tuned_minus_reference(page: Page) -> None:
    assert np.array_equal(counts(page, "difference"), counts(page, "best") - counts(page, "reference"))


def test_the_pages_classification_table_is_scikit_learns(
    search: FinishedSearch, numbers: dict[str, Any], page: Page
) -> None:
    labels, rows = search.predictions.labels, {row[0]: row[1:] for row in page.tables["classification"][2:]}
    for offset, name in ((0, "reference"), (3, "best")):
        predicted = getattr(search.predictions, name)[numbers["models"][name]["shown_run"]].argmax(axis=1)
        expected = expected_report(labels, predicted)
        for line in (*CLASS_NAMES, "macro avg", "weighted avg"):
            wanted = [f"{expected[line][score]:.4f}" for score in ("precision", "recall", "f1-score")]
            assert rows[line][offset : offset + 3] == wanted
            assert int(rows[line][-1]) == expected[line]["support"]
        assert rows["accuracy"][offset + 2] == f"{expected['accuracy']:.4f}"


def test_the_page_is_well_formed(page: Page) -> None:
    assert page.mismatches == []
    assert page.open == []


def test_ids_are_unique_and_every_reference_to_one_is_met(page: Page) -> None:
    ids = [value for _, name, value in page.attributes if name == "id"]
    wanted = [value[1:] for _, name, value in page.attributes if name == "href"]
    wanted += [word for _, name, value in page.attributes if name == "aria-labelledby" for word in value.split()]
    wanted += [match for _, _, value in page.attributes for match in re.findall(r"url\(#([^)]+)\)", value)]
    assert len(ids) == len(set(ids))
    assert set(wanted) <= set(ids)


def test_the_page_asks_nothing_of_the_network_and_runs_no_script(text: str, page: Page) -> None:
    links = [value for _, name, value in page.attributes if name in ("src", "href", "xlink:href", "action", "data")]
    assert all(value.startswith(("#", "data:image/png;base64,")) for value in links)
    assert "url(http" not in text
    assert "@import" not in text
    assert not any(tag == "script" or name.startswith("on") for tag, name, _ in page.attributes)
    assert "default-src 'none'" in text


def test_every_picture_has_a_name_and_a_description(text: str) -> None:
    pictures = re.findall(r"<svg [^>]*>.*?</svg>", text, flags=re.DOTALL)
    assert len(pictures) == 8
    assert all('role="img"' in picture and "<title " in picture and "<desc " in picture for picture in pictures)


def test_hosts_and_folders_stay_out(text: str, folder: Path) -> None:
    for written in (text, (folder / "report.json").read_text(encoding="utf-8")):
        assert "example.internal" not in written
        assert "/home/someone" not in written
        assert str(folder) not in written


def test_report_json_states_its_schema_and_has_no_nan(numbers: dict[str, Any], folder: Path) -> None:
    assert numbers["schema"] == 1
    assert numbers["finished"] is True
    written = (folder / "report.json").read_text(encoding="utf-8")
    json.loads(written, parse_constant=pytest.fail)  # called for NaN and Infinity alone
    assert numbers["verdict"] in ("better", "no reliable difference", "worse")


def test_settings_keep_what_the_command_says_and_hide_hosts_folders_and_passwords_that_it_does_not(
    search: FinishedSearch,
) -> None:
    settings = {
        "output": "/data/ann/runs",
        "address": "gpu-box-7:6379",
        "storage": "postgresql://ann:pw@db/x",
        "seed": 1,
    }
    comparison = compare(search.outcome, search.predictions)
    hidden = provenance(replace(search.outcome, settings=settings), comparison)
    assert [fact.value for fact in hidden.settings] == ["…", "…/runs", "1", "postgresql://…@db/x"]
    command = "python -m search.run --output /data/ann/runs --address gpu-box-7:6379"
    said = provenance(replace(search.outcome, settings=settings, command=command), comparison)
    assert [fact.value for fact in said.settings][:2] == ["gpu-box-7:6379", "/data/ann/runs"]


def test_values_of_others_are_escaped(make: Finish, tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>"
    search = make(Plan(study=evil, reason=f"boom {evil}", command=f"python -m search.run --name {evil}"))
    write_report(search.write(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 4


def test_one_seed_is_enough_and_is_warned_of(make: Finish, tmp_path: Path) -> None:
    write_report(make(Plan(seeds=1)).write(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "the interval covers image sampling only" in text
    assert "B3 warning." in text


def test_a_search_whose_trials_all_failed_keeps_the_reference(make: Finish, tmp_path: Path) -> None:
    comparison = write_report(make(Plan(all_failed=True, best_config=REFERENCE)).write(tmp_path))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert comparison.verdict == "no reliable difference"
    assert "The search found nothing better than the reference" in text
    assert "13 trials: ValueError: the loss became NaN" in text


def test_the_smallest_search_of_one_trial_has_a_report(make: Finish, tmp_path: Path) -> None:
    comparison = write_report(make(Plan(trials=1, seeds=1, epochs=1, best_config=REFERENCE)).write(tmp_path))
    assert comparison.same_configuration
    assert comparison.sentence in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_verdict_sentence_is_the_one_returned(search: FinishedSearch, text: str, numbers: dict[str, Any]) -> None:
    sentence = compare(search.outcome, search.predictions).sentence
    assert f'id="verdict-sentence">{sentence}</p>' in text
    assert numbers["sentence"] == sentence


def test_trial_numbers_may_have_gaps_and_the_reference_any_of_them(make: Finish, tmp_path: Path) -> None:
    search = make(Plan())
    trials = [replace(trial, number=7 * trial.number + 3) for trial in search.outcome.trials]
    lost = replace(trials[0], number=1, status="FAIL", reason="its machine was lost", value=None, intermediate=())
    trials[0] = replace(trials[0], attempts=2, lineage=1, note="went on from epoch 2")
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
    assert next(check for check in numbers["checks"] if check["code"] == "D1")["level"] == "ok"


@pytest.mark.slow
def test_a_real_sized_search_fits_in_one_and_a_half_megabytes(make: Finish, tmp_path: Path) -> None:
    write_report(make(Plan(images=10_000, trials=50, epochs=10)).write(tmp_path))
    assert (tmp_path / "report.html").stat().st_size < 1_500_000
    assert (tmp_path / "report.json").stat().st_size < 500_000


def test_a_missing_outcome_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"outcome\.json must be the outcome of a finished search"):
        write_report(tmp_path)


def test_a_failed_report_leaves_nothing_behind(search: FinishedSearch, tmp_path: Path) -> None:
    broken = replace(search, predictions=replace(search.predictions, best=search.predictions.best[:2]))
    with pytest.raises(RecordError, match="probabilities for 5 best runs"):
        write_report(broken.write(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"outcome.json", "predictions.npz"}


def blocked() -> Iterator[str]:
    for name in ("ray", "keras", "tensorflow", "optuna", "matplotlib.pyplot"):
        yield f"sys.modules[{name!r}] = None"


@pytest.mark.slow
def test_another_process_without_ray_keras_tensorflow_or_optuna_writes_the_same_bytes(
    search: FinishedSearch, folder: Path, tmp_path: Path
) -> None:
    run_dir = search.write(tmp_path)
    code = "; ".join(("import sys", *blocked(), "from pathlib import Path", "from reports.page import write_report",
                      f"print(write_report(Path({str(run_dir)!r})).verdict)"))  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == compare(search.outcome, search.predictions).verdict
    for name in ("report.html", "report.json"):
        assert (run_dir / name).read_bytes() == (folder / name).read_bytes()
