"""Records that no search leaves are refused with the rule that they break, and what is odd but possible is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.page import write_report
from reports.records import Predictions, RecordError, load_outcome, load_predictions, save_predictions
from tests.reports.conftest import FinishedSearch, Plan, finish


@pytest.fixture(scope="module")
def search() -> FinishedSearch:
    return finish(Plan(seeds=2))


Place = tuple[str | int, ...]
DAMAGED: list[tuple[Place, Any, str]] = [
    (("best_trial",), 99, r"best_trial must be one of the trials. Received: 99"),
    (("best_trial",), 1, r"best_config must be that of best_trial"),
    (("trials", 1, "number"), 0, r"Each trial must have a number of its own"),
    (("trials", 1, "status"), "DONE", r"'DONE' where one of \('COMPLETE', 'PRUNED', 'FAIL'\)"),
    (("trials", 0, "value"), 1.5, r"An accuracy must be from 0 to 1. Received: trial 0, 1.5"),
    (("trials", 0, "value"), None, r"A COMPLETE trial must have a value and a configuration. Received: trial 0"),
    (("trials", 0, "measurements"), [[2, 0.5], [1, 0.6]], r"Epochs must rise, from 1. Received: trial 0, \[2, 1\]"),
    (("trials", 0, "measurements"), "ab", r"'ab' where a list belongs"),
    (("trials", 0, "ended"), "yesterday", r"Times must be ISO-8601. Received: trial 0, 'yesterday'"),
    (("trials", 0, "work", "started"), "soon", r"Times must be ISO-8601. Received: trial 0, 'soon'"),
    (("trials", 0, "work", "seconds"), -1.0, r"Seconds must not be negative. Received: trial 0, -1"),
    (("finalists", 0, "trial"), 99, r"A finalist must be one of the trials. Received: finalist 99"),
    (("finalists", 0, "fresh_values"), [], r"A finalist must have one fresh score a seed"),
    (("finals", 0, "model"), "other", r"'other' where one of \('reference', 'best', 'knee'\)"),
    (("front",), [{"trial": 1, "value": 0.5, "multiply_adds": 9}], r"A front must be of complete trials"),
    (("finals", 0, "test_accuracy"), float("inf"), r"inf where <class 'float'> belongs"),
    (("finals", 0, "train", "epochs"), [], r"A retraining must have its epochs, from 1. Received: reference, seed 0"),
    (("finals", 0, "train", "parameters"), 0, r"A network must have parameters"),
    (("data", "train_count"), 0, r"Counts of images must not be negative or empty"),
    (("data", "task", "class_names"), ["a", "a"], r"Classes must be two or more, of different names"),
    (("data", "task", "image_shape"), [28, 28, 5], r"Images must be \(height, width, 1 to 4\)"),
    (("ended",), "", r"Times must be ISO-8601. Received: the search, ''"),
    (("trials",), {"0": 1}, r"must have the fields of schema"),
    (("finals",), [], r"for 0 reference runs"),
]


@pytest.mark.parametrize(("place", "value", "message"), DAMAGED)
def test_an_outcome_that_breaks_a_rule_is_refused_by_it(
    search: FinishedSearch, place: Place, value: object, message: str, tmp_path: Path
) -> None:
    run_dir = search.write(tmp_path)
    raw = json.loads((run_dir / "outcome.json").read_text(encoding="utf-8"))
    inside: Any = raw
    for name in place[:-1]:
        inside = inside[name]
    inside[place[-1]] = value
    (run_dir / "outcome.json").write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(RecordError, match=message):
        write_report(run_dir)
    assert {path.name for path in run_dir.iterdir()} == {"outcome.json", "predictions.npz"}


def labels_of_12(arrays: Predictions) -> Predictions:
    return replace(arrays, labels=(np.arange(len(arrays.labels)) % 12).astype(np.uint8))


BROKEN: list[tuple[Callable[[Predictions], Predictions], str]] = [
    (labels_of_12, r"labels must be below the 10 classes of reference. Received: 11"),
    (lambda a: replace(a, grid_labels=a.grid_labels + 10), r"grid_labels must be below the 10 classes"),
    (lambda a: replace(a, best=a.best * 20), r"best must hold probabilities, from 0 to 1. Received: .* to 19"),
    (lambda a: replace(a, best=a.best - 0.5), r"best must hold probabilities, from 0 to 1. Received: -0.4"),
    (lambda a: replace(a, images=a.images[:14]), r"There must be one image a label"),
    (lambda a: replace(a, images=a.images[:, :14], grid_images=a.grid_images[:, :14]), r"each of 28 × 28 × 1"),
    (lambda a: replace(a, grid_images=a.grid_images[:, :14]), r"grid_images must be \(28, 28\) each, with a label"),
    (lambda a: replace(a, grid_labels=a.grid_labels[:3]), r"grid_images must be \(28, 28\) each, with a label each"),
    (lambda a: replace(a, labels=a.labels[:, None]), r"labels must be a row of numbers"),
    (lambda a: replace(a, labels=a.labels.astype(np.int64)), r"Labels and images must be uint8"),
    (lambda a: replace(a, reference=a.reference[0]), r"reference must be \(runs, 200 images, classes\) of floats"),
    (lambda a: replace(a, reference=a.reference[:, :, :9]), r"labels must be below the 9 classes of reference"),
    (lambda a: replace(a, reference=a.reference.astype(np.int32)), r"of floats. Received: \(\(2, 200, 10\), 'int32'\)"),
]


@pytest.mark.parametrize(("broken", "message"), BROKEN)
def test_predictions_that_break_a_rule_are_refused_by_it(
    search: FinishedSearch, broken: Callable[[Predictions], Predictions], message: str, tmp_path: Path
) -> None:
    run_dir = replace(search, predictions=broken(search.predictions)).write(tmp_path)
    with pytest.raises(RecordError, match=message):
        write_report(run_dir)
    assert {path.name for path in run_dir.iterdir()} == {"outcome.json", "predictions.npz"}


def test_predictions_of_a_network_that_diverged_are_read(search: FinishedSearch, tmp_path: Path) -> None:
    best = search.predictions.best.copy()
    best[0] = np.nan
    save_predictions(replace(search.predictions, best=best), tmp_path / "p.npz")
    assert np.isnan(load_predictions(tmp_path / "p.npz").best[0]).all()


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_byte_that_was_turned_is_refused(search: FinishedSearch, at: float, tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    save_predictions(search.predictions, path)
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(RecordError):
        load_predictions(path)


def test_half_a_character_in_an_errors_text_is_a_question_mark(search: FinishedSearch, tmp_path: Path) -> None:
    first, *trials = search.outcome.trials
    odd = replace(trials[0], status="FAIL", value=None, reason="no file \udc80\udcff \U0001f600 there")
    outcome = replace(search.outcome, trials=(first, odd, *trials[1:]))
    run_dir = replace(search, outcome=outcome).write(tmp_path)
    assert load_outcome(run_dir / "outcome.json").trials[1].reason == "no file ?? \U0001f600 there"
