"""Trainings outside the study: kept as soon as each ends, loaded instead of made again, made again if damaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fashion_model.config import REFERENCE
from fashion_model.data import Split, TrainingSplits
from search.faults import Cause, Fault
from search.places.in_process import InProcess
from search.places.place import Place
from search.stages.trainings import Trainings
from search.trials.checkpoints import CheckpointStore
from search.trials.job import Job, JobData, JobResult

from .somewhere import Somewhere, result

JOB = Job(label="trial 3", config=REFERENCE, epochs=1, seed=7, keep_model=True, data="validation of split ab")
JOBS = [replace(JOB, label=f"trial {seed}", seed=seed) for seed in range(3)]
NO_IMAGES = Split(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
NO_DATA = JobData(NO_IMAGES, NO_IMAGES)


def nowhere() -> Place:
    raise AssertionError("a place was asked for, and every training is kept")


def no_data() -> JobData:
    raise AssertionError("the data was asked for, and every training is kept")


def equal(one: JobResult | Fault, other: JobResult | Fault) -> bool:
    assert isinstance(one, JobResult)
    assert isinstance(other, JobResult)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert one.probabilities.dtype == other.probabilities.dtype == np.float32
    rest = [(r.train, r.loss, r.accuracy, r.predict_seconds, r.model, r.work) for r in (one, other)]
    return rest[0] == rest[1]


def run(folder: Path, place: Somewhere, jobs: Sequence[Job] = JOBS) -> list[JobResult | Fault]:
    store = CheckpointStore(str(folder))
    return Trainings(folder / "trainings", lambda: place, store).run(jobs, lambda: NO_DATA, lambda job: None)


def test_results_come_in_the_order_of_the_jobs_and_each_is_told_of_once(tmp_path: Path) -> None:
    done: list[Job] = []
    trainings = Trainings(tmp_path / "trainings", lambda: Somewhere(), CheckpointStore(str(tmp_path)))
    results = trainings.run(JOBS, lambda: NO_DATA, done.append)
    assert all(equal(found, result(job)) for found, job in zip(results, JOBS, strict=True))
    assert sorted(job.seed for job in done) == [0, 1, 2]


def test_what_is_kept_is_loaded_and_no_place_and_no_data_are_asked_for(tmp_path: Path) -> None:
    made = run(tmp_path, Somewhere())
    done: list[Job] = []
    loaded = Trainings(tmp_path / "trainings", nowhere, CheckpointStore(str(tmp_path))).run(JOBS, no_data, done.append)
    assert all(equal(found, before) for found, before in zip(loaded, made, strict=True))
    assert done == JOBS


def test_a_driver_that_is_stopped_keeps_what_had_ended(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Somewhere(dies_after=2))
    place = Somewhere()
    results = run(tmp_path, place)
    assert place.asked == [JOBS[0]]  # the others had ended
    assert all(equal(found, result(job)) for found, job in zip(results, JOBS, strict=True))


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("damage", [b"", b"\x00" * 50, b'{"schema": 1}', None])
def test_what_is_kept_and_damaged_is_made_again(suffix: str, damage: bytes | None, tmp_path: Path) -> None:
    run(tmp_path, Somewhere())
    file = tmp_path / "trainings" / f"{JOBS[1].key()}{suffix}"
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    place = Somewhere()
    results = run(tmp_path, place)
    assert place.asked == [JOBS[1]]
    assert equal(results[1], result(JOBS[1]))
    assert equal(run(tmp_path, Somewhere(faults={JOBS[1]: Fault(Cause.RAISED)}))[1], result(JOBS[1]))


def test_one_changed_byte_of_the_arrays_is_found(tmp_path: Path) -> None:
    run(tmp_path, Somewhere())
    file = tmp_path / "trainings" / f"{JOBS[2].key()}.npz"
    content = bytearray(file.read_bytes())
    content[content.index(b"model 2")] ^= 1
    file.write_bytes(content)
    place = Somewhere()
    run(tmp_path, place)
    assert place.asked == [JOBS[2]]


def test_the_arrays_of_one_training_do_not_stand_for_another(tmp_path: Path) -> None:
    run(tmp_path, Somewhere())
    one, other = (tmp_path / "trainings" / f"{job.key()}.npz" for job in JOBS[:2])
    one.write_bytes(other.read_bytes())
    place = Somewhere()
    run(tmp_path, place)
    assert place.asked == [JOBS[0]]


def test_a_fault_is_handed_back_and_tried_again_the_next_time(tmp_path: Path) -> None:
    fault = Fault(Cause.NON_FINITE, "training loss nan after epoch 1")
    results = run(tmp_path, Somewhere(faults={JOBS[0]: fault}))
    assert results[0] == fault
    assert equal(results[1], result(JOBS[1]))
    assert not (tmp_path / "trainings" / f"{JOBS[0].key()}.json").exists()
    place = Somewhere()
    assert equal(run(tmp_path, place)[0], result(JOBS[0]))
    assert place.asked == [JOBS[0]]


def test_the_checkpoints_of_a_training_are_removed_when_its_result_is_kept(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    for job in JOBS:
        store.of(job.key()).save(1, b"state")
    run(tmp_path, Somewhere(faults={JOBS[0]: Fault(Cause.RAISED)}))
    assert [store.of(job.key()).load() for job in JOBS] == [b"state", None, None]


def test_the_key_is_that_of_the_training_whatever_it_is_called() -> None:
    assert JOB.key() == replace(JOB, label="another name").key()
    others = [
        replace(JOB, seed=8),
        replace(JOB, epochs=2),
        replace(JOB, keep_model=False),
        replace(JOB, data="test set"),
        replace(JOB, config=replace(REFERENCE, dense_units=64)),
    ]
    assert len({JOB.key(), *(other.key() for other in others)}) == 6
    assert len(JOB.key()) == 16


def test_two_jobs_that_are_the_same_training_both_have_its_result(tmp_path: Path) -> None:
    twins = [JOB, replace(JOB, label="trial 4")]
    assert all(equal(found, result(JOB)) for found in run(tmp_path, Somewhere(), twins))
    assert all(equal(found, result(JOB)) for found in run(tmp_path, Somewhere(dies_after=0), twins))


@pytest.mark.slow
def test_a_training_made_in_this_process_is_kept_with_its_model_and_not_made_again(
    tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    store = CheckpointStore(str(tmp_path))
    job = replace(JOB, config=replace(REFERENCE, base_filters=2, dense_units=4), epochs=2)
    data = JobData(tiny_splits.train, tiny_splits.validation)
    (made,) = Trainings(tmp_path / "trainings", lambda: InProcess(store), store).run(
        [job], lambda: data, lambda job: None
    )
    (loaded,) = Trainings(tmp_path / "trainings", nowhere, store).run([job], no_data, lambda job: None)
    assert equal(loaded, made)
    assert isinstance(loaded, JobResult)
    assert loaded.model.startswith(b"PK")
    assert [epoch.epoch for epoch in loaded.train.epochs] == [1, 2]
    assert store.of(job.key()).load() is None
