"""The runs that --warm-start names: their complete trials, or why these cannot be compared with those of this run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fashion_model.task import Task
from reports.records import TrialRecord
from search.command.earlier_run import find_run, settings_of
from search.command.settings import Settings, SettingsError, counted, without_password
from search.run_folder.folder import RunFolder
from search.study.open_study import FixedSettings
from search.study.space import Space
from search.study.storage.database import Database, sqlite_url
from search.study.storage.overview import StoredStudy, opened, read_study
from search.study.warm_start import EarlierTrial

_FLAG: Final = "--warm-start"
_MUST_AGREE: Final = ("epochs", "files_sha256", "split_sha256")  # of the fixed settings


@dataclass(frozen=True, slots=True)
class Earlier:
    """The trials that are points of a space, and how many others there are."""

    trials: tuple[EarlierTrial, ...]
    outside: int

    @classmethod
    def within(cls, space: Space, trials: Sequence[EarlierTrial]) -> Earlier:
        """Choose those that are points of this space."""
        inside = tuple(trial for trial in trials if space.parameters_of(trial.config) is not None)
        return cls(inside, len(trials) - len(inside))

    def in_words(self) -> str:
        """How many there are, in a line."""
        left_out = f"; {counted(self.outside, 'other')} left out: no points of this space" if self.outside else ""
        return f"warm start: learns from {counted(len(self.trials), 'complete trial')} of earlier runs{left_out}"


def read_earlier(settings: Settings, split_sha256: str, task: Task) -> tuple[EarlierTrial, ...]:
    """Every complete trial that the named runs made themselves, each run once.

    Raises:
        SettingsError: when a run is not there, or has other images, another split or other epochs than this one.
        StorageError: when its study cannot be read.
    """
    fixed = FixedSettings.of(settings, split_sha256, task)
    folders = (find_run(name, Path(settings.output), _FLAG).resolve() for name in settings.warm_start)
    return tuple(
        EarlierTrial(
            source=f"trial {record.number} of {folder.name}",
            config=record.config,
            values=tuple(measured.value for measured in record.measurements),
            ended=record.ended,
        )
        for folder in dict.fromkeys(folders)
        for record in _comparable(folder, _study(folder, settings), fixed)
        if record.config is not None and record.value is not None
    )


def _study(folder: Path, settings: Settings) -> StoredStudy:
    theirs = Settings(**settings_of(folder))
    url = theirs.storage or sqlite_url(RunFolder(folder).study_file())
    if settings.storage and without_password(settings.storage) == url:
        url = settings.storage  # with the password, which no run folder has
    with opened(Database(url)) as storage:
        return read_study(storage, theirs.name)


def _comparable(folder: Path, study: StoredStudy, fixed: FixedSettings) -> tuple[TrialRecord, ...]:
    differences = [line for line in fixed.differences(study.fixed) if line.startswith(_MUST_AGREE)]
    if differences:
        raise SettingsError(
            f"{_FLAG} takes runs over the same images, split and epochs. Received: {folder}:\n  "
            + "\n  ".join(differences)
            + f"\nGive the --epochs, --data, --train-size and --split-seed of that run, or leave it out of {_FLAG}."
        )
    return study.records()
