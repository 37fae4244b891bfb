"""Opening a study: its database, its terms, what was left of the last driver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import optuna

from search.faults import StorageError
from search.sampling.drawing import Drawing, Strategy
from search.sampling.strategy import LATEST, PRUNERS, SAMPLERS
from search.seeds import Stream, derive
from search.settings import PrunerName, SamplerName, Settings, SettingsError
from search.storage.database import Database, how_to_restore, sqlite_url
from search.storage.durable import Durable
from search.storage.lock import StudyLock
from search.storage.rows import Rows
from search.study import Observer, SearchStudy
from search.terms import Terms

_TERMS = "terms"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """What study to open: its name and database, the terms of its trials, how points are drawn, which trials are
    stopped early, and after how many failures in a row the search ends. `lock` is held by who opens it, and `folder` is
    where results wait that the database does not take."""

    name: str
    database: Database
    folder: Path
    lock: StudyLock
    terms: Terms
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "halving"
    most_failures: int = 10

    @classmethod
    def of(cls, settings: Settings, file: Path, split_sha256: str) -> StudySpec:
        """The study of a run, in `file` unless the settings name another database."""
        database = Database(settings.storage or sqlite_url(file))
        return cls(
            name=settings.name,
            database=database,
            folder=file.parent,
            lock=StudyLock(database, settings.name),
            terms=Terms.of(settings, split_sha256),
            sampler=settings.sampler,
            pruner=settings.pruner,
            most_failures=settings.max_failures,
        )


def open_study(spec: StudySpec, observer: Observer, *, exists: bool = False) -> SearchStudy:
    """Create the study, or open it if the database holds one of that name; `exists` says that it must.

    Results that were spooled are told to it, and trials that a dead driver left open end as failed, to be started
    again.

    Raises:
        StorageError: when the database cannot be opened or written, or holds no such study though it must.
        SettingsError: when the study has other terms.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file = spec.database.file()
    if exists and file is not None and not file.exists():
        raise StorageError(f"A search goes on from its study. Received: no file {file}. {how_to_restore(file)}")
    storage = spec.database.storage()
    durable = Durable(spec.database, storage, spec.folder, spec.lock)
    if exists and spec.name not in durable.write(lambda: optuna.get_all_study_names(storage)):
        raise StorageError(
            f"A search goes on from its study. Received: {spec.database.shown()}, which holds no study {spec.name}. "
            "Check --storage; else start anew under another --name."
        )
    study = durable.write(
        lambda: optuna.create_study(
            storage=storage,
            study_name=spec.name,
            direction="maximize",
            load_if_exists=True,
        )
    )
    count = len(study.get_trials(deepcopy=False))
    _require_same_terms(study, spec, durable, is_new=not count and not exists)
    if count:
        durable.back_up()
        durable.replay(study)
    trials = study.get_trials(deepcopy=False)
    drawing = Drawing(spec.name, _strategy(spec, count), trials)
    return SearchStudy(drawing, Rows(storage, study._study_id, trials), durable, observer, spec.most_failures)


def _strategy(spec: StudySpec, count: int) -> Strategy:
    # another stream each time: the same seed would draw the first points again
    sampler = SAMPLERS[spec.sampler](derive(spec.terms.seed, Stream.SAMPLER, count))
    return Strategy(sampler, PRUNERS[spec.pruner](spec.terms.epochs), LATEST.get(spec.sampler))


def _require_same_terms(study: optuna.Study, spec: StudySpec, durable: Durable, *, is_new: bool) -> None:
    stored = study.user_attrs.get(_TERMS)
    if stored is None and is_new:
        durable.write(lambda: study.set_user_attr(_TERMS, spec.terms.stored()))
        return
    differences = spec.terms.differences(stored or {})
    if differences:
        raise SettingsError(
            f"All trials of a study must share its terms. Received for study {spec.name}:\n  "
            + "\n  ".join(differences)
            + "\nGo on with the study's own settings, or start another with --name."
        )
