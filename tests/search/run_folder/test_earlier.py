"""--warm-start: which trials come from the runs that it names, and which runs it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.task import FASHION_MNIST
from search.command.settings import Settings, SettingsError
from search.run_folder.earlier import Earlier, read_earlier
from search.run_folder.folder import RunFolder
from search.study.open_study import StudySpec, open_study
from search.study.space import Space
from search.study.storage.database import Database, sqlite_url
from search.study.storage.lock import StudyLock
from search.study.study import KnownPoint
from search.study.warm_start import EarlierTrial
from search.worker.faults import Cause, Fault

from ..conftest import WORK, Watcher

SPLIT = "ab" * 32
OTHER = replace(REFERENCE, learning_rate=0.002)
OUTSIDE = TrainConfig(pooling="average", kernel_size=5)


def make_earlier_run(
    settings: Settings, split: str, configs: Sequence[TrainConfig], earlier: Sequence[EarlierTrial] = ()
) -> Path:
    """A run whose trials, the reference first, are complete; trial i has 0.5, 0.6 … plus i hundredths."""
    folder = settings.run_dir().resolve()
    folder.mkdir(parents=True)
    database = Database(sqlite_url(folder / "study.db"))
    spec = StudySpec.of(settings, StudyLock(database, settings.name), folder, split, FASHION_MNIST)
    known = tuple(KnownPoint("added", config) for config in configs[1:])
    study = open_study(replace(spec, known=known, earlier=tuple(earlier)), Watcher())
    for index in range(len(configs)):
        number = study.ask().number
        for epoch in range(settings.epochs):
            study.report(number, epoch + 1, 0.5 + 0.1 * epoch + 0.01 * index)
        study.finish(number, WORK, pruned=False)
    study.fail(study.ask().number, Fault(Cause.NON_FINITE))
    study.close()
    RunFolder(folder).write_config(settings)
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    """The settings of runs in a folder of the test's own."""
    return Settings(name="now", output=str(tmp_path), epochs=2, start_with="reference")


def test_every_complete_trial_comes_that_a_run_made_itself(here: Settings) -> None:
    learned = EarlierTrial(
        source="trial 0 of first", config=OTHER, values=(0.1, 0.2), ended="2026-01-01T00:00:00+00:00"
    )
    first = make_earlier_run(replace(here, name="first"), SPLIT, [REFERENCE, OUTSIDE], [learned])
    make_earlier_run(replace(here, name="second"), SPLIT, [REFERENCE])
    found = read_earlier(replace(here, warm_start=(str(first), "second", "first")), SPLIT, FASHION_MNIST)
    assert [(trial.source, trial.config, trial.values) for trial in found] == [
        ("trial 1 of first", REFERENCE, (0.5, 0.6)),
        ("trial 2 of first", OUTSIDE, (0.51, 0.61)),
        ("trial 0 of second", REFERENCE, (0.5, 0.6)),
    ]
    inside = Earlier.within(Space(), found)
    assert [trial.source for trial in inside.trials] == ["trial 1 of first", "trial 0 of second"]
    told = "warm start: learns from 2 complete trials of earlier runs; 1 other left out: no points of this space"
    assert inside.in_words() == told


@pytest.mark.parametrize(
    ("changes", "split", "rule"),
    [
        ({"epochs": 3}, SPLIT, r"Received: .*/first:\n  epochs: 2 in the study, 3 now\nGive the --epochs"),
        ({}, "cd" * 32, r"Received: .*/first:\n  split_sha256: abababab in the study, cdcdcdcd now\nGive"),
        ({"warm_start": ("fist",)}, SPLIT, r"--warm-start must name a run's folder. Received: fist, .* mean first\?"),
    ],
)
def test_a_run_over_other_epochs_or_another_split_is_refused(
    here: Settings, changes: dict[str, object], split: str, rule: str
) -> None:
    make_earlier_run(replace(here, name="first"), SPLIT, [REFERENCE])
    settings = replace(here, **({"warm_start": ("first",)} | changes))  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=rule):
        read_earlier(settings, split, FASHION_MNIST)


def test_other_images_are_refused_and_another_seed_or_space_is_not(here: Settings) -> None:
    make_earlier_run(replace(here, name="first"), SPLIT, [REFERENCE])
    settings = replace(here, warm_start=("first",), seed=9, space=("optimizer = adam",))
    assert len(read_earlier(settings, SPLIT, FASHION_MNIST)) == 1
    with pytest.raises(SettingsError, match=r"files_sha256: \w{8} in the study, \w{8} now"):
        read_earlier(settings, SPLIT, replace(FASHION_MNIST, files={"mine.npz": "0" * 64}))
