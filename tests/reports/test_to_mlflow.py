"""A finished search in a real MLflow store, on SQLite: what is read back from it is what the records say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.numbers.comparison import compare
from reports.page import write_report
from reports.records import RecordError
from reports.to_mlflow import StoreError, export
from search.run import main
from tests.reports.conftest import FinishedSearch, Plan, finish

mlflow: Any = pytest.importorskip("mlflow", reason="needs mlflow-skinny: the extra `mlflow`")
pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # of mlflow's own imports


@pytest.fixture(scope="module")
def search() -> FinishedSearch:
    made = finish(
        Plan(reason="<b>\u202e /home/ann/x\x00" + "y" * 9000, command="run --storage postgresql://ann:pw@db/x")
    )
    early = replace(made.outcome.trials[5], config=None)  # it failed before it had a configuration
    trials = (*made.outcome.trials[:5], early, *made.outcome.trials[6:])
    return replace(made, outcome=replace(made.outcome, trials=trials))


@pytest.fixture(scope="module")
def run_dir(search: FinishedSearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its folder, in a working directory into which MLflow may put the artifacts: ./mlruns."""
    folder = search.write(tmp_path_factory.mktemp("mlflow") / "run")
    write_report(folder)
    (folder / "best.json").write_text("{}", encoding="utf-8")
    (folder / "models").mkdir()
    (folder / "models" / "best.keras").write_bytes(b"weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.parent)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        yield folder


STORE = "sqlite:///mlflow.db"


def test_a_run_in_the_store_has_the_verdict_a_run_a_trial_and_the_files(search: FinishedSearch, run_dir: Path) -> None:
    said = export(run_dir, STORE)
    client = mlflow.MlflowClient(tracking_uri=STORE)
    experiment = client.get_experiment_by_name("Fashion-MNIST").experiment_id
    runs = client.search_runs([experiment], max_results=100)
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    trials = {run.info.run_name: run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id}
    assert said == f"in MLflow: run {parent.info.run_id} of experiment Fashion-MNIST"

    comparison = compare(search.outcome, search.predictions)
    assert (parent.info.run_name, parent.info.status) == ("synthetic", "FINISHED")
    assert (parent.data.tags["verdict"], parent.data.tags["sentence"]) == (comparison.verdict, comparison.sentence)
    assert parent.data.tags["command"] == "run --storage postgresql://…@db/x"
    assert parent.data.metrics["difference_low"] == pytest.approx(comparison.difference.estimate.low)
    assert parent.data.metrics["best_test_accuracy"] == pytest.approx(comparison.best.test_accuracy.value)
    assert parent.data.params["learning_rate"] == str(search.outcome.best_config.learning_rate)
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert files == {"report.html", "report.json", "MODEL_CARD.md", "best.json", "best.keras"}

    status = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
    assert len(trials) == len(search.outcome.trials)
    for record in search.outcome.trials:
        run = trials[f"trial {record.number}"]
        assert run.info.status == status[record.status]
        assert run.data.params == {
            name: str(value) for name, value in (record.config.to_dict() if record.config else {}).items()
        }
        history = client.get_metric_history(run.info.run_id, "validation_accuracy")
        assert [(each.step, each.value) for each in history] == [tuple(each) for each in record.measurements]
    remarks = trials["trial 5"].data.tags["remarks"]
    assert remarks.startswith("<b>[U+202E] …/x[U+0000]yyy")


def test_a_run_is_put_there_once_and_again_when_it_has_changed(
    search: FinishedSearch, run_dir: Path, tmp_path: Path
) -> None:
    first = export(run_dir, STORE)
    assert export(run_dir, STORE) == first
    changed = replace(search, outcome=replace(search.outcome, ended="2026-01-05T12:00:00+00:00"))
    assert export(changed.write(tmp_path), STORE) != first


def test_the_command_copies_a_run_and_ends_with_4_where_the_store_cannot_be_written(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--report-only", str(run_dir), "--to-mlflow", STORE]) == 0
    assert "in MLflow: run " in capsys.readouterr().err
    assert main(["--report-only", str(run_dir), "--to-mlflow", "nonsense://x"]) == 4
    assert "error: --to-mlflow must name a store that can be written" in capsys.readouterr().err


def test_a_search_that_has_not_ended_and_a_store_that_is_none_are_refused(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"outcome\.json must be the outcome of a finished search"):
        export(tmp_path, STORE)
    with pytest.raises(
        StoreError, match=r"--to-mlflow must name a store that can be written\. Received: nonsense://…@x"
    ):
        export(run_dir, "nonsense://ann:pw@x")
