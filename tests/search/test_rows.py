"""The rows of a trial: a transaction for each thing that happens to it, which may be made twice, as Optuna reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import optuna
import pytest
import sqlalchemy
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.opening import StudySpec, open_study
from search.storage.database import Database
from search.storage.rows import Rows
from search.study import SearchStudy

from .conftest import WORK, Watcher, on_every_database

RunTrial = Callable[[SearchStudy, list[float]], int]
pytestmark = on_every_database


class Counted:
    """How many transactions were committed, and how many statements were sent."""

    def __init__(self) -> None:
        self.commits = self.statements = 0


@contextmanager
def counted() -> Iterator[Counted]:
    """Of every database, during the body."""
    counts = Counted()

    def commit(*_: object) -> None:
        counts.commits += 1

    def statement(*_: object) -> None:
        counts.statements += 1

    sqlalchemy.event.listen(sqlalchemy.Engine, "commit", commit)
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", statement)
    try:
        yield counts
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "commit", commit)
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", statement)


def test_whatever_happens_to_a_trial_is_one_transaction_of_at_most_four_statements(
    study: SearchStudy, run_trial: RunTrial
) -> None:
    run_trial(study, [0.5] * 9)  # the reference, whose parameters are not drawn
    steps: list[Callable[[], object]] = [
        study.ask,
        lambda: study.report(1, 1, 0.9),
        lambda: study.finish(1, WORK, pruned=False),
    ]
    for step, most in zip(steps, (4, 2, 3), strict=True):
        with counted() as counts:
            step()
        assert counts.commits == 1
        assert counts.statements <= most


@pytest.fixture
def stored(database: Database) -> Iterator[tuple[optuna.Study, Rows]]:
    """A study of Optuna's own, and the rows of it."""
    storage = database.storage()
    study = optuna.create_study(storage=storage, study_name="s", direction="maximize")
    yield study, Rows(storage, study._study_id, [])
    storage.remove_session()
    storage.engine.dispose()


def begun(number: int = 0) -> FrozenTrial:
    """A trial under way."""
    trial = create_trial(
        state=TrialState.RUNNING,
        params={"x": 0.25},
        distributions={"x": FloatDistribution(0.0, 1.0)},
        user_attrs={"config": {"a": [1, 2]}},
        system_attrs={"cma:generation": 3},
    )
    trial.number = number
    return trial


def ended(trial: FrozenTrial, state: TrialState, value: float | None) -> FrozenTrial:
    """The same trial at its end."""
    trial.state, trial.values, trial.datetime_complete = state, None if value is None else [value], trial.datetime_start
    return trial


@pytest.mark.parametrize(
    ("state", "value"), [(TrialState.COMPLETE, 0.5), (TrialState.PRUNED, 0.25), (TrialState.FAIL, None)]
)
def test_what_is_written_once_or_twice_is_what_optuna_reads(
    state: TrialState, value: float | None, stored: tuple[optuna.Study, Rows]
) -> None:
    study, rows = stored
    trial = begun()
    for _ in range(2):  # as after an error whose transaction had been committed
        rows.begin(trial)
    (read,) = study.get_trials()
    assert (read.number, read.state, read.params) == (0, TrialState.RUNNING, {"x": 0.25})
    assert read.distributions == trial.distributions
    assert (read.user_attrs, read.system_attrs) == ({"config": {"a": [1, 2]}}, {"cma:generation": 3})
    assert read.datetime_start == trial.datetime_start
    for _ in range(2):
        rows.report(0, 1, 0.25, {"completed_rung_0": 0.25})
    rows.report(0, 2, float("inf"), {})
    row = dict(rows._ids)
    for _ in range(2):
        rows.end(ended(trial, state, value), {"end": {"reason": "why"}})
        rows._ids.update(row)
    (read,) = study.get_trials()
    assert (read.state, read.value, read.intermediate_values) == (state, value, {1: 0.25, 2: float("inf")})
    assert read.system_attrs == {"cma:generation": 3, "completed_rung_0": 0.25}
    assert (read.user_attrs["end"], read.datetime_complete) == ({"reason": "why"}, trial.datetime_complete)


def test_a_trial_that_ended_keeps_its_end(stored: tuple[optuna.Study, Rows]) -> None:
    study, rows = stored
    rows.begin(begun())
    row = dict(rows._ids)
    rows.end(ended(begun(), TrialState.COMPLETE, 0.5), {"end": "first"})
    rows._ids.update(row)
    rows.end(ended(begun(), TrialState.FAIL, None), {"end": "second"})
    (read,) = study.get_trials()
    assert (read.state, read.value, read.user_attrs["end"]) == (TrialState.COMPLETE, 0.5, "first")


def test_an_ask_whose_answer_was_lost_makes_one_trial(spec: StudySpec, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(spec, Watcher())
    begin = Rows.begin
    lost: list[int] = []

    def begin_and_lose_the_answer(rows: Rows, trial: FrozenTrial) -> None:
        begin(rows, trial)
        if not lost:
            lost.append(trial.number)
            raise sqlalchemy.exc.OperationalError("COMMIT", None, Exception("the connection was closed"))

    monkeypatch.setattr(Rows, "begin", begin_and_lose_the_answer)
    assert [study.ask().number for _ in range(3)] == [0, 1, 2]
    assert lost == [0]
    trials = optuna.load_study(study_name=spec.name, storage=spec.database.url).trials
    assert [trial.number for trial in trials] == [0, 1, 2]
