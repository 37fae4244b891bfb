"""What the study says of a run, whoever drives it, and whether anybody does. Read only: nothing is changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial, TrialState

from reports.records import Counts, TrialRecord, build
from search.command.terminal.progress import Left
from search.study.attempts import FIXED, is_result, is_warm_started, record_of, to_retry
from search.study.storage.database import Database
from search.study.storage.heartbeat import FINISHED, PROGRESS, Beat
from search.worker.faults import StorageError, first_line

State = Literal["running", "stopped", "finished", "dead", "unknown"]
_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCounts:
    """Trials by their state, and how many were asked for (None: not known). `running` ones of a dead driver, and
    `waiting` ones, go on when the run is resumed."""

    planned: int | None
    complete: int
    pruned: int
    failed: int
    running: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A complete trial, and its validation accuracy (fraction)."""

    trial: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A host, how many processes trained there, how many trials they ended, and for how many seconds they trained."""

    host: str
    workers: int
    trials: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A training under way: the epochs behind it, of how many (None: not known), and after each the validation
    accuracy, where it has any."""

    label: str
    epochs: int
    of: int | None
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """A run as its study shows it; docs/runs.md describes each field. Moments are ISO-8601 UTC."""

    study: str
    state: State
    stage: str
    done: int
    total: int
    epochs: int | None
    ending: str
    heartbeat: str
    silent_seconds: float | None
    driver: str
    resume: str
    trials: TrialCounts
    best: Score | None
    reference: Score | None
    trials_per_hour: float | None
    left: Left | None
    machines: tuple[Machine, ...]
    under_way: tuple[Training, ...]
    schema: int = _SCHEMA


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """The trials of a study, the last beat of its driver (None for a study that is older than these), and its fixed
    settings as they are stored (search/study/open_study.py)."""

    name: str
    trials: tuple[FrozenTrial, ...]
    beat: Beat | None
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def records(self) -> tuple[TrialRecord, ...]:
        """Every result, by number."""
        return tuple(record_of(trial) for trial in self.trials if is_result(trial))

    def warm_started(self) -> tuple[TrialRecord, ...]:
        """The trials of earlier runs that it learns from, by number."""
        return tuple(record_of(trial) for trial in self.trials if is_warm_started(trial))

    def waiting(self) -> int:
        """How many trials go on when the run is resumed."""
        return len(to_retry(self.trials)) + sum(trial.state is TrialState.RUNNING for trial in self.trials)

    def state(self) -> State:
        """Whether somebody drives it, and how that ended."""
        if self.beat is None:
            return "unknown"
        if self.beat.ending:
            return "finished" if self.beat.ending == FINISHED else "stopped"
        return "dead" if self.beat.is_dead() else "running"


@contextmanager
def opened(database: Database) -> Iterator[optuna.storages.RDBStorage]:
    """The storage of a database that is there, for the body.

    Raises:
        StorageError: when it is not, or cannot be read.
    """
    file = database.file()
    if file is not None and not file.exists():
        raise StorageError(f"A run's study must be there. Received: no file {file}. Name another run, or --storage.")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        storage = optuna.storages.RDBStorage(
            database.url, engine_kwargs=database.engine_arguments(), skip_table_creation=True
        )
        try:
            yield storage
        finally:
            database.close(storage)
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, RuntimeError, ImportError) as error:
        reason = first_line(error.__cause__ or error)
        raise StorageError(
            f"A run's study must be readable. Received: {database.shown()}: {reason}. Check --storage."
        ) from error


def read_study(storage: optuna.storages.RDBStorage, name: str) -> StoredStudy:
    """A study of the storage.

    Raises:
        StorageError: when it holds none of that name.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError as error:
        names = ", ".join(optuna.get_all_study_names(storage)[:10]) or "none"
        raise StorageError(f"A run's study must be there. Received: {name}, where there are: {names}.") from error
    stored, fixed = study.user_attrs.get(PROGRESS), study.user_attrs.get(FIXED, {})
    return StoredStudy(name, tuple(study.get_trials(deepcopy=False)), build(Beat, stored) if stored else None, fixed)


def overview(study: StoredStudy) -> Overview:
    """All that is to be seen of a study."""
    beat, records, counts = study.beat, study.records(), Counts()
    for record in records:
        counts = counts.with_result(record)
    standing = beat.standing if beat else None
    reference = next((each for each in records if each.is_reference and each.value is not None), None)
    return Overview(
        study=study.name,
        state=study.state(),
        stage=standing.stage if standing else "",
        done=standing.done if standing else counts.ended(),
        total=standing.total if standing else 0,
        epochs=beat.epochs if beat else None,
        ending=beat.ending if beat else "",
        heartbeat=beat.moment if beat else "",
        silent_seconds=beat.age() if beat else None,
        driver=f"{beat.driver.host}:{beat.driver.pid}" if beat else "",
        resume=beat.resume if beat else f"python -m search.run --resume {study.name}",
        trials=_counts(study, counts),
        best=_score(counts.best_trial, counts.best_value),
        reference=_score(reference.number, reference.value) if reference else None,
        trials_per_hour=_rate(beat, records) if beat else None,
        left=_left(beat) if beat and study.state() == "running" else None,
        machines=_machines(records),
        under_way=_under_way(study),
    )


def _score(trial: int | None, value: float | None) -> Score | None:
    return Score(trial=trial, value=value) if trial is not None and value is not None else None


def _counts(study: StoredStudy, counts: Counts) -> TrialCounts:
    running = sum(trial.state is TrialState.RUNNING for trial in study.trials)
    return TrialCounts(
        planned=study.beat.trials if study.beat else None,
        complete=counts.complete,
        pruned=counts.pruned,
        failed=counts.failed,
        running=running,
        waiting=study.waiting() - running,
    )


def _rate(beat: Beat, records: Sequence[TrialRecord]) -> float | None:
    """Trials that ended in this session, an hour of its search."""
    ended = [each.ended for each in records if each.ended >= beat.driver.started]
    if not ended:
        return None
    until = beat.moment if beat.standing.stage == "search" else max(ended)
    seconds = (datetime.fromisoformat(until) - datetime.fromisoformat(beat.driver.started)).total_seconds()
    return 3600 * len(ended) / seconds if seconds > 0 else None


def _left(beat: Beat) -> Left | None:
    left = beat.standing.left
    return left and Left(*(max(0.0, each - beat.age()) for each in (left.seconds, left.least, left.most)))


def _machines(records: Sequence[TrialRecord]) -> tuple[Machine, ...]:
    trials: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    workers: dict[str, set[str]] = defaultdict(set)
    for record in records:
        host = record.work.worker.rpartition(":")[0]
        if host:
            trials[host] += 1
            seconds[host] += record.work.seconds
            workers[host].add(record.work.worker)
    return tuple(
        Machine(host=host, workers=len(workers[host]), trials=trials[host], seconds=seconds[host])
        for host in sorted(trials)
    )


def _under_way(study: StoredStudy) -> tuple[Training, ...]:
    full = study.beat.epochs if study.beat else None
    running = [trial for trial in study.trials if trial.state is TrialState.RUNNING]
    if running or study.beat is None:
        return tuple(_training(trial, full) for trial in running)
    outside = study.beat.standing.under_way
    return tuple(Training(label=each.label, epochs=each.epochs, of=each.of or full) for each in outside)


def _training(trial: FrozenTrial, full: int | None) -> Training:
    values = tuple(value for _, value in sorted(trial.intermediate_values.items()))
    return Training(label=f"trial {trial.number}", epochs=trial.last_step or 0, of=full, values=values)
