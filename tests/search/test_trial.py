"""One trial in this process: its epochs, its seed, what it goes on from, and a loss that is no number."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data import Split, TrainingSplits
from search.faults import Cause, TrialFailed
from search.opening import StudySpec, open_study
from search.places.in_process import InProcess
from search.study import SearchStudy
from search.trials.assignment import Assignment, TrialPlan
from search.trials.checkpoints import CheckpointStore
from search.trials.trial import TrialRun, checkpoint_key, describe

from .conftest import Watcher, terms

SMALL = replace(REFERENCE, base_filters=2, dense_units=4)
PLAN = TrialPlan(trials=1, epochs=2, seed=1)


def start(config: TrainConfig, store: CheckpointStore, *, lineage: int = 0, epochs: int = 2) -> TrialRun:
    return TrialRun(Assignment(lineage + 5, lineage, config), replace(PLAN, epochs=epochs), store)


def without_images(splits: TrainingSplits) -> TrainingSplits:
    """Nothing to train on, which no training survives."""
    return TrainingSplits(Split(splits.train.images[:0], splits.train.labels[:0]), splits.validation, "")


def newest(store: CheckpointStore, lineage: int = 0) -> Path:
    """The file of a trial's newest checkpoint."""
    return sorted((Path(store.root) / store.folder / checkpoint_key(lineage)).glob("*.state"))[-1]


def test_a_trial_reports_each_epoch_and_the_same_seed_the_same_values(
    tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    stores = [CheckpointStore(str(tmp_path / name)) for name in "ab"]
    first, second = (list(start(SMALL, store).epochs(tiny_splits)) for store in stores)
    assert [epoch for epoch, _ in first] == [1, 2]
    assert all(0.0 <= accuracy <= 1.0 for _, accuracy in first)
    assert second == first


@pytest.mark.slow
def test_the_seed_is_that_of_the_first_attempt(tiny_splits: TrainingSplits, tmp_path: Path) -> None:
    def first_epoch(number: int, lineage: int, folder: str) -> tuple[int, float]:
        run = TrialRun(Assignment(number, lineage, SMALL), PLAN, CheckpointStore(str(tmp_path / folder)))
        return next(run.epochs(tiny_splits))

    assert first_epoch(3, 3, "a") == first_epoch(8, 3, "b")
    assert first_epoch(8, 8, "c") != first_epoch(8, 3, "d")


@pytest.mark.slow
def test_a_trial_that_is_started_again_tells_the_earlier_epochs_first_and_ends_as_if_it_had_not_been_torn(
    tiny_splits: TrainingSplits, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    whole = list(start(tiny_config, CheckpointStore(str(tmp_path / "whole")), epochs=4).epochs(tiny_splits))
    store = CheckpointStore(str(tmp_path / "torn"))
    torn = start(tiny_config, store, epochs=4).epochs(tiny_splits)
    assert list(islice(torn, 2)) == whole[:2]
    torn.close()  # the worker is gone in the third epoch
    again = start(tiny_config, store, epochs=4)
    assert list(again.epochs(tiny_splits)) == whole
    assert again.work().note == ""
    assert newest(store).name == "epoch-0003.state"  # none after the last: nobody goes on from there


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_gone_on_from(
    tiny_splits: TrainingSplits, tiny_config: TrainConfig, store: CheckpointStore
) -> None:
    torn = start(tiny_config, store, epochs=4).epochs(tiny_splits)
    values = list(islice(torn, 3))
    torn.close()
    file = newest(store)
    state = bytearray(file.read_bytes())
    state[len(state) // 2] ^= 1
    file.write_bytes(state)
    again = start(tiny_config, store, epochs=4)
    assert list(islice(again.epochs(tiny_splits), 3)) == values
    assert re.match(r"checkpoint after epoch 3 discarded: A state must begin with the SHA-256", again.work().note)
    assert file.with_suffix(".damaged").read_bytes() == state


def test_a_loss_that_is_no_number_fails_the_trial_with_the_epoch(
    tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    # each step multiplies every weight by 1 - 10: past 10^38 within 41 of the 200 steps of an epoch
    exploding = replace(SMALL, optimizer="sgd", learning_rate=10.0, weight_decay=1.0, batch_size=1)
    with pytest.raises(TrialFailed, match=r"(training|validation) loss (nan|inf) after epoch \d") as error:
        list(start(exploding, store).epochs(tiny_splits))
    assert error.value.fault.cause is Cause.NON_FINITE


def test_an_error_in_training_fails_the_trial_with_its_type_and_message(
    tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    with pytest.raises(TrialFailed, match=r"^raised: [A-Z]\w+: \w+") as error:
        list(start(SMALL, store).epochs(without_images(tiny_splits)))
    assert error.value.fault.cause is Cause.RAISED


def test_a_trial_without_images_to_validate_on_has_no_value(
    tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    run = start(SMALL, store)
    with pytest.raises(TrialFailed, match="no value: the trial has no validation images"):
        list(run.epochs(replace(tiny_splits, validation=None)))  # type: ignore[arg-type]  # what no split can be


@pytest.mark.slow
def test_trials_run_in_process_until_the_study_holds_enough(
    spec: StudySpec, watcher: Watcher, tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    plan = TrialPlan(trials=4, epochs=3, seed=0)
    study = open_study(replace(spec, terms=terms(epochs=3)), watcher)
    InProcess(store).run_trials(study, tiny_splits, plan)
    records = study.records()
    assert len(records) == 4
    assert records[0].is_reference
    assert all(record.status in ("COMPLETE", "PRUNED") for record in records)
    for record in records:
        assert len(record.intermediate) == (3 if record.status == "COMPLETE" else 1)
        assert record.seconds > 0
        assert ":" in record.worker
        assert record.status == "PRUNED" or record.value == record.intermediate[-1][1]
    InProcess(store).run_trials(study, tiny_splits, plan)
    assert study.records() == records


@pytest.mark.slow
def test_a_search_that_is_torn_and_gone_on_with_has_the_results_of_one_that_was_not(
    spec: StudySpec, tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    spec, plan = replace(spec, terms=terms(epochs=3), pruner="none"), TrialPlan(trials=1, epochs=3, seed=0)
    dead = open_study(spec, Watcher())
    run = TrialRun(dead.ask(), plan, store)
    values = list(islice(run.epochs(tiny_splits), 2))
    for epoch, value in values:
        dead.report(0, epoch, value)
    study = open_study(spec, Watcher(), exists=True)
    InProcess(store).run_trials(study, tiny_splits, plan)
    (record,) = study.records()
    assert (record.attempts, record.lineage, record.status, record.is_reference) == (2, 0, "COMPLETE", True)
    fresh = TrialRun(Assignment(0, 0, REFERENCE), plan, CheckpointStore(f"{store.root}-fresh"))
    assert record.intermediate == tuple(fresh.epochs(tiny_splits))
    assert record.intermediate[:2] == tuple(values)


@pytest.mark.slow
def test_a_failing_trial_is_recorded_and_the_search_goes_on(
    study: SearchStudy, tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    InProcess(store).run_trials(study, without_images(tiny_splits), TrialPlan(trials=2, epochs=1, seed=0))
    assert [(record.status, record.attempts) for record in study.records()] == [("FAIL", 1)] * 2
    assert all(re.match(r"raised: [A-Z]\w+: \w+", record.reason) for record in study.records())


@pytest.mark.slow
def test_a_trial_that_would_be_pruned_after_its_last_epoch_is_complete(
    spec: StudySpec, tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    study = open_study(spec, Watcher())  # its rungs are those of nine epochs: one of them is after the first
    InProcess(store).run_trials(study, tiny_splits, TrialPlan(trials=6, epochs=1, seed=0))
    assert [record.status for record in study.records()] == ["COMPLETE"] * 6


@pytest.mark.slow
def test_a_trial_that_takes_too_long_is_cut_off_and_tried_again_once(
    spec: StudySpec, watcher: Watcher, tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    study = open_study(replace(spec, terms=terms(epochs=3)), watcher)
    plan = TrialPlan(trials=1, epochs=3, seed=0, timeout_seconds=0.0)
    InProcess(store).run_trials(study, tiny_splits, plan)
    (record,) = study.records()
    assert [seen.reason for seen in watcher.again] == ["timed out: more than 0 s"]
    assert (record.reason, record.attempts) == ("timed out: more than 0 s (attempt 2, the last)", 2)
    assert [len(seen.intermediate) for seen in (*watcher.again, record)] == [1, 1]


def test_work_tells_who_when_and_how_long(store: CheckpointStore) -> None:
    run = start(SMALL, store)
    total = sum(math.sqrt(number) for number in range(200_000))
    work = run.work()
    assert total > 0
    assert work.worker.rpartition(":")[2].isdigit()
    assert 0 < work.cpu_seconds < work.seconds * 2
    assert work.started.endswith("+00:00")
    assert work.seconds <= run.seconds()


def test_the_checkpoints_of_all_attempts_lie_in_one_place() -> None:
    assert checkpoint_key(7) == "trial-7"


def test_a_configuration_is_described_in_one_line() -> None:
    assert describe(REFERENCE) == "32-64 adam 0.001 batch 32 none"
