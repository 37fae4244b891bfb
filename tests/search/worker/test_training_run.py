"""One training in this process: its epochs, its seed, what it goes on from, its score, a loss that is no number."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import Split, TrainingSplits
from search.places.in_process import InProcess
from search.study.open_study import StudySpec, open_study
from search.study.study import SearchStudy
from search.worker import training_run
from search.worker.assignment import Assignment, Candidate, TrialPlan, describe, trial_key
from search.worker.background import BackgroundCheckpoints
from search.worker.checkpoints import CheckpointStore, StoredCheckpoints
from search.worker.faults import Cause, Fault, TrialFailed
from search.worker.training_run import FinishedTraining, Images, TrainingRun, train_to_the_end

from ..conftest import NARROW, Watcher, fixed_settings

SMALL = replace(REFERENCE, base_filters=2, dense_units=4)
PLAN = TrialPlan(trials=1, epochs=2, seed=1)


@pytest.fixture
def spec(spec: StudySpec) -> StudySpec:
    """A study of narrow networks: no test here is about the space."""
    return replace(spec, space=NARROW)


@pytest.fixture
def images(tiny_splits: TrainingSplits) -> Images:
    return Images(tiny_splits.train, tiny_splits.validation)


def start(config: TrainConfig, store: CheckpointStore, *, lineage: int = 0, epochs: int = 2) -> TrainingRun:
    """An attempt at a trial that is not the first."""
    return TrainingRun(replace(PLAN, epochs=epochs).assignment(Candidate(lineage + 5, lineage, config)), store)


def epochs_of(run: TrainingRun, images: Images) -> Iterator[tuple[int, float]]:
    """What it reports: epochs and validation accuracies."""
    for report in run.reports(images):
        yield report.epoch, report.value


def none_of(split: Split) -> Split:
    """Nothing to train on, which no training survives."""
    return Split(split.images[:0], split.labels[:0])


def newest(store: CheckpointStore, lineage: int = 0) -> Path:
    """The file of a trial's newest checkpoint."""
    return sorted((Path(store.root) / store.folder / trial_key(lineage)).glob("*.state"))[-1]


@pytest.mark.slow
def test_a_trial_that_is_started_again_tells_the_earlier_epochs_first_and_ends_as_if_it_had_not_been_torn(
    images: Images, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    whole = list(epochs_of(start(tiny_config, CheckpointStore(str(tmp_path / "whole")), epochs=4), images))
    store = CheckpointStore(str(tmp_path / "torn"))
    torn = start(tiny_config, store, epochs=4).reports(images)
    assert [(report.epoch, report.value) for report in islice(torn, 2)] == whole[:2]
    torn.close()  # the worker is gone in the third epoch
    again = start(tiny_config, store, epochs=4)
    assert list(epochs_of(again, images)) == whole
    assert again.work().note == ""
    assert newest(store).name == "epoch-0003.state"  # none after the last: nobody goes on from there


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_gone_on_from(
    images: Images, tiny_config: TrainConfig, store: CheckpointStore
) -> None:
    torn = start(tiny_config, store, epochs=4).reports(images)
    values = [(report.epoch, report.value) for report in islice(torn, 3)]
    torn.close()
    file = newest(store)
    state = bytearray(file.read_bytes())
    state[len(state) // 2] ^= 1
    file.write_bytes(state)
    again = start(tiny_config, store, epochs=4)
    assert list(islice(epochs_of(again, images), 3)) == values
    assert re.match(r"checkpoint after epoch 3 discarded: A state must begin with the SHA-256", again.work().note)
    assert file.with_suffix(".damaged").read_bytes() == state


def test_without_a_checkpoint_that_can_be_used_a_training_begins_anew_and_says_why(
    images: Images, tiny_config: TrainConfig, store: CheckpointStore
) -> None:
    other = start(tiny_config, store, lineage=1).reports(images)
    next(other)
    other.close()
    state = newest(store, lineage=1).read_bytes()
    store.of(trial_key(0)).save(1, state)
    store.of(trial_key(0)).save(2, state[:100])
    run = start(tiny_config, store)
    assert next(run.reports(images)).epoch == run.work().trained_epochs == 1
    noted = (
        "checkpoint after epoch 2 discarded: A state must begin with the SHA-256 of the rest of it.*; "
        "checkpoint after epoch 1 discarded: A state must be of the same training. Received: one with seed="
    )
    assert re.match(noted, run.work().note)
    assert [path.read_bytes() for path in sorted(newest(store).parent.glob("*.damaged"))] == [state, state[:100]]


def test_the_last_report_tells_of_a_write_that_hangs_and_what_waited_behind_it_is_never_written(
    images: Images, store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    quickly_given_up = partial(BackgroundCheckpoints, grace_seconds=0.01, patience_seconds=0.1)
    monkeypatch.setattr(training_run, "BackgroundCheckpoints", quickly_given_up)
    opened, written = threading.Event(), list[int]()

    def save(self: StoredCheckpoints, epoch: int, state: bytes) -> None:
        assert opened.wait(60)
        written.append(epoch)

    monkeypatch.setattr(StoredCheckpoints, "save", save)
    reports = start(SMALL, store, epochs=3).reports(images)
    told = list(islice(reports, 3))
    reports.close()  # as Ray Tune does when it has the last one
    opened.set()
    for thread in threading.enumerate():
        if thread.name == "checkpoints":
            thread.join(60)
    assert [report.epoch for report in told] == [1, 2, 3]
    assert [report.work.note for report in told] == ["", "", "checkpoint not written within 0.1 s"]
    assert written == [1]


def test_a_loss_that_is_no_number_fails_the_trial_with_the_epoch(images: Images, store: CheckpointStore) -> None:
    # each step multiplies every weight by 1 - 10: past 10^38 within 41 of the 200 steps of an epoch
    exploding = replace(SMALL, optimizer="sgd", learning_rate=10.0, weight_decay=1.0, batch_size=1)
    with pytest.raises(TrialFailed, match=r"(training|validation) loss (nan|inf) after epoch \d") as error:
        list(epochs_of(start(exploding, store), images))
    assert error.value.fault.cause is Cause.NON_FINITE


def test_a_trial_without_images_to_validate_on_has_no_value(images: Images, store: CheckpointStore) -> None:
    run = start(SMALL, store)
    with pytest.raises(TrialFailed, match="no value: the trial has no validation images"):
        list(run.reports(replace(images, held_out=None)))  # type: ignore[arg-type]  # what no split can be


@pytest.mark.slow
def test_trials_run_in_process_until_the_study_holds_enough(
    spec: StudySpec, watcher: Watcher, tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    plan = TrialPlan(trials=4, epochs=3, seed=0)
    study = open_study(replace(spec, fixed=fixed_settings(epochs=3)), watcher)
    InProcess(store).run_trials(study, tiny_splits, plan)
    records = study.records()
    assert len(records) == 4
    assert records[0].is_reference
    assert all(record.status in ("COMPLETE", "PRUNED") for record in records)
    for record in records:
        assert len(record.measurements) == (3 if record.status == "COMPLETE" else 1)
        assert record.work.seconds > 0
        assert ":" in record.work.worker
        assert record.status == "PRUNED" or record.value == record.measurements[-1][1]
    InProcess(store).run_trials(study, tiny_splits, plan)
    assert study.records() == records


@pytest.mark.slow
def test_a_search_that_is_torn_and_gone_on_with_has_the_results_of_one_that_was_not(
    spec: StudySpec, tiny_splits: TrainingSplits, images: Images, store: CheckpointStore
) -> None:
    spec, plan = replace(spec, fixed=fixed_settings(epochs=3), pruner="none"), TrialPlan(trials=1, epochs=3, seed=0)
    dead = open_study(spec, Watcher())
    run = TrainingRun(plan.assignment(dead.ask()), store)
    values = list(islice(epochs_of(run, images), 2))
    for epoch, value in values:
        dead.report(0, epoch, value)
    study = open_study(spec, Watcher(), exists=True)
    InProcess(store).run_trials(study, tiny_splits, plan)
    (record,) = study.records()
    assert (record.attempts, record.lineage, record.status, record.is_reference) == (2, 0, "COMPLETE", True)
    fresh = TrainingRun(plan.assignment(Candidate(0, 0, REFERENCE)), CheckpointStore(f"{store.root}-fresh"))
    assert record.measurements == tuple(epochs_of(fresh, images))
    assert record.measurements[:2] == tuple(values)


@pytest.mark.slow
def test_a_failing_trial_is_recorded_and_the_search_goes_on(
    study: SearchStudy, tiny_splits: TrainingSplits, store: CheckpointStore
) -> None:
    splits = replace(tiny_splits, train=none_of(tiny_splits.train))
    InProcess(store).run_trials(study, splits, TrialPlan(trials=2, epochs=1, seed=0))
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
    study = open_study(replace(spec, fixed=fixed_settings(epochs=3)), watcher)
    plan = TrialPlan(trials=1, epochs=3, seed=0, timeout_seconds=0.0)
    InProcess(store).run_trials(study, tiny_splits, plan)
    (record,) = study.records()
    assert [seen.reason for seen in watcher.again] == ["timed out: more than 0 s"]
    assert (record.reason, record.attempts) == ("timed out: more than 0 s (attempt 2, the last)", 2)
    assert [len(seen.measurements) for seen in (*watcher.again, record)] == [1, 1]


def test_work_tells_who_when_and_how_long(store: CheckpointStore) -> None:
    run = start(SMALL, store)
    total = sum(math.sqrt(number) for number in range(200_000))
    work = run.work()
    assert total > 0
    assert work.worker.rpartition(":")[2].isdigit()
    assert 0 < work.cpu_seconds < work.seconds * 2
    assert work.started.endswith("+00:00")
    assert work.seconds <= run.seconds()


def test_all_attempts_at_a_trial_have_one_seed_and_one_place_for_checkpoints() -> None:
    first, again = (PLAN.assignment(Candidate(number, 7, SMALL)) for number in (7, 9))
    assert (first.key, again.key) == ("trial-7", "trial-7")
    assert first.seed == again.seed != PLAN.assignment(Candidate(9, 9, SMALL)).seed
    assert (first.label, again.label) == ("trial 7", "trial 9")


def test_a_configuration_is_described_in_one_line() -> None:
    assert describe(REFERENCE) == "32-64 adam 0.001 batch 32 none"


FINAL = Assignment(label="best 1", key="best", config=SMALL, epochs=2, seed=3, keep_model=True)


def test_a_training_to_the_end_is_scored_on_the_images_held_out_and_gives_its_model(
    images: Images, store: CheckpointStore
) -> None:
    finished = train_to_the_end(FINAL, images, store)
    assert isinstance(finished, FinishedTraining)
    assert [epoch.validation_accuracy for epoch in finished.train.epochs] == [None, None], "no image held out is used"
    assert finished.train.seed == 3
    assert finished.probabilities.shape == (60, 10)
    right = finished.probabilities.argmax(axis=1) == images.held_out.labels
    assert finished.accuracy == float(right.mean())
    assert finished.model.startswith(b"PK")
    assert finished.train.seconds < finished.work.seconds
    again = train_to_the_end(replace(FINAL, key="other", keep_model=False), images, store)
    assert isinstance(again, FinishedTraining)
    assert (again.loss, again.accuracy, again.model) == (finished.loss, finished.accuracy, b"")


def test_a_training_to_the_end_that_fails_comes_back_as_its_fault(images: Images, store: CheckpointStore) -> None:
    fault = train_to_the_end(FINAL, replace(images, train=none_of(images.train)), store)
    assert isinstance(fault, Fault)
    assert fault.cause is Cause.RAISED
