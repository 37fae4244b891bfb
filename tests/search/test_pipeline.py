"""The command end to end, on a real Ray and real data: what it leaves, and that the report is what the records say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import optuna
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from fashion_model.config import CLASS_NAMES, REFERENCE
from search.records import SearchOutcome, load_outcome, load_predictions

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.ray, pytest.mark.slow]
MODELS = ("reference", "best")


def run(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(("-c", code) if code else ("-m", "search.run")), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def run_dir(real_data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 8 trials on 1,200 images."""
    output = tmp_path_factory.mktemp("runs")
    sizes = ["--trials", "8", "--train-size", "1200", "--epochs", "3", "--retrain-seeds", "2", "--finalists", "2"]
    place = ["--address", "local", "--data-dir", real_data, "--output", str(output), "--name", "e2e"]
    result = run(*sizes, *place)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(output / "e2e" / "report.html")
    assert "TensorFlow" not in result.stderr
    return output / "e2e"


@pytest.fixture(scope="module")
def outcome(run_dir: Path) -> SearchOutcome:
    return load_outcome(run_dir / "outcome.json")


def test_the_reference_was_trial_0_and_every_trial_ended(run_dir: Path, outcome: SearchOutcome) -> None:
    assert len(outcome.trials) == 8
    assert outcome.trials[0].config == REFERENCE
    assert [trial.number for trial in outcome.trials if trial.is_reference] == [0]
    stored = optuna.load_study(study_name="e2e", storage=f"sqlite:///{run_dir}/study.db").trials
    for trial in stored:
        assert trial.state.name in ("COMPLETE", "PRUNED", "FAIL")
        assert trial.state.name != "PRUNED" or trial.intermediate_values
        assert trial.state.name != "FAIL" or {"end", "refused"} & set(trial.user_attrs)
    assert sum("reference" in trial.user_attrs for trial in stored) == 1


def test_reference_and_best_were_retrained_on_equal_terms(run_dir: Path, outcome: SearchOutcome) -> None:
    reference, best = outcome.runs("reference"), outcome.runs("best")
    assert [run.train.seed for run in reference] == [run.train.seed for run in best]
    assert len({run.train.seed for run in reference}) == 2
    assert all(len(run.train.epochs) == 3 for run in outcome.finals)
    assert {run.train.parameters for run in reference} == {225_034}
    assert all((run_dir / run.model_file).is_file() for run in outcome.finals)


def test_a_saved_model_gives_the_saved_predictions(run_dir: Path, outcome: SearchOutcome) -> None:
    import keras

    from fashion_model.data import Split
    from fashion_model.training import evaluate

    predictions = load_predictions(run_dir / "predictions.npz")
    run = outcome.runs("best")[1]
    model = keras.models.load_model(run_dir / run.model_file, compile=False, safe_mode=True)
    score = evaluate(model, Split(predictions.images, predictions.labels))
    np.testing.assert_allclose(score.probabilities, predictions.best[1], atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_report_json_equals_scikit_learn_on_the_saved_predictions(run_dir: Path, model: str) -> None:
    predictions = load_predictions(run_dir / "predictions.npz")
    told = json.loads((run_dir / "report.json").read_text(encoding="utf-8"))["models"][model]["runs"]
    for run, probabilities in zip(told, getattr(predictions, model), strict=True):
        guesses = probabilities.argmax(axis=1)
        assert run["confusion_matrix"] == confusion_matrix(predictions.labels, guesses).tolist()
        expected = classification_report(
            predictions.labels, guesses, target_names=CLASS_NAMES, output_dict=True, zero_division=0
        )
        for name, numbers in expected.items():
            assert run["classification_report"][name] == pytest.approx(numbers)


class Tables(HTMLParser):
    """The rows of cells of every table that has an id."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self._table, self._in_cell = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._table = dict(attrs).get("id") or ""
            self.rows.setdefault(self._table, [])
        elif tag == "tr":
            self.rows[self._table].append([])
        elif tag in ("td", "th"):
            self.rows[self._table][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[self._table][-1][-1] += data.strip()


def test_report_html_shows_the_confusion_matrices_of_the_saved_predictions(run_dir: Path) -> None:
    tables = Tables()
    tables.feed((run_dir / "report.html").read_text(encoding="utf-8"))
    told = json.loads((run_dir / "report.json").read_text(encoding="utf-8"))["models"]
    predictions = load_predictions(run_dir / "predictions.npz")
    for model in MODELS:
        guesses = getattr(predictions, model)[told[model]["shown_run"]].argmax(axis=1)
        shown = [[int(cell) for cell in row[1:]] for row in tables.rows[f"confusion-{model}"] if row[0] in CLASS_NAMES]
        assert shown == confusion_matrix(predictions.labels, guesses).tolist()


def test_report_html_shows_both_classification_reports(run_dir: Path) -> None:
    tables = Tables()
    tables.feed((run_dir / "report.html").read_text(encoding="utf-8"))
    told = json.loads((run_dir / "report.json").read_text(encoding="utf-8"))["models"]
    runs = [told[model]["runs"][told[model]["shown_run"]]["classification_report"] for model in MODELS]
    rows = {row[0]: row[1:] for row in tables.rows["classification"] if row and row[0] in CLASS_NAMES}
    assert set(rows) == set(CLASS_NAMES)
    for name, cells in rows.items():
        expected = [f"{report[name][kind]:.4f}" for report in runs for kind in ("precision", "recall", "f1-score")]
        assert cells[:6] == expected


def test_report_only_builds_the_same_report_without_ray_and_keras(run_dir: Path) -> None:
    before = {name: (run_dir / name).read_bytes() for name in ("report.html", "report.json")}
    for name in before:
        (run_dir / name).unlink()
    code = (
        "import sys\nfor name in ('ray', 'keras', 'tensorflow', 'optuna'): sys.modules[name] = None\n"
        "from search.run import main\nsys.exit(main(sys.argv[1:]))"
    )
    result = run("--report-only", str(run_dir), code=code)
    assert result.returncode == 0, result.stderr
    assert {name: (run_dir / name).read_bytes() for name in before} == before


def test_the_same_name_again_is_refused_and_nothing_changes(run_dir: Path, real_data: str) -> None:
    before = (run_dir / "outcome.json").read_bytes()
    result = run("--local", "--output", str(run_dir.parent), "--name", "e2e", "--data-dir", real_data)
    assert result.returncode == 2
    assert "A run must have a folder of its own" in result.stderr
    assert (run_dir / "outcome.json").read_bytes() == before
