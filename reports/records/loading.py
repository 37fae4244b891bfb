"""The files `outcome.json` and `state.json`: read back whole, or refused with the rule that they break."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fashion_model.task import MOST_CHANNELS, Task
from reports.records.file import load_record, require
from reports.records.front import points_of
from reports.records.outcome import SCHEMA, FinalistScore, FinalRun, SearchOutcome, SearchState
from reports.records.trial import TrialRecord, Work


def load_outcome(path: Path) -> SearchOutcome:
    """Read what `save_record` wrote.

    Raises:
        RecordError: when the file is missing, is not JSON, has another schema or other fields, or breaks a rule.
    """
    wanted = "the outcome of a finished search"
    outcome = load_record(SearchOutcome, path, SCHEMA, wanted, "Run the search to its end first.", _from_schema_1)
    _check_outcome(outcome, path)
    return outcome


def load_state(path: Path) -> SearchState:
    """Read what `save_record` wrote.

    Raises:
        RecordError: when the file is missing, is not JSON, has another schema or other fields, or breaks a rule.
    """
    wanted = "the state of a search that has not ended"
    advice = "Name the folder of a search that was interrupted."
    state = load_record(SearchState, path, SCHEMA, wanted, advice, _from_schema_1)
    _check_trials(state.trials, state.finalists, path)
    for earlier in state.warm_started:
        _check_trial(earlier, path)
    return state


_WORK: Final = frozenset({"worker", "started", "seconds", "cpu_seconds", "note", "node", "gpus"})


def _from_schema_1(raw: dict[str, Any]) -> dict[str, Any]:
    """What schema 1 held, in the form of schema 2: there a trial and a final run had the fields of their work."""
    lists = {name: [_with_work(each) for each in raw[name]] for name in ("trials", "lost", "finals") if name in raw}
    return raw | lists | {"schema": SCHEMA}


def _with_work(raw: dict[str, Any]) -> dict[str, Any]:
    new = {name: value for name, value in raw.items() if name not in _WORK}
    work = {name: value for name, value in raw.items() if name in _WORK}
    if "intermediate" in new:
        new["measurements"] = new.pop("intermediate")
    elif ended := new.pop("ended", ""):  # a final run, whose seconds were not kept
        work["seconds"] = (datetime.fromisoformat(ended) - datetime.fromisoformat(work["started"])).total_seconds()
    return new | {"work": work}


def _check_trials(trials: Sequence[TrialRecord], finalists: Sequence[FinalistScore], path: Path) -> None:
    """Refuse trials and finalists that no search leaves."""
    numbers = [trial.number for trial in trials]
    known = {*numbers, *(trial.lineage for trial in trials)}
    require(len(set(numbers)) == len(numbers), path, "Each trial must have a number of its own", sorted(numbers))
    for trial in trials:
        _check_trial(trial, path)
    for score in finalists:
        name = f"finalist {score.trial}"
        require(score.trial in known, path, "A finalist must be one of the trials", name)
        require(
            bool(score.fresh_values) and len(score.fresh_values) == len(score.seeds), path,
            "A finalist must have one fresh score a seed", f"{name}, {score.fresh_values} of seeds {score.seeds}",
        )  # fmt: skip
        _require_fractions((score.search_value, *score.fresh_values), path, name)
        _require_times((score.seconds, score.cpu_seconds), path, name)


def _check_outcome(outcome: SearchOutcome, path: Path) -> None:
    """Refuse an outcome that no search leaves."""
    _check_trials(outcome.trials, outcome.finalists, path)
    for other in (*outcome.lost, *outcome.warm_started):
        _check_trial(other, path)
    configs = {trial.number: trial.config for trial in outcome.trials}
    best, known = outcome.best_trial, f"{min(configs, default=None)} to {max(configs, default=None)}"
    require(best in configs, path, "best_trial must be one of the trials", f"{best}, trials {known}")
    require(configs[best] == outcome.best_config, path, "best_config must be that of best_trial", f"trial {best}")
    known_points = points_of(outcome.trials, outcome.data.task) if outcome.front else ()
    require(set(outcome.front) <= set(known_points), path, "A front must be of complete trials", outcome.front)
    for run in (*outcome.finals, *outcome.knee):
        _check_final(run, path)
    _require_date(outcome.ended, path, "the search")
    data = outcome.data
    counts = (data.train_count, data.validation_count, data.test_count)
    require(min(counts) >= 0 < data.train_count, path, "Counts of images must not be negative or empty", counts)
    _check_task(data.task, path)


def _check_trial(trial: TrialRecord, path: Path) -> None:
    name = f"trial {trial.number}"
    values = [measured.value for measured in trial.measurements]
    _require_fractions([value for value in (trial.value, *values) if value is not None], path, name)
    epochs = [measured.epoch for measured in trial.measurements]
    rises = epochs == sorted(set(epochs)) and all(epoch >= 1 for epoch in epochs)
    require(rises, path, "Epochs must rise, from 1", f"{name}, {epochs}")
    is_whole = trial.status != "COMPLETE" or (trial.value is not None and trial.config is not None)
    require(is_whole, path, "A COMPLETE trial must have a value and a configuration", name)
    _require_date(trial.ended, path, name)
    _check_work(trial.work, path, name)


def _check_final(run: FinalRun, path: Path) -> None:
    name = f"{run.model}, seed {run.train.seed}"
    epochs = [epoch.epoch for epoch in run.train.epochs]
    require(epochs == list(range(1, len(epochs) + 1)) and bool(epochs), path,
             "A retraining must have its epochs, from 1", f"{name}, {epochs}")  # fmt: skip
    _require_fractions((run.test_accuracy, *(epoch.train_accuracy for epoch in run.train.epochs)), path, name)
    _require_times((run.train.seconds, run.train.cpu_seconds, run.predict_seconds), path, name)
    require(run.train.parameters > 0, path, "A network must have parameters", f"{name}, {run.train.parameters}")
    _check_work(run.work, path, name)


def _check_work(work: Work, path: Path, name: str) -> None:
    _require_times((work.seconds, work.cpu_seconds), path, name)
    if work.started:
        _require_date(work.started, path, name)


def _check_task(task: Task, path: Path) -> None:
    names, shape = task.class_names, task.image_shape
    require(len(set(names)) == len(names) > 1, path, "Classes must be two or more, of different names", names)
    rule = f"Images must be (height, width, 1 to {MOST_CHANNELS})"
    require(min(shape) > 0 and shape[2] <= MOST_CHANNELS, path, rule, shape)


def _require_fractions(values: Iterable[float], path: Path, name: str) -> None:
    for value in values:
        require(0.0 <= value <= 1.0, path, "An accuracy must be from 0 to 1", f"{name}, {value:g}")


def _require_times(values: Iterable[float], path: Path, name: str) -> None:
    for value in values:
        require(value >= 0.0, path, "Seconds must not be negative", f"{name}, {value:g}")


def _require_date(text: str, path: Path, name: str) -> None:
    is_date = False
    with suppress(ValueError):
        is_date = bool(datetime.fromisoformat(text))
    require(is_date, path, "Times must be ISO-8601", f"{name}, {text!r}")
