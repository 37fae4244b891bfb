"""`--data`: the whole service on images of one's own. `--split-seed`: which are held out, whatever `--seed` is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from fashion_model.config import REFERENCE
from fashion_model.data.own_file import OwnFile
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from reports.records import load_outcome, load_predictions
from search.command.settings import Settings
from search.command.settings_files import read_run
from search.run import main
from search.study.open_study import FixedSettings
from search.study.space import Space
from tests.processes import python

NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu")
SMALL = ("--local", "--epochs", "1", "--retrain-seeds", "1", "--finalists", "1")


def images(count: int, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """20 × 20 colour images of seven classes: a bar whose height and colour say the class, on noise."""
    labels = np.arange(count) % 7
    made = np.random.default_rng(seed).integers(1, 64, (count, 20, 20, 3), dtype=np.uint8)
    for image, label in zip(made, labels, strict=True):
        image[2 + 2 * label : 4 + 2 * label, 4:14, label % 3] += np.uint8(160)
    return made, labels


def written(path: Path, **changes: Any) -> Path:
    (x_train, y_train), (x_test, y_test) = images(420, 0), images(140, 1)
    whole = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test, "class_names": np.array(NAMES)}
    np.savez_compressed(path, **(whole | changes))
    return path


@pytest.mark.slow
def test_a_search_on_colour_images_of_seven_classes_comes_to_its_end(tmp_path: Path) -> None:
    file = written(tmp_path / "seven.npz")
    done = python("-m", "search.run", *SMALL, "--trials", 2, "--data", file, "--output", tmp_path, "--name", "own")
    assert "1/6 data    350 images to train on, 70 to validate on, from seven.npz, split " in done.stderr
    outcome = load_outcome(tmp_path / "own" / "outcome.json")
    assert outcome.data.task == OwnFile.open(file).task
    assert outcome.data.task.class_names == NAMES
    assert outcome.data.file_sha256 == outcome.data.task.files
    counts = (outcome.data.train_count, outcome.data.validation_count, outcome.data.test_count)
    assert (outcome.data.source, counts) == ("seven.npz", (350, 70, 140))
    predictions = load_predictions(tmp_path / "own" / "predictions.npz")
    assert predictions.reference.shape == predictions.best.shape == (1, 140, 7)
    assert np.array_equal(predictions.images, images(140, 1)[0])
    assert np.array_equal(predictions.grid_images, images(420, 0)[0][:25])
    assert outcome.runs("reference")[0].train.parameters == 9 * 3 * 32 + 32 + 9 * 32 * 64 + 64 + 576 * 128 + 128 + 903
    written(file, y_test=images(140, 1)[1][::-1])  # the same name and sizes, other labels
    again = python("-m", "search.run", "--resume", tmp_path / "own", "--trials", 3)
    assert again.returncode == 2
    assert (
        "All trials of a study must have the same settings. Received for study own:\n  files_sha256: " in again.stderr
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"y_test": np.full(140, 7)}, "must hold labels from 0 to 6 in y_test. Received: 7 to 7."),
        ({"x_train": images(20, 0)[0], "y_train": images(20, 0)[1]}, "at least 12 training images, 2 of them"),
    ],
)
def test_a_bad_file_ends_with_4_before_a_trial_and_leaves_nothing(
    changes: Mapping[str, Any], expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "bad.npz", **changes)
    assert main([*SMALL, "--data", str(file), "--output", str(tmp_path / "runs")]) == 4
    err = capfd.readouterr().err
    assert err.splitlines()[-1].startswith("error: ")
    assert expected in err
    assert list(tmp_path.iterdir()) == [file]


def test_a_size_that_the_file_does_not_have_ends_with_4(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "seven.npz")
    for size in ("83", "414", "1000"):
        assert main([*SMALL, "--data", str(file), "--train-size", size, "--output", str(tmp_path / "runs")]) == 4
        rule = f"--train-size must be from 84 to 413 images, or left out for all 420. Received: {size}."
        assert rule in capfd.readouterr().err


def test_searches_of_other_seeds_share_their_split_unless_asked_for_another(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each ends after the data stage, by a database that is not there."""
    file = written(tmp_path / "seven.npz")
    where = ["--data", str(file), "--output", str(tmp_path / "runs"), "--storage", f"sqlite:///{tmp_path}/no/study.db"]
    splits = []
    for seeds in (["--seed", "0"], ["--seed", "7"], ["--split-seed", "0"], ["--split-seed", "1"]):
        assert main([*SMALL, *where, *seeds]) == 4
        error = capfd.readouterr().err
        assert f"error: A study must be in a folder that can be written. Received: {tmp_path}/no: " in error
        found = re.search(r"1/6 data .* from seven\.npz, split (\w{8})\n", error)
        assert found is not None
        splits.append(found[1])
    assert splits[0] == splits[1] == splits[2] != splits[3]


def test_the_space_of_other_images_has_points_that_fit_and_limits_of_the_same_share() -> None:
    for side, channels in ((10, 1), (20, 3), (64, 3)):
        task = replace(FASHION_MNIST, image_shape=(side, side, channels), class_names=NAMES)
        space = Space(task)
        assert space.parameters_of(REFERENCE) is not None
        reference = network_of(REFERENCE, task)
        limit = space.most_multiply_adds
        assert limit == pytest.approx(reference.multiply_adds * 10_000_000 / 2_631_040, abs=1)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
        costs = [network_of(space.suggest(study.ask()), task).multiply_adds for _ in range(200)]
        assert limit / 2 < max(costs) <= limit


def test_the_terms_of_a_study_change_with_the_file_and_not_for_fashion_mnist(tmp_path: Path) -> None:
    settings = Settings(name="n", data="mine.npz")
    one, other = (OwnFile.open(written(tmp_path / "mine.npz", x_test=images(140, seed)[0])).task for seed in (1, 2))
    terms, others = (FixedSettings.of(settings, "ab", task) for task in (one, other))
    (difference,) = terms.differences(json.loads(json.dumps(asdict(others))))
    assert difference.startswith("files_sha256: ")
    assert FixedSettings.of(settings, "ab").files_sha256 == FixedSettings.of(settings, "ab", FASHION_MNIST).files_sha256


def test_a_run_of_before_split_seeds_has_the_split_of_its_seed(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    values = Settings(name="n", seed=5).to_dict()
    config.write_text(json.dumps({name: value for name, value in values.items() if name != "split_seed"}))
    assert Settings(**read_run(config)).split_seed == 5
    config.write_text(json.dumps(values))
    assert Settings(**read_run(config)).split_seed == 0
