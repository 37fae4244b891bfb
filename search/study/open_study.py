"""Creating a study, or opening one that exists: its database, its fixed settings, what the last driver left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import optuna

from fashion_model.config import REFERENCE
from fashion_model.task import FASHION_MNIST, Task
from search.command.settings import ObjectiveName, PrunerName, SamplerName, Settings, SettingsError
from search.study.attempts import FIXED
from search.study.in_memory import InMemoryStudy
from search.study.portfolio import known_points
from search.study.samplers import Strategy, directions
from search.study.space import Space
from search.study.storage.database import Database, how_to_restore
from search.study.storage.durable import Durable
from search.study.storage.lock import StudyLock
from search.study.study import KnownPoint, Observer, SearchStudy
from search.study.warm_start import EarlierTrial, bring
from search.worker.faults import StorageError
from search.worker.seeds import Stream, derive

_OBJECTIVES: Final[Mapping[ObjectiveName, str]] = {
    "accuracy": "maximize the validation accuracy after the last epoch",
    "accuracy,cost": "maximize the validation accuracy after the last epoch, minimize the multiply-adds of an image",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSettings:
    """What all trials of a study share, stored with it, so that no search goes on with other settings.

    The objective, the epochs of a full trial, the seed that everything derives from, the data and its split (SHA-256),
    the documented configuration, and the ranges of the space by parameter.
    """

    epochs: int
    seed: int
    split_sha256: str
    files_sha256: str
    reference: Mapping[str, Any]
    space: Mapping[str, str]
    objective: str = _OBJECTIVES["accuracy"]

    @classmethod
    def of(cls, settings: Settings, split_sha256: str, task: Task = FASHION_MNIST) -> FixedSettings:
        """Those of a search with these settings on that split of the images of a task."""
        files = hashlib.sha256(json.dumps(dict(task.files), sort_keys=True).encode()).hexdigest()
        return cls(
            epochs=settings.epochs,
            seed=settings.seed,
            split_sha256=split_sha256,
            files_sha256=files,
            reference=REFERENCE.to_dict(),
            space=Space.of(settings, task).in_words(),
            objective=_OBJECTIVES[settings.objective],
        )

    def differences(self, stored: Mapping[str, Any]) -> tuple[str, ...]:
        """A line for each setting that the stored ones have otherwise."""
        # a field of TrainConfig that the study is older than had its default, as the documented configuration has it
        reference = REFERENCE.to_dict() | dict(stored.get("reference", {}))
        ours, theirs = _flat(asdict(self)), _flat({**stored, "reference": reference} if stored else {})
        return tuple(
            f"{name}: {_shown(theirs, name)} in the study, {_shown(ours, name)} now"
            for name in sorted(ours.keys() | theirs.keys())
            if ours.get(name) != theirs.get(name)
        )

    def require_of(self, study: str, stored: Mapping[str, Any]) -> None:
        """Check that a study has these settings.

        Raises:
            SettingsError: with each one that it has otherwise.
        """
        if differences := self.differences(stored):
            raise SettingsError(
                f"All trials of a study must have the same settings. Received for study {study}:\n  "
                + "\n  ".join(differences)
                + "\nGo on with the study's own settings, or start another with --name."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """What study to open: its name and database, the settings of its trials, the space, points to try first, trials
    to learn from, whether a trial is judged by its cost, too, how points are drawn, which trials are stopped early, and
    after how many failures in a row the search ends. `lock` is held by who opens it, and `folder` is where results wait
    that the database does not take."""

    name: str
    database: Database
    folder: Path
    lock: StudyLock
    fixed: FixedSettings
    space: Space = field(default_factory=Space)
    known: tuple[KnownPoint, ...] = ()
    earlier: tuple[EarlierTrial, ...] = ()
    has_cost: bool = False
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "halving"
    most_failures: int = 10

    @classmethod
    def of(cls, settings: Settings, lock: StudyLock, folder: Path, split_sha256: str, task: Task) -> StudySpec:
        """The study of a run in `folder`, in the database of its lock."""
        space = Space.of(settings, task)
        return cls(
            name=settings.name,
            database=lock.database,
            folder=folder,
            lock=lock,
            fixed=FixedSettings.of(settings, split_sha256, task),
            space=space,
            known=tuple(known_points(settings, space)),
            has_cost=settings.has_cost(),
            sampler=settings.sampler,
            pruner=settings.pruner,
            most_failures=settings.max_failures,
        )


def open_study(spec: StudySpec, observer: Observer, *, exists: bool = False) -> SearchStudy:
    """Create the study, or open it if the database holds one of that name; `exists` says that it must.

    What a dead driver could not write is written, and trials that it left running end as failed, to be retried.

    Raises:
        StorageError: when the database cannot be opened or written, or holds no such study though it must.
        SettingsError: when the study has other fixed settings.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file = spec.database.file()
    if exists and file is not None and not file.exists():
        raise StorageError(f"A search goes on from its study. Received: no file {file}. {how_to_restore(file)}")
    storage = spec.database.connect()
    durable = Durable(spec.database, storage, spec.folder, spec.lock)
    study = _load_or_create(spec, durable, storage, exists=exists)
    durable.use(spec.name)
    trials = durable.trials()
    _require_same_settings(study, spec, durable, is_new=not trials and not exists)
    if trials:
        durable.back_up()
        durable.mend()
        trials = durable.trials()
    # another stream each time: the same seed would draw the first points again
    seed = derive(spec.fixed.seed, Stream.SAMPLER, len(trials))
    strategy = Strategy.of(spec.sampler, spec.pruner, spec.fixed.epochs, seed, has_cost=spec.has_cost)
    memory = InMemoryStudy(spec.name, strategy, trials, spec.space)
    bring(spec.earlier, memory, durable)
    return SearchStudy(memory, durable, observer, spec.most_failures, spec.known)


def _load_or_create(
    spec: StudySpec, durable: Durable, storage: optuna.storages.RDBStorage, *, exists: bool
) -> optuna.Study:
    if exists and spec.name not in durable.write(lambda: optuna.get_all_study_names(storage)):
        raise StorageError(
            f"A search goes on from its study. Received: {spec.database.shown()}, which holds no study {spec.name}. "
            "Check --storage; else start anew under another --name."
        )
    towards = directions(has_cost=spec.has_cost)
    return durable.write(
        lambda: optuna.create_study(storage=storage, study_name=spec.name, directions=towards, load_if_exists=True)
    )


def _require_same_settings(study: optuna.Study, spec: StudySpec, durable: Durable, *, is_new: bool) -> None:
    stored = study.user_attrs.get(FIXED)
    if stored is None and is_new:
        durable.write(lambda: study.set_user_attr(FIXED, asdict(spec.fixed)))
        return
    spec.fixed.require_of(spec.name, stored or {})


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= {f"{name}.{key}": item for key, item in value.items()} if isinstance(value, Mapping) else {name: value}
    return flat


def _shown(settings: Mapping[str, Any], name: str) -> str:
    value = str(settings.get(name, "not there"))
    return value[:8] if name.endswith("sha256") else value
