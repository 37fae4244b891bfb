"""The stage data: where the images come from, and how those to train on are split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fashion_model.data.own_file import OwnFile
from fashion_model.data.published import PUBLISHED_IMAGES, find_source, local_source
from fashion_model.data.splits import Pixels, Source, TrainingSplits, load_training
from reports.records import DataRecord
from search.command.settings import Settings
from search.places.place import Site
from search.stages.budget import own_cores, require_enough_time
from search.stages.run import Run


@dataclass(frozen=True, slots=True)
class Data:
    """Where the images come from, and how those to train on are split."""

    source: Source
    splits: TrainingSplits

    def record(self, test_labels: Pixels, test_images: Pixels) -> DataRecord:
        """What the outcome says of the images, once the test set has been opened."""
        train, validation = _hashes(self.splits.train.images), _hashes(self.splits.validation.images)
        known = set(train)
        repeated = sum(image in known for image in validation)
        known.update(validation)
        return DataRecord(
            source=self.source.kind,
            file_sha256=self.source.task.files,
            split_sha256=self.splits.sha256,
            test_sha256=hashlib.sha256(test_labels.tobytes()).hexdigest(),
            train_count=len(self.splits.train),
            validation_count=len(self.splits.validation),
            test_count=len(test_images),
            task=self.source.task,
            repeated_validation=repeated,
            repeated_test=sum(image in known for image in _hashes(test_images)),
        )


def _hashes(images: Pixels) -> list[bytes]:
    return [hashlib.sha256(image.tobytes()).digest() for image in images]


def read_data(run: Run, site: Callable[[], Site]) -> Data:
    """Read and split the images, while Ray starts if it is sure to be needed.

    Raises:
        DataError: when there are no images, or they are not the published ones.
    """
    named = named_source(run.settings)  # refused before Ray starts
    if not run.settings.data:
        require_enough_time(run.settings, run.settings.train_size or PUBLISHED_IMAGES, own_cores(run.settings))
    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(_read, run.settings, named)
        if _is_sure_to_train(run):
            site()
        data = reading.result()
    run.task = run.cost.task = data.source.task
    splits = data.splits
    if run.settings.data:
        require_enough_time(run.settings, len(splits.train) + len(splits.validation), own_cores(run.settings), run.task)
    counts = f"{len(splits.train):,} images to train on, {len(splits.validation):,} to validate on"
    run.progress.stage("data", f"{counts}, from {data.source.kind}, split {splits.sha256[:8]}")
    return data


def named_source(settings: Settings) -> Source | None:
    """The images that the settings name, checked; None where they are to be found in the usual places.

    Raises:
        DataError: when they are not there, or not as they must be.
    """
    if settings.data:
        return OwnFile.open(Path(settings.data))
    return find_source(Path(settings.data_dir)) if settings.data_dir else None


def _read(settings: Settings, named: Source | None) -> Data:
    """The images, and with them the modules that read and write a study: see search/places/ray/startup.py."""
    source = named or find_source()
    splits = load_training(source, seed=settings.split_seed, size=settings.train_size)
    import search.study.open_study  # noqa: F401

    return Data(source, splits)


def _is_sure_to_train(run: Run) -> bool:
    """Whether hardly anything can be in the way: a resumed run may be done, images may have to come over a network,
    and what lies elsewhere than in the run's own folder is tried before Ray starts."""
    elsewhere = bool(run.settings.storage or run.settings.storage_path or run.settings.warm_start)
    is_at_hand = bool(run.settings.data or run.settings.data_dir) or local_source(None) is not None
    return not run.is_resumed and not elsewhere and is_at_hand
