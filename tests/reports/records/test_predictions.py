"""The arrays on disk: they come back equal, older ones are read, and a damaged file is a clear error."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from reports.records import Predictions, RecordError, load_predictions, save_predictions


def predictions() -> Predictions:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(10), (2, 6)).astype(np.float32)
    images = rng.integers(0, 256, (6, 28, 28)).astype(np.uint8)
    return Predictions(
        labels=np.arange(6, dtype=np.uint8),
        images=images,
        reference=probabilities,
        best=probabilities[::-1].copy(),
        grid_images=images[:1].repeat(25, axis=0),
        grid_labels=np.zeros(25, np.uint8),
        equal_compute=probabilities[:1],
        knee=probabilities[1:],
    )


def test_predictions_from_before_equal_compute_and_knee_are_still_read(tmp_path: Path) -> None:
    arrays = {each.name: getattr(predictions(), each.name) for each in fields(Predictions)}
    del arrays["equal_compute"], arrays["knee"]
    np.savez_compressed(tmp_path / "p.npz", **arrays)
    loaded = load_predictions(tmp_path / "p.npz")
    assert len(loaded.equal_compute) == len(loaded.knee) == 0
    np.testing.assert_array_equal(loaded.best, predictions().best)


def test_predictions_come_back_equal(tmp_path: Path) -> None:
    save_predictions(predictions(), tmp_path / "p.npz")
    loaded = load_predictions(tmp_path / "p.npz")
    for field in fields(Predictions):
        before, after = getattr(predictions(), field.name), getattr(loaded, field.name)
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after)


def test_damaged_predictions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    save_predictions(predictions(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RecordError, match="must hold the predictions of a finished search"):
        load_predictions(path)


def test_predictions_that_hold_a_pickle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    np.savez(path, labels=np.array([{"any": "object"}], dtype=object))
    with pytest.raises(RecordError, match="must hold the predictions"):
        load_predictions(path)
