"""The command end to end, on a real Ray and real data: what it leaves, and that the report is what the records say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import optuna
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from fashion_model.config import REFERENCE
from fashion_model.task import FASHION_MNIST
from reports.records import SearchOutcome, load_outcome, load_predictions
from tests.processes import python
from tests.reports.parsed_page import Page

CLASS_NAMES = FASHION_MNIST.class_names

pytestmark = [pytest.mark.ray, pytest.mark.slow]
MODELS = ("reference", "best")


@pytest.fixture(scope="module")
def run_dir(real_data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of 4 trials on 1,200 images."""
    output = tmp_path_factory.mktemp("runs")
    sizes = ["--trials", "4", "--train-size", "1200", "--epochs", "3", "--retrain-seeds", "2", "--finalists", "2"]
    place = ["--address", "local", "--data-dir", real_data, "--output", str(output), "--name", "e2e"]
    result = python("-m", "search.run", *sizes, *place)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(output / "e2e" / "report.html")
    assert "TensorFlow" not in result.stderr
    return output / "e2e"


@pytest.fixture(scope="module")
def outcome(run_dir: Path) -> SearchOutcome:
    return load_outcome(run_dir / "outcome.json")


def test_the_reference_was_trial_0_and_every_trial_ended(run_dir: Path, outcome: SearchOutcome) -> None:
    assert len(outcome.trials) == 4
    assert outcome.trials[0].config == REFERENCE
    assert [trial.number for trial in outcome.trials if trial.is_reference] == [0]
    stored = optuna.load_study(study_name="e2e", storage=f"sqlite:///{run_dir}/study.db").trials
    for trial in stored:
        assert trial.state.name in ("COMPLETE", "PRUNED", "FAIL")
        assert trial.state.name != "PRUNED" or trial.intermediate_values
        assert trial.state.name != "FAIL" or {"end", "refused"} & set(trial.user_attrs)
    assert sum("reference" in trial.user_attrs for trial in stored) == 1
    assert "9223372036854775807" not in (run_dir / "log.txt").read_text(encoding="utf-8"), "of trials, as Tune has it"


def test_reference_and_best_were_retrained_on_equal_terms(run_dir: Path, outcome: SearchOutcome) -> None:
    reference, best = outcome.runs("reference"), outcome.runs("best")
    assert [run.train.seed for run in reference] == [run.train.seed for run in best]
    assert len({run.train.seed for run in reference}) == 2
    assert all(len(run.train.epochs) == 3 for run in outcome.finals)
    assert {run.train.parameters for run in reference} == {225_034}
    assert all((run_dir / run.model_file).is_file() for run in outcome.finals)


def test_a_saved_model_gives_the_saved_predictions(run_dir: Path, outcome: SearchOutcome) -> None:
    from fashion_model.model import load_model

    predictions = load_predictions(run_dir / "predictions.npz")
    files = {
        run.model_file: (run.model_sha256, expected)
        for run, expected in zip(outcome.runs("best"), predictions.best, strict=True)
    }
    files["models/best.keras"] = next(iter(files.values()))  # of the first seed, also where the reference wins
    for file, (sha256, expected) in files.items():
        found = load_model(run_dir / file, sha256).predict(predictions.images, batch_size=500, verbose=0)
        assert np.array_equal(found, expected)


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


def on_the_page(run_dir: Path) -> tuple[dict[str, list[list[str]]], tuple[str, ...]]:
    """The page's tables, and the models that it shows: one where the reference won."""
    page = Page((run_dir / "report.html").read_text(encoding="utf-8"))
    return page.tables, MODELS[:1] if load_outcome(run_dir / "outcome.json").is_reference_best() else MODELS


def test_report_html_shows_the_mean_confusion_matrices_of_the_saved_predictions(run_dir: Path) -> None:
    tables, models = on_the_page(run_dir)
    predictions = load_predictions(run_dir / "predictions.npz")
    for model in models:
        runs = getattr(predictions, model).argmax(axis=2)
        rows = [row[1:] for row in tables[f"confusion-{model}"] if row[0] in CLASS_NAMES]
        mean = np.mean([confusion_matrix(predictions.labels, run) for run in runs], axis=0)
        np.testing.assert_allclose([[float(cell) for cell in row] for row in rows], mean, atol=0.51)


def test_report_html_shows_the_classification_reports(run_dir: Path) -> None:
    tables, models = on_the_page(run_dir)
    told = json.loads((run_dir / "report.json").read_text(encoding="utf-8"))["models"]
    rows = {row[0]: row[1:] for row in tables["classification"] if row and row[0] in CLASS_NAMES}
    assert set(rows) == set(CLASS_NAMES)
    for name, cells in rows.items():
        reports = [[run["classification_report"][name] for run in told[model]["runs"]] for model in models]
        kinds = ("precision", "recall", "f1-score")
        expected = [np.mean([report[kind] for report in of_model]) for of_model in reports for kind in kinds]
        np.testing.assert_allclose([float(cell) for cell in cells[: len(expected)]], expected, atol=6e-5)


def test_report_only_builds_the_same_report_without_ray_and_keras(run_dir: Path) -> None:
    before = {name: (run_dir / name).read_bytes() for name in ("report.html", "report.json")}
    for name in before:
        (run_dir / name).unlink()
    code = (
        "import sys\nfor name in ('ray', 'keras', 'tensorflow', 'optuna'): sys.modules[name] = None\n"
        "from search.run import main\nsys.exit(main(sys.argv[1:]))"
    )
    result = python("-c", code, "--report-only", run_dir)
    assert result.returncode == 0, result.stderr
    assert {name: (run_dir / name).read_bytes() for name in before} == before
