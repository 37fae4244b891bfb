"""The report in docs/ is the page that this code makes of the records beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fashion_model.data.published import local_source
from reports.page import write_report
from reports.records import Predictions, load_outcome, save_predictions

EXAMPLE = Path(__file__).resolve().parents[1] / "docs" / "example"


@pytest.mark.slow
def test_the_example_is_built_again_byte_for_byte_from_its_records(tmp_path: Path) -> None:
    """Its predictions are kept without the test images, which everybody has."""
    source = local_source(None)
    if source is None:
        pytest.skip("Fashion-MNIST is not on this machine: `make data` gets it")
    test = source.read_test()
    with np.load(EXAMPLE / "probabilities.npz") as kept:
        predictions = Predictions(images=test.images, labels=test.labels, **kept)
    save_predictions(predictions, tmp_path / "predictions.npz")
    (tmp_path / "outcome.json").write_bytes((EXAMPLE / "outcome.json").read_bytes())
    write_report(tmp_path)
    for name in ("report.html", "report.json", "MODEL_CARD.md"):
        assert (tmp_path / name).read_bytes() == (EXAMPLE / name).read_bytes(), name


def test_the_example_is_a_full_length_search_on_all_images_with_a_verdict() -> None:
    outcome = load_outcome(EXAMPLE / "outcome.json")
    assert (outcome.data.train_count, outcome.data.validation_count, outcome.data.test_count) == (
        50_000,
        10_000,
        10_000,
    )
    assert {len(run.train.epochs) for run in outcome.finals} == {10}
    assert len(outcome.finals) >= 6
