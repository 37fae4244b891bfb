"""A finished search in an MLflow store: a run with the verdict and the files, and a nested run for each trial.

export(Path("runs/<name>"), "sqlite:///mlflow.db")    # needs the extra mlflow
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from reports.layout.foreign import with_visible_controls
from reports.numbers.finished import Finished, finished_run
from reports.numbers.privacy import without_credentials, without_folders
from reports.numbers.trials import TrialPoint
from reports.records import TrialRecord

if TYPE_CHECKING:  # it is there only with the extra
    from mlflow import MlflowClient
    from mlflow.entities import Metric

_FILES: Final = ("report.html", "report.json", "MODEL_CARD.md", "best.json", "models/best.keras")
_STATUS: Final = MappingProxyType({"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"})
_LONGEST: Final = 4000  # letters of a tag
_MOST: Final = 500  # metrics that are sent at once


class StoreError(Exception):
    """The MLflow store cannot be read or written."""


def export(run_dir: Path, uri: str) -> str:
    """Copy the run into the store, unless it is there already. Returns in words where it is.

    Raises:
        RecordError: when the search has not ended, or its records are damaged.
        StoreError: when the store cannot be read or written.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    found = finished_run(run_dir)
    try:
        client = MlflowClient(tracking_uri=uri)
        run = _export(client, found, run_dir)
    except (MlflowException, OSError) as error:
        raise StoreError(
            f"--to-mlflow must name a store that can be written. Received: {without_credentials(uri)}: {error}. Give "
            "sqlite:///FILE, or the address of an MLflow server."
        ) from error
    return f"in MLflow: run {run} of experiment {found.task.name}"


def _export(client: MlflowClient, found: Finished, run_dir: Path) -> str:
    digest = hashlib.sha256((run_dir / "outcome.json").read_bytes()).hexdigest()
    known = client.get_experiment_by_name(found.task.name)
    experiment = known.experiment_id if known else client.create_experiment(found.task.name)
    whole = f"tags.outcome_sha256 = '{digest}' and attributes.status = 'FINISHED'"
    if there := client.search_runs([experiment], whole, max_results=1):
        return str(there[0].info.run_id)
    outcome, comparison = found.outcome, found.comparison
    tags = {
        "verdict": comparison.verdict,
        "sentence": comparison.sentence,
        "command": without_credentials(outcome.command),
        "commit": outcome.environment.commit,
        "outcome_sha256": digest,
    }
    name = without_folders(outcome.study)
    parent: str = client.create_run(experiment, _milliseconds(outcome.started), _tags(tags), name).info.run_id
    for trial, point in zip(sorted(outcome.trials, key=lambda each: each.number), found.trials.trials, strict=True):
        _export_trial(client, experiment, parent, trial, point)
    _log(client, parent, _metrics(_results(found), outcome.ended), outcome.best_config.to_dict())
    for file in _FILES:
        if (run_dir / file).exists():
            client.log_artifact(parent, str(run_dir / file))
    client.set_terminated(parent, "FINISHED", _milliseconds(outcome.ended))
    return parent


def _export_trial(client: MlflowClient, experiment: str, parent: str, trial: TrialRecord, point: TrialPoint) -> None:
    """The trial with its settings, and its validation accuracy an epoch a step."""
    from mlflow.entities import Metric

    started, ended = _milliseconds(trial.work.started or trial.ended), _milliseconds(trial.ended)
    tags = {"mlflow.parentRunId": parent, "status": point.status, "origin": point.origin, "remarks": point.remarks()}
    run: str = client.create_run(experiment, started, _tags(tags), f"trial {point.number}").info.run_id
    curve = [Metric("validation_accuracy", value, ended, epoch) for epoch, value in trial.measurements]
    work = _metrics({"seconds": point.seconds, "cpu_seconds": point.cpu_seconds}, trial.ended)
    _log(client, run, [*curve, *work], trial.config.to_dict() if trial.config else {})
    client.set_terminated(run, _STATUS[point.status], ended)


def _results(found: Finished) -> Mapping[str, float]:
    """The final numbers by their names."""
    difference = found.comparison.difference.estimate
    results: dict[str, float] = {}
    for name, model in found.comparison.models():
        accuracy = model.test_accuracy
        results |= {
            f"{name}_test_accuracy": accuracy.value,
            f"{name}_test_accuracy_low": accuracy.low,
            f"{name}_test_accuracy_high": accuracy.high,
            f"{name}_parameters": float(model.parameters),
            f"{name}_train_cpu_seconds": model.cpu_seconds,
        }
    ends = {"difference": difference.value, "difference_low": difference.low, "difference_high": difference.high}
    return results | ends


def _metrics(values: Mapping[str, float], at: str) -> list[Metric]:
    from mlflow.entities import Metric

    return [Metric(name, value, _milliseconds(at), 0) for name, value in values.items()]


def _log(client: MlflowClient, run: str, metrics: Sequence[Metric], settings: Mapping[str, object]) -> None:
    from mlflow.entities import Param

    client.log_batch(run, params=[Param(name, str(value)) for name, value in settings.items()])
    for first in range(0, len(metrics), _MOST):
        client.log_batch(run, metrics=metrics[first : first + _MOST])


def _tags(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: with_visible_controls(text)[:_LONGEST] for name, text in texts.items() if text}


def _milliseconds(text: str) -> int:
    return round(1000 * datetime.fromisoformat(text).timestamp())
