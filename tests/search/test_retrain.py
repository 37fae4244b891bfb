"""The finals: both models on the same seeds, kept and scored, and one that fails ends the search."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data import TrainingSplits
from fashion_model.source import Source
from search.faults import Cause, Fault, SearchBroken
from search.seeds import Stream, derive
from search.stages.retrain import FinalData, FinalPlan, Finals, job_count, retrain
from search.stages.trainings import Trainings
from search.trials.checkpoints import CheckpointStore
from search.trials.job import Job

from .somewhere import STARTED, Somewhere, result

BEST = replace(REFERENCE, dense_units=64)
PLAN = FinalPlan(epochs=3, seeds=2, seed=5)
SEEDS = tuple(derive(5, Stream.FINAL, index) for index in range(2))


class Failing(Somewhere):
    """A place where the second training of the best fails."""

    def outcome(self, job: Job) -> Fault | None:
        return Fault(Cause.HOST_MEMORY, "the system killed it") if job.label == "best 2" else None


@pytest.fixture
def data(real_data: str, tiny_splits: TrainingSplits, tmp_path: Path) -> FinalData:
    return FinalData(Source(Path(real_data), "--data-dir"), tiny_splits, tmp_path)


def finals(place: Somewhere, data: FinalData, best: TrainConfig = BEST) -> Finals:
    trainings = Trainings(data.run_dir / "trainings", lambda: place, CheckpointStore(str(data.run_dir)))
    return retrain(trainings, best, data, PLAN, lambda job: None)


def test_both_models_are_trained_on_the_same_seeds_and_every_model_is_kept(data: FinalData) -> None:
    place = Somewhere()
    found = finals(place, data)
    assert len(place.asked) == job_count(BEST, PLAN) == 4
    assert {(job.epochs, job.keep_model, job.data) for job in place.asked} == {
        (3, True, f"test set, trained on all of split {data.splits.sha256}")
    }
    assert [(run.model, run.train.seed, run.model_file) for run in found.runs] == [
        ("reference", SEEDS[0], "models/reference-1.keras"),
        ("reference", SEEDS[1], "models/reference-2.keras"),
        ("best", SEEDS[0], "models/best-1.keras"),
        ("best", SEEDS[1], "models/best-2.keras"),
    ]
    for run in found.runs:
        assert (run.worker, run.node, run.gpus) == (f"host:{run.train.seed}", "ab", ("0", "1"))
        assert (run.started, run.ended) == (STARTED, "2026-01-01T00:01:30.750+00:00")
        assert hashlib.sha256((data.run_dir / run.model_file).read_bytes()).hexdigest() == run.model_sha256
    assert found.predictions.images.shape == (10_000, 28, 28)


def test_where_the_reference_is_the_best_it_is_trained_once_and_stands_for_both(data: FinalData) -> None:
    place = Somewhere()
    found = finals(place, data, REFERENCE)
    assert len(place.asked) == job_count(REFERENCE, PLAN) == 2
    assert [run.model for run in found.runs] == ["reference", "reference", "best", "best"]
    assert found.runs[2] == replace(found.runs[0], model="best")
    np.testing.assert_array_equal(found.predictions.best, found.predictions.reference)


def test_a_training_that_fails_ends_the_search_and_the_others_are_not_made_again(data: FinalData) -> None:
    expected = r"Every retraining must end\. Received: best 2 failed: out of memory: the system killed it\."
    with pytest.raises(SearchBroken, match=expected):
        finals(Failing(), data)
    place = Somewhere()
    found = finals(place, data)
    assert [job.label for job in place.asked] == ["best 2"]
    assert [run.train for run in found.runs] == [result(replace(place.asked[0], seed=s)).train for s in SEEDS * 2]
