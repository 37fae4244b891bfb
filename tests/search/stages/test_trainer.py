"""Trainings outside the study: kept as soon as each ends, loaded instead of made again, made again if damaged."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashion_model.config import REFERENCE
from fashion_model.data.splits import Split
from search.places.place import Place
from search.run_folder.kept_trainings import KeptTrainings
from search.stages.trainer import Trainer, outside_the_study
from search.worker.assignment import Assignment
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import Cause, Fault
from search.worker.training_run import FinishedTraining, Images

from ..somewhere import Somewhere, result

DATA = "validation of split ab"


def training(seed: int) -> Assignment:
    return outside_the_study(f"trial {seed}", REFERENCE, 1, seed, data=DATA, keep_model=True)


TRAININGS = [training(seed) for seed in range(3)]
NO_IMAGES = Split(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
NOTHING = Images(NO_IMAGES, NO_IMAGES)


def nowhere() -> Place:
    raise AssertionError("a place was asked for, and every training is kept")


def no_images() -> Images:
    raise AssertionError("the images were asked for, and every training is kept")


def equal(one: FinishedTraining | Fault, other: FinishedTraining | Fault) -> bool:
    assert isinstance(one, FinishedTraining)
    assert isinstance(other, FinishedTraining)
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert one.probabilities.dtype == other.probabilities.dtype == np.float32
    rest = [(r.train, r.loss, r.accuracy, r.predict_seconds, r.model, r.work) for r in (one, other)]
    return rest[0] == rest[1]


def run(
    folder: Path, place: Somewhere, assignments: Sequence[Assignment] = TRAININGS
) -> list[FinishedTraining | Fault]:
    trainer = Trainer(KeptTrainings(folder / "trainings"), lambda: place, CheckpointStore(str(folder)))
    return trainer.run(assignments, lambda: NOTHING, lambda assignment: None)


def test_results_come_in_the_order_of_the_assignments_and_each_is_told_of_once(tmp_path: Path) -> None:
    done: list[Assignment] = []
    trainings = Trainer(KeptTrainings(tmp_path / "trainings"), lambda: Somewhere(), CheckpointStore(str(tmp_path)))
    results = trainings.run(TRAININGS, lambda: NOTHING, done.append)
    assert all(equal(found, result(training)) for found, training in zip(results, TRAININGS, strict=True))
    assert sorted(training.seed for training in done) == [0, 1, 2]


def test_what_is_kept_is_loaded_and_no_place_and_no_data_are_asked_for(tmp_path: Path) -> None:
    made = run(tmp_path, Somewhere())
    done: list[Assignment] = []
    trainer = Trainer(KeptTrainings(tmp_path / "trainings"), nowhere, CheckpointStore(str(tmp_path)))
    loaded = trainer.run(TRAININGS, no_images, done.append)
    assert all(equal(found, before) for found, before in zip(loaded, made, strict=True))
    assert done == TRAININGS


def test_a_driver_that_is_stopped_keeps_what_had_ended(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Somewhere(dies_after=2))
    place = Somewhere()
    results = run(tmp_path, place)
    assert place.asked == [TRAININGS[0]]  # the others had ended
    assert all(equal(found, result(training)) for found, training in zip(results, TRAININGS, strict=True))


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("damage", [b"", b"\x00" * 50, b'{"schema": 1}', None])
def test_what_is_kept_and_damaged_is_made_again(suffix: str, damage: bytes | None, tmp_path: Path) -> None:
    run(tmp_path, Somewhere())
    file = tmp_path / "trainings" / f"{TRAININGS[1].key}{suffix}"
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    place = Somewhere()
    results = run(tmp_path, place)
    assert place.asked == [TRAININGS[1]]
    assert equal(results[1], result(TRAININGS[1]))
    assert equal(run(tmp_path, Somewhere(faults={TRAININGS[1]: Fault(Cause.RAISED)}))[1], result(TRAININGS[1]))


def test_one_changed_byte_of_the_arrays_is_found(tmp_path: Path) -> None:
    run(tmp_path, Somewhere())
    file = tmp_path / "trainings" / f"{TRAININGS[2].key}.npz"
    content = bytearray(file.read_bytes())
    content[content.index(b"model 2")] ^= 1
    file.write_bytes(content)
    place = Somewhere()
    run(tmp_path, place)
    assert place.asked == [TRAININGS[2]]


def test_the_arrays_of_one_training_do_not_stand_for_another(tmp_path: Path) -> None:
    run(tmp_path, Somewhere())
    one, other = (tmp_path / "trainings" / f"{training.key}.npz" for training in TRAININGS[:2])
    one.write_bytes(other.read_bytes())
    place = Somewhere()
    run(tmp_path, place)
    assert place.asked == [TRAININGS[0]]


def test_a_fault_is_handed_back_and_tried_again_the_next_time(tmp_path: Path) -> None:
    fault = Fault(Cause.NON_FINITE, "training loss nan after epoch 1")
    results = run(tmp_path, Somewhere(faults={TRAININGS[0]: fault}))
    assert results[0] == fault
    assert equal(results[1], result(TRAININGS[1]))
    assert not (tmp_path / "trainings" / f"{TRAININGS[0].key}.json").exists()
    place = Somewhere()
    assert equal(run(tmp_path, place)[0], result(TRAININGS[0]))
    assert place.asked == [TRAININGS[0]]


def test_the_checkpoints_of_a_training_are_removed_when_its_result_is_kept(tmp_path: Path) -> None:
    store = CheckpointStore(str(tmp_path))
    for training in TRAININGS:
        store.of(training.key).save(1, b"state")
    run(tmp_path, Somewhere(faults={TRAININGS[0]: Fault(Cause.RAISED)}))
    assert [store.of(training.key).load() for training in TRAININGS] == [b"state", None, None]


def test_the_key_is_that_of_the_training_whatever_it_is_called() -> None:
    def key(label: str = "a", seed: int = 7, epochs: int = 1, data: str = DATA, **others: Any) -> str:
        config = replace(REFERENCE, dense_units=others.get("dense_units", 128))
        keep_model = others.get("keep_model", True)
        return outside_the_study(label, config, epochs, seed, data=data, keep_model=keep_model).key

    assert key() == key(label="another name")
    others = [key(seed=8), key(epochs=2), key(keep_model=False), key(data="test set"), key(dense_units=64)]
    assert len({key(), *others}) == 6
    assert re.fullmatch(r"[0-9a-f]{16}", key())


def test_two_assignments_that_are_the_same_training_both_have_its_result(tmp_path: Path) -> None:
    twins = [training(7), replace(training(7), label="trial 4")]
    assert all(equal(found, result(twins[0])) for found in run(tmp_path, Somewhere(), twins))
    assert all(equal(found, result(twins[0])) for found in run(tmp_path, Somewhere(dies_after=0), twins))
