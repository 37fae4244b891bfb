"""One trial in this process: its epochs, its seed, and what becomes of a loss that is no number."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data import Split, TrainingSplits
from search.in_process import InProcess
from search.place import TrialPlan
from search.storage import StudySpec, open_study
from search.study import Assignment, SearchStudy
from search.trial import Stopwatch, TrialFailed, TrialRun, describe

from .conftest import Watcher

SMALL = replace(REFERENCE, base_filters=2, dense_units=4)


def epochs(config: TrainConfig, splits: TrainingSplits, seed: int = 1) -> list[tuple[int, float]]:
    return list(TrialRun(Assignment(0, config), 2, seed).epochs(splits))


def without_images(splits: TrainingSplits) -> TrainingSplits:
    """Nothing to train on, which no training survives."""
    return TrainingSplits(Split(splits.train.images[:0], splits.train.labels[:0]), splits.validation, "")


def test_a_trial_reports_each_epoch_and_the_same_seed_the_same_values(tiny_splits: TrainingSplits) -> None:
    first = epochs(SMALL, tiny_splits)
    assert [epoch for epoch, _ in first] == [1, 2]
    assert all(0.0 <= accuracy <= 1.0 for _, accuracy in first)
    assert epochs(SMALL, tiny_splits) == first


def test_a_loss_that_is_no_number_fails_the_trial_with_the_epoch(tiny_splits: TrainingSplits) -> None:
    # each step multiplies every weight by 1 - 10: past 10^38 within 41 of the 200 steps of an epoch
    exploding = replace(SMALL, optimizer="sgd", learning_rate=10.0, weight_decay=1.0, batch_size=1)
    with pytest.raises(TrialFailed, match=r"non-finite (training|validation) loss \((nan|inf)\) after epoch \d"):
        epochs(exploding, tiny_splits)


def test_an_error_in_training_fails_the_trial_with_its_type_and_message(tiny_splits: TrainingSplits) -> None:
    empty = TrainingSplits(
        Split(tiny_splits.train.images[:0], tiny_splits.train.labels[:0]), tiny_splits.validation, ""
    )
    with pytest.raises(TrialFailed, match=r"^[A-Z]\w+: \w+"):
        epochs(SMALL, empty)


@pytest.mark.slow
def test_trials_run_in_process_until_the_study_holds_enough(
    spec: StudySpec, watcher: Watcher, tiny_splits: TrainingSplits
) -> None:
    plan = TrialPlan(trials=4, epochs=3, seed=0)
    study = open_study(replace(spec, epochs=3), watcher)
    InProcess().run_trials(study, tiny_splits, plan)
    records = study.records()
    assert len(records) == 4
    assert records[0].is_reference
    assert all(record.status in ("COMPLETE", "PRUNED") for record in records)
    for record in records:
        assert len(record.intermediate) == (3 if record.status == "COMPLETE" else 1)
        assert record.seconds > 0
        assert ":" in record.worker
        assert record.status == "PRUNED" or record.value == record.intermediate[-1][1]
    InProcess().run_trials(study, tiny_splits, plan)
    assert study.records() == records


@pytest.mark.slow
def test_a_failing_trial_is_recorded_and_the_search_goes_on(study: SearchStudy, tiny_splits: TrainingSplits) -> None:
    empty = TrainingSplits(
        Split(tiny_splits.train.images[:0], tiny_splits.train.labels[:0]), tiny_splits.validation, ""
    )
    InProcess().run_trials(study, empty, TrialPlan(trials=2, epochs=1, seed=0))
    assert [record.status for record in study.records()] == ["FAIL"] * 2
    assert all(re.match(r"[A-Z]\w+: \w+", record.reason) for record in study.records())


def test_work_tells_who_when_and_how_long() -> None:
    stopwatch = Stopwatch()
    total = sum(math.sqrt(number) for number in range(200_000))
    work = stopwatch.work()
    assert total > 0
    assert work.worker.rpartition(":")[2].isdigit()
    assert 0 < work.cpu_seconds < work.seconds * 2
    assert work.started.endswith("+00:00")


def test_a_configuration_is_described_in_one_line() -> None:
    assert describe(REFERENCE) == "32-64 adam 0.001 batch 32 none"
