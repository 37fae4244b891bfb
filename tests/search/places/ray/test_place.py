"""Trials on a real Ray: pruning, warm workers, an aborted fit; and finalists. Faults: test_faulty_trials.py."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import optuna
import pytest
import ray

from cluster.connect import connected
from cluster.resources import ClusterSize, TrialResources
from fashion_model.config import TrainConfig
from fashion_model.data.splits import TrainingSplits
from search.command.process.interrupt import TimeIsUp, time_limit
from search.places.in_process import InProcess
from search.places.ray.place import OnRay
from search.study.open_study import StudySpec, open_study
from search.worker.assignment import Assignment, TrialPlan
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import Cause, Fault, SearchBroken, StorageError
from search.worker.training_run import FinishedTraining, Images

from ... import faulty
from ...conftest import Acts, Watcher, fixed_settings
from ...faulty import FaultySplits

pytestmark = pytest.mark.ray
PLAN = TrialPlan(trials=12, epochs=3, seed=0)


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterSize]:
    with connected("local") as size:
        yield size


@pytest.fixture
def place(cluster: ClusterSize, store: CheckpointStore) -> OnRay:
    return OnRay(TrialResources(cpus=1.0, gpus=0.0), 2, store)


@pytest.fixture
def short(spec: StudySpec) -> StudySpec:
    """A study whose trials have the epochs of PLAN."""
    return replace(spec, fixed=fixed_settings(epochs=PLAN.epochs))


def test_a_search_ends_every_trial_with_its_status_and_leaves_none_running(
    place: OnRay, short: StudySpec, tiny_splits: TrainingSplits
) -> None:
    study = open_study(short, Watcher())
    place.run_trials(study, tiny_splits, PLAN)
    records = study.records()
    assert len(records) == PLAN.trials
    assert [record.is_reference for record in records] == [True] + [False] * 11
    assert {record.status for record in records} == {"COMPLETE", "PRUNED"}
    for record in records:
        epochs = [epoch for epoch, _ in record.measurements]
        assert epochs == ([1, 2, 3] if record.status == "COMPLETE" else [1])
        assert record.reason == ("" if record.status == "COMPLETE" else "pruned after epoch 1")
        assert record.value == (record.measurements[-1][1] if record.status == "COMPLETE" else None)
        assert (record.attempts, record.lineage, record.work.note) == (1, None, "")
    stored = optuna.load_study(study_name=short.name, storage=short.database.url).trials
    assert {trial.state.name for trial in stored} <= {"COMPLETE", "PRUNED", "FAIL"}
    workers = Counter(record.work.worker for record in records)
    assert len(workers) == 2, "a worker serves many trials"


def test_a_trials_result_depends_on_its_number_not_on_the_worker(
    place: OnRay, short: StudySpec, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    plan = replace(PLAN, trials=2)
    study = open_study(replace(short, pruner="none"), Watcher())
    place.run_trials(study, tiny_splits, plan)
    here = open_study(replace(short, name="here", pruner="none"), Watcher())
    InProcess(CheckpointStore(str(tmp_path / "here"))).run_trials(here, tiny_splits, plan)
    assert [r.config for r in study.records()] == [r.config for r in here.records()]
    for on_ray, in_process in zip(study.records(), here.records(), strict=True):
        ours, theirs = dict(on_ray.measurements), dict(in_process.measurements)
        # the number of threads differs, and with it the order of sums: 60 images make steps of 0.017
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose(list(ours.values()), list(theirs.values()), atol=0.051)


def test_a_worker_that_has_grown_too_big_is_replaced_between_two_trials_and_no_trial_is_lost(
    cluster: ClusterSize, store: CheckpointStore, short: StudySpec, tiny_splits: TrainingSplits
) -> None:
    plan, watcher = replace(PLAN, trials=4), Watcher()
    study = open_study(short, watcher)
    place = OnRay(TrialResources(cpus=1.0, gpus=0.0), 1, store, worker_bytes=1)  # each has grown past it at once
    place.run_trials(study, tiny_splits, plan)
    records = study.records()
    assert [record.attempts for record in records] == [1] * 4
    assert {record.status for record in records} == {"COMPLETE", "PRUNED"}, "both of Tune's ways to end a trial"
    assert len({record.work.worker for record in records}) == 4
    assert watcher.again == []
    assert study.counts.ended() == 4


def lose_the_database() -> None:
    raise StorageError("the database is gone")


def use_up_the_time() -> None:
    signal.raise_signal(signal.SIGALRM)


@pytest.mark.parametrize(("act", "error"), [(lose_the_database, StorageError), (use_up_the_time, TimeIsUp)])
def test_a_search_that_is_cut_off_holds_no_core_and_goes_on_where_it_was(
    place: OnRay, short: StudySpec, tiny_splits: TrainingSplits, act: Callable[[], None], error: type[BaseException]
) -> None:
    plan = replace(PLAN, trials=2)
    study = open_study(replace(short, pruner="none"), Acts(1, [act]))
    with pytest.raises(error), time_limit(600.0):
        place.run_trials(study, tiny_splits, plan)
    study.fail_unfinished(Fault(Cause.INTERRUPTED))
    study.close()
    start = time.monotonic()
    while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"]:
        assert time.monotonic() - start < 10, "a worker of the search before still holds its core"
        time.sleep(0.1)
    again = open_study(replace(short, pruner="none"), Watcher())
    place.run_trials(again, tiny_splits, plan)
    assert [(r.status, r.attempts, len(r.measurements)) for r in again.records()] == [("COMPLETE", 2, 3)] * 2
    assert again.waiting() == 0


def test_a_search_ends_when_too_many_trials_in_a_row_fail_and_burns_no_others(
    place: OnRay, short: StudySpec, tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    study = open_study(replace(short, most_failures=3), Watcher())
    splits = FaultySplits(tiny_splits, tmp_path, (faulty.Fault("raise", nth=None),))
    message = r"Fewer than 3 trials in a row may fail. Received: that many, .*raised: ValueError: this configuration"
    with pytest.raises(SearchBroken, match=message):
        place.run_trials(study, splits, PLAN)
    study.fail_unfinished(Fault(Cause.INTERRUPTED))
    assert 3 <= len(study.records()) <= 4
    assert {record.status for record in study.records()} == {"FAIL"}


def test_a_training_comes_back_with_what_it_learned_and_one_that_fails_with_its_fault(
    place: OnRay, tiny_splits: TrainingSplits, tiny_config: TrainConfig
) -> None:
    def training(seed: int, epochs: int, config: TrainConfig = tiny_config) -> Assignment:
        name = f"training {seed}"
        return Assignment(label=name, key=name, config=config, epochs=epochs, seed=seed, keep_model=seed == 1)

    # each step multiplies every weight by 1 - 10: past 10^38 within 41 of the 200 steps of an epoch
    exploding = replace(tiny_config, optimizer="sgd", learning_rate=10.0, weight_decay=1.0, batch_size=1)
    done: dict[str, FinishedTraining | Fault] = {}
    assignments = [training(1, epochs=3), training(2, epochs=1), training(3, 1, exploding)]
    images = Images(tiny_splits.train, tiny_splits.validation)
    place.run_trainings(assignments, images, lambda assignment, result: done.update({assignment.label: result}))
    fault = done.pop("training 3")
    assert isinstance(fault, Fault)
    assert str(fault) in {f"non-finite loss: training loss {loss} after epoch 1" for loss in ("nan", "inf")}
    results = [result for _, result in sorted(done.items()) if isinstance(result, FinishedTraining)]
    assert [(result.train.seed, len(result.train.epochs)) for result in results] == [(1, 3), (2, 1)]
    assert [bool(result.model) for result in results] == [True, False]
    assert results[0].probabilities.shape == (60, 10)
    labels = tiny_splits.validation.labels
    assert results[0].accuracy == float((results[0].probabilities.argmax(axis=1) == labels).mean())


def test_no_more_trainings_run_at_a_time_than_are_allowed(
    cluster: ClusterSize, store: CheckpointStore, tiny_splits: TrainingSplits, tiny_config: TrainConfig
) -> None:
    done: list[FinishedTraining | Fault] = []
    assignments = [Assignment(label=key, key=key, config=tiny_config, epochs=2, seed=0) for key in ("a", "b", "c")]
    images = Images(tiny_splits.train, tiny_splits.validation)
    place = OnRay(TrialResources(cpus=1.0, gpus=0.0), 2, store, at_most=1)
    place.run_trainings(assignments, images, lambda assignment, result: done.append(result))
    works = [result.work for result in done if isinstance(result, FinishedTraining)]
    begun = [datetime.fromisoformat(work.started).timestamp() for work in works]
    ended = [start + work.seconds for start, work in zip(begun, works, strict=True)]
    assert len(works) == 3
    assert all(later >= before for before, later in zip(ended, begun[1:], strict=False))
