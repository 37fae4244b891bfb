"""Opening a study: its database, its sampler and its pruner."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import optuna
import sqlalchemy

from search.seeds import Stream, derive
from search.settings import PrunerName, SamplerName, SettingsError
from search.study import Observer, SearchStudy

_REDUCTION: Final = 3  # of the trials at a rung, one in three goes on; rungs after epochs 1, 3, 9 …
_LOCK_TIMEOUT_SECONDS: Final = 60  # SQLite's own 5 s lose a result when a reader is slow


class StorageError(Exception):
    """The study's database cannot be opened or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySpec:
    """What study to open: its name and database, how points are drawn, and which trials are stopped early.

    `split_sha256` is the hash of the split that every value of the study rests on; it is stored with the study.
    """

    name: str
    url: str
    sampler: SamplerName
    pruner: PrunerName
    seed: int
    epochs: int
    split_sha256: str


def sqlite_url(path: Path) -> str:
    """The SQLAlchemy URL of a database file."""
    return f"sqlite:///{path.resolve()}"


def open_study(spec: StudySpec, observer: Observer) -> SearchStudy:
    """Create the study, or open it if the database holds one of that name.

    Raises:
        StorageError: when the database cannot be opened.
        SettingsError: when the study rests on another split.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(
            storage=_storage(spec.url),
            study_name=spec.name,
            sampler=SAMPLERS[spec.sampler](derive(spec.seed, Stream.SAMPLER, 0)),
            pruner=PRUNERS[spec.pruner](spec.epochs),
            direction="maximize",
            load_if_exists=True,
        )
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        url = sqlalchemy.engine.make_url(spec.url).render_as_string(hide_password=True)
        reason = str(error).splitlines()[0]
        raise StorageError(
            f"The study's database must be readable and writable. Received: {url}: {reason}. Check --storage."
        ) from error
    _require_same_split(study, spec)
    return SearchStudy(study, observer)


def _require_same_split(study: optuna.Study, spec: StudySpec) -> None:
    stored = study.user_attrs.get("split_sha256")
    if stored is None:
        study.set_user_attr("split_sha256", spec.split_sha256)
    elif stored != spec.split_sha256:
        raise SettingsError(
            f"All trials of a study must share one split. Received: study {spec.name} rests on split {stored[:8]}, "
            f"this search on {spec.split_sha256[:8]}. Use its --seed and --train-size, or another --name."
        )


def _storage(url: str) -> optuna.storages.RDBStorage:
    is_sqlite = url.startswith("sqlite")
    storage = optuna.storages.RDBStorage(
        url,
        engine_kwargs={"connect_args": {"timeout": _LOCK_TIMEOUT_SECONDS}} if is_sqlite else {"pool_pre_ping": True},
    )
    if is_sqlite:
        _write_ahead(url)
    return storage


def _write_ahead(url: str) -> None:
    """Readers then never block the writer: 80 trials took 15.1 s against 20.1 s. The mode stays with the file."""
    database = sqlalchemy.engine.make_url(url).database
    if database:
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        connection.close()


def _tpe(seed: int) -> optuna.samplers.BaseSampler:
    # constant liar: points that are still running repel new ones, so that parallel trials differ
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _qmc(seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # since 3.0, and the user chose it
        return optuna.samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


SAMPLERS: Final[Mapping[SamplerName, Callable[[int], optuna.samplers.BaseSampler]]] = {
    "tpe": _tpe,
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    # parameters that CMA-ES and QMC cannot draw (choices, conditional ones) are drawn at random, as documented
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "qmc": _qmc,
}


class _Halving(optuna.pruners.BasePruner):
    """Optuna's successive halving, without a rung in the last third of a trial.

    With 10 epochs the rungs are after 1 and 3. One after 9 would save a tenth of a trial and lose its result.
    """

    def __init__(self, epochs: int) -> None:
        self._last_rung = epochs // _REDUCTION
        self._halving = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_REDUCTION)

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        epoch = trial.last_step
        return epoch is not None and epoch <= self._last_rung and self._halving.prune(study, trial)


PRUNERS: Final[Mapping[PrunerName, Callable[[int], optuna.pruners.BasePruner]]] = {
    "halving": _Halving,
    "hyperband": lambda epochs: optuna.pruners.HyperbandPruner(
        min_resource=1, max_resource=epochs, reduction_factor=_REDUCTION
    ),
    "median": lambda epochs: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    "none": lambda epochs: optuna.pruners.NopPruner(),
}
