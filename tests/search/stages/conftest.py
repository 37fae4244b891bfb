"""A run whose stages train somewhere, the trainer that they use, and images without a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fashion_model.data.splits import Split
from fashion_model.task import FASHION_MNIST, Task
from search.command.settings import Settings
from search.command.terminal.progress import Progress
from search.run_folder.folder import RunFolder
from search.run_folder.kept_trainings import KeptTrainings
from search.run_folder.sessions import Sessions
from search.stages.run import Run
from search.stages.trainer import Trainer

from ..somewhere import Somewhere

TrainerAt = Callable[[Somewhere], Trainer]


@dataclass(frozen=True)
class InMemory:
    """A source of these images."""

    training: Split
    test: Split
    kind: str = "memory"
    task: Task = FASHION_MNIST

    def read_training(self) -> Split:
        return self.training

    def read_test(self) -> Split:
        return self.test


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of 3 epochs and 2 retrainings a model, with seed 5, in the test's folder."""
    settings = Settings(name="s", output=str(tmp_path), epochs=3, retrain_seeds=2, seed=5)
    progress = Progress(io.StringIO(), verbosity=0, live=False)
    return Run(settings, RunFolder(tmp_path), progress, Sessions(tmp_path / "sessions.json", ""), is_resumed=False)


@pytest.fixture
def trainer_at(run: Run, tmp_path: Path) -> TrainerAt:
    """The trainer of the run, at a place."""
    return lambda place: Trainer(KeptTrainings(tmp_path / "trainings"), lambda: place, run.store)
