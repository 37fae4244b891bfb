"""Trials on a real Ray: pruning, warm workers, a worker that is killed, and jobs in their order."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import optuna
import pytest

from cluster.connect import connected
from cluster.resources import TrialResources
from fashion_model.config import TrainConfig
from fashion_model.data import Split, TrainingSplits
from search.in_process import InProcess
from search.job import Job, JobData
from search.on_ray import OnRay
from search.place import TrialPlan
from search.records import TrialRecord
from search.storage import StudySpec, open_study

from .conftest import Watcher

pytestmark = pytest.mark.ray
PLAN = TrialPlan(trials=12, epochs=3, seed=0)


@pytest.fixture(scope="module")
def place() -> Iterator[OnRay]:
    with connected("local"):
        yield OnRay(TrialResources(cpus=1.0, gpus=0.0), concurrent=2)


def test_a_search_ends_every_trial_with_its_status_and_leaves_none_running(
    place: OnRay, spec: StudySpec, tiny_splits: TrainingSplits
) -> None:
    study = open_study(replace(spec, epochs=PLAN.epochs), Watcher())
    place.run_trials(study, tiny_splits, PLAN)
    records = study.records()
    assert len(records) == PLAN.trials
    assert [record.is_reference for record in records] == [True] + [False] * 11
    assert {record.status for record in records} == {"COMPLETE", "PRUNED"}
    for record in records:
        epochs = [epoch for epoch, _ in record.intermediate]
        assert epochs == ([1, 2, 3] if record.status == "COMPLETE" else [1])
        assert record.reason == ("" if record.status == "COMPLETE" else "pruned after epoch 1")
        assert record.value == (record.intermediate[-1][1] if record.status == "COMPLETE" else None)
    stored = optuna.load_study(study_name=spec.name, storage=spec.url).trials
    assert {trial.state.name for trial in stored} <= {"COMPLETE", "PRUNED", "FAIL"}
    workers = Counter(record.worker for record in records)
    assert len(workers) == 2, "a worker serves many trials"


def test_a_trials_result_depends_on_its_number_not_on_the_worker(
    place: OnRay, spec: StudySpec, tiny_splits: TrainingSplits
) -> None:
    plan = replace(PLAN, trials=2)
    study = open_study(replace(spec, epochs=plan.epochs, pruner="none"), Watcher())
    place.run_trials(study, tiny_splits, plan)
    here = open_study(replace(spec, name="here", epochs=plan.epochs, pruner="none"), Watcher())
    InProcess().run_trials(here, tiny_splits, plan)
    assert [r.config for r in study.records()] == [r.config for r in here.records()]
    for on_ray, in_process in zip(study.records(), here.records(), strict=True):
        ours, theirs = dict(on_ray.intermediate), dict(in_process.intermediate)
        # the number of threads differs, and with it the order of sums: 60 images make steps of 0.017
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose(list(ours.values()), list(theirs.values()), atol=0.051)


class Killer(Watcher):
    """Kills the worker of the first trial that ends, while it is at its next trial."""

    def ended(self, record: TrialRecord) -> None:
        super().ended(record)
        if len(self.records) == 1:
            os.kill(int(record.worker.rpartition(":")[2]), signal.SIGKILL)


def test_a_killed_worker_fails_its_trial_with_the_reason_and_the_search_goes_on(
    place: OnRay, spec: StudySpec, tiny_splits: TrainingSplits
) -> None:
    study = open_study(replace(spec, epochs=PLAN.epochs, pruner="none"), Killer())
    place.run_trials(study, tiny_splits, replace(PLAN, trials=6))
    counts = Counter((record.status, record.reason) for record in study.records())
    assert sum(counts.values()) == 6
    assert counts["FAIL", "its worker died"] in (0, 1)  # 0: the worker was between two trials
    assert counts["COMPLETE", ""] >= 5
    assert study.counts().running == 0


def test_a_trial_that_fails_tells_its_reason(place: OnRay, spec: StudySpec, tiny_splits: TrainingSplits) -> None:
    nothing = Split(tiny_splits.train.images[:0], tiny_splits.train.labels[:0])
    empty = TrainingSplits(nothing, tiny_splits.validation, "")
    study = open_study(replace(spec, epochs=1), Watcher())
    place.run_trials(study, empty, TrialPlan(trials=2, epochs=1, seed=0))
    assert [record.status for record in study.records()] == ["FAIL", "FAIL"]
    assert all(": " in record.reason and record.reason != "its worker died" for record in study.records())


def test_jobs_come_back_in_their_order_with_what_they_learned(
    place: OnRay, tiny_splits: TrainingSplits, tiny_config: TrainConfig
) -> None:
    jobs = [Job(f"job {seed}", tiny_config, epochs, seed, keep_model=seed == 1) for seed, epochs in ((1, 3), (2, 1))]
    done: list[str] = []
    results = place.run_jobs(
        jobs, JobData(tiny_splits.train, tiny_splits.validation), lambda job: done.append(job.label)
    )
    assert sorted(done) == ["job 1", "job 2"]
    assert [(result.train.seed, len(result.train.epochs)) for result in results] == [(1, 3), (2, 1)]
    assert [bool(result.model) for result in results] == [True, False]
    assert results[0].probabilities.shape == (60, 10)
    labels = tiny_splits.validation.labels
    assert results[0].accuracy == float((results[0].probabilities.argmax(axis=1) == labels).mean())
