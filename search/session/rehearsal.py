"""`--dry-run`: all that a real run would refuse is found, without starting Ray or a training; then what would be done.

Nothing is written but a probe where checkpoints go to an object store.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from cluster.connect import LOCAL, choose_address
from cluster.resources import ClusterSize, TrialResources, concurrent_trials, trial_resources, usable_cores
from fashion_model.data.published import PUBLISHED_IMAGES, find_source, local_source
from fashion_model.data.splits import load_training
from fashion_model.task import FASHION_MNIST, Task
from search.command.settings import Settings, SettingsError, counted
from search.command.settings_files import as_toml
from search.run_folder.earlier import Earlier, read_earlier
from search.run_folder.folder import RunFolder, require_free, require_space
from search.session.calibration import calibrated
from search.session.forecast import Forecast, Job, StageForecast, forecast
from search.stages.budget import own_cores, require_enough_time
from search.stages.data import named_source
from search.stages.finalists import most_trainings
from search.study.open_study import FixedSettings
from search.study.portfolio import known_points
from search.study.space import Space, usual_size
from search.study.storage.database import Database, sqlite_url
from search.study.storage.lock import StudyLock
from search.study.storage.overview import opened, read_study
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import StorageError

_DEVICES: Final = Path("/dev")


def rehearse(settings: Settings, *, resume: bool, calibrate: bool = False) -> str:
    """What a run with these settings would do. With `calibrate`, the forecast rests on a few seconds of training.

    Raises:
        SettingsError, DataError, StorageError, StudyBusy, ConnectError, ResourceError: as the run would.
    """
    path = settings.run_dir().resolve()
    _require_folder(path, settings, resume=resume)
    images, task, data, split = _data(settings)
    require_enough_time(settings, images, own_cores(settings), task)
    _require_storage(settings)
    lines = [as_toml(settings), f"# {'goes on with' if resume else 'would make'} {path}", f"# data: {data}"]
    notes: list[str] = []
    address = LOCAL if settings.local else choose_address(settings.address, notes.append)
    place = _place(settings) if address == LOCAL else None
    if place and settings.size is None:
        settings = replace(settings, size=usual_size(place[1].gpus))
    space = Space.of(settings, task)
    if split and (resume or settings.storage):
        with nullcontext() if resume else suppress(StorageError):  # a new study need not be there
            _require_same_settings(settings, FixedSettings.of(settings, split, task), path)
    tuple(known_points(settings, space))  # what the user adds may be no network for these images
    lines += [f"# space: {name}: {words}" for name, words in space.in_words().items()]
    if settings.warm_start and not resume:
        lines.append(f"# {_warm_start(settings, task, split)}")
    lines += [f"# {note.strip()}" for note in notes]
    if place is None:
        lines.append(f"# place: the cluster at {address}; what fits and how long it takes are known once it is joined")
    else:
        size, each, concurrent = place
        gpus = f" and {counted(each.gpus, 'GPU')}" if each.gpus else ""
        lines.append(f"# place: this machine, {counted(each.cpus, 'CPU')}{gpus} a trial, {concurrent} at a time")
        job = Job(settings, images, task, size, each, concurrent)
        found = calibrated(job) if calibrate else forecast(job)
        lines += [f"# {line}" for line in (_shown(found) if found else [_NO_BASIS])]
    return "\n".join([*lines, *_trainings(settings)])


_NO_BASIS: Final = (
    "time: not known, as no run of about this size has ended on a machine like this one; --calibrate measures it in "
    "half a minute"
)


def _trainings(settings: Settings) -> Iterator[str]:
    yield f"# up to {settings.trials} trials of at most {settings.epochs} epochs, in {settings.run_dir()}"
    models, which = (2, "reference and best")
    if settings.has_cost():
        models, which = (3, "reference, best and the front's knee")
    yield (
        f"# then up to {most_trainings(settings.finalists)} trainings of finalists and "
        f"{models * settings.retrain_seeds} of {which}, {settings.epochs} epochs each"
    )


def _shown(found: Forecast) -> Iterator[str]:
    """A line a stage, with money where the price of the machines is known."""
    names = (field.name for field in fields(StageForecast) if field.name not in ("name", "usd"))
    total = {name: sum(getattr(stage, name) for stage in found.stages) for name in names}
    usd = [stage.usd for stage in found.stages if stage.usd is not None]
    for stage in (*found.stages, StageForecast("together", **total, usd=sum(usd) if usd else None)):
        wall = timedelta(seconds=round(stage.wall_seconds))
        money = "" if stage.usd is None else f", {stage.usd:.2f} USD"
        yield f"time: {stage.name:9} {wall}, {stage.core_hours:.2f} core-hours, {stage.gpu_hours:.2f} GPU-hours{money}"
    yield f"time: by {found.basis}"


def _warm_start(settings: Settings, task: Task, split: str) -> str:
    if not split:
        return "warm start: the earlier runs are looked into once the images are here"
    return Earlier.within(Space.of(settings, task), read_earlier(settings, split, task)).in_words()


def _data(settings: Settings) -> tuple[int, Task, str, str]:
    """How many images there are to train and validate on, what they show, a line about them, and the hash of their
    split, which is empty as long as they are not here."""
    source = named_source(settings)
    if source is None and local_source(None) is None:
        return settings.train_size or PUBLISHED_IMAGES, FASHION_MNIST, "Fashion-MNIST, which would be downloaded", ""
    source = source or find_source()
    splits = load_training(source, seed=settings.split_seed, size=settings.train_size)
    train, validation = len(splits.train), len(splits.validation)
    line = f"{train:,} images to train on, {validation:,} to validate on, from {source.kind}, split {splits.sha256[:8]}"
    return train + validation, source.task, line, splits.sha256


def _require_folder(path: Path, settings: Settings, *, resume: bool) -> None:
    if not resume:
        require_free(path, overwrite=settings.overwrite)
    nearest = _nearest(path)
    if not _is_writable(path):
        raise SettingsError(f"--output must name a folder that can be written. Received: {path}: {nearest} cannot be.")
    require_space(nearest)


def _require_same_settings(settings: Settings, fixed: FixedSettings, path: Path) -> None:
    with opened(Database(settings.storage or sqlite_url(RunFolder(path).study_file()))) as storage:
        fixed.require_of(settings.name, read_study(storage, settings.name).fixed)


def _require_storage(settings: Settings) -> None:
    if settings.storage:
        database = Database(settings.storage)
        file = database.file()
        if file is None or file.exists():
            with StudyLock(database, settings.name).held():
                pass
        elif not file.parent.is_dir() or not _is_writable(file.parent):
            raise StorageError(f"A study must be in a folder that can be written. Received: {file.parent}.")
    path = settings.storage_path
    if path and "://" in path:
        CheckpointStore(path, f"{settings.name}/checkpoints").require_writable()
    elif path and not _is_writable(Path(path).resolve()):
        raise StorageError(f"Checkpoints must be writable. Received: {path}. Check --storage-path.")


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which may have to be made first."""
    nearest = _nearest(folder)
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def _nearest(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _place(settings: Settings) -> tuple[ClusterSize, TrialResources, int]:
    """This machine, what a trial takes of it, and how many run at a time."""
    cores = float(usable_cores())
    if settings.local:
        return ClusterSize(cores, 0.0, 1), TrialResources(cores, 0.0), 1
    size = ClusterSize(cores, float(gpus_here()), 1)
    each = trial_resources(size, settings.cpus_per_trial, settings.gpus_per_trial)
    return size, each, min(concurrent_trials(size, each), settings.max_concurrent or settings.trials, settings.trials)


def gpus_here() -> int:
    """The NVIDIA GPUs of this machine that its processes may use."""
    there = [file for file in _DEVICES.glob("nvidia*") if re.fullmatch(r"nvidia\d+", file.name)]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    allowed = len(there) if visible is None else len([name for name in visible.split(",") if name not in ("", "-1")])
    return min(len(there), allowed)
