"""The writes of a trial: few transactions for each thing that happens to it, which may be made twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import optuna
import pytest
import sqlalchemy
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from reports.records import now
from search.study.attempts import End
from search.study.open_study import StudySpec, open_study
from search.study.storage.durable import Durable
from search.study.study import SearchStudy
from search.worker.faults import StudyBusy
from tests.search.conftest import WORK, RunTrial, Watcher, in_optuna, on_every_database

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


def test_whatever_happens_to_a_trial_is_one_transaction_and_its_end_is_two(
    study: SearchStudy, run_trial: RunTrial
) -> None:
    run_trial(study, [0.5] * 9)  # the reference, whose parameters are not drawn
    steps: list[Callable[[], object]] = [
        study.ask,
        lambda: study.report(1, 1, 0.9),
        lambda: study.report(1, 2, 0.9),
        lambda: study.finish(1, WORK, pruned=False),
    ]
    # what the pruner keeps at a rung (after epoch 1) is a transaction of its own
    for step, transactions, statements in zip(steps, (1, 2, 1, 2), (30, 6, 3, 8), strict=True):
        with counted() as counts:
            step()
        assert counts.commits == transactions
        assert counts.statements <= statements


@pytest.fixture
def stored(spec: StudySpec) -> Iterator[tuple[optuna.Study, Durable]]:
    """A study of Optuna's own, and what writes to it."""
    storage = spec.database.connect()
    study = optuna.create_study(storage=storage, study_name="s", direction="maximize")
    durable = Durable(spec.database, storage, spec.folder, spec.lock)
    durable.use("s")
    yield study, durable
    durable.close()


def begun(number: int = 0) -> FrozenTrial:
    """A running trial."""
    trial = create_trial(
        state=TrialState.RUNNING,
        params={"x": 0.25},
        distributions={"x": FloatDistribution(0.0, 1.0)},
        user_attrs={"config": {"a": [1, 2]}},
        system_attrs={"cma:generation": 3},
    )
    trial.number = number
    return trial


def end(state: TrialState, reason: str = "why") -> End:
    return End(state=state, reason=reason, work=WORK, ended=now())


@pytest.mark.parametrize(
    ("state", "value"), [(TrialState.COMPLETE, 0.5), (TrialState.PRUNED, 0.5), (TrialState.FAIL, None)]
)
def test_what_is_written_once_or_twice_is_what_optuna_reads(
    state: TrialState, value: float | None, stored: tuple[optuna.Study, Durable]
) -> None:
    study, durable = stored
    trial = begun()
    assert durable.begin(trial) == 0
    (read,) = study.get_trials()
    assert (read.number, read.state, read.params) == (0, TrialState.RUNNING, {"x": 0.25})
    assert read.distributions == trial.distributions
    assert (read.user_attrs, read.system_attrs) == ({"config": {"a": [1, 2]}}, {"cma:generation": 3})
    assert read.datetime_start == trial.datetime_start
    for _ in range(2):
        durable.report(0, 1, 0.25, {"completed_rung_0": 0.25})
    durable.report(0, 2, 0.5, {})
    for _ in range(2):
        durable.end(0, end(state), {1: 0.25, 2: 0.5})
    (read,) = study.get_trials()
    assert (read.state, read.value, read.intermediate_values) == (state, value, {1: 0.25, 2: 0.5})
    assert read.system_attrs == {"cma:generation": 3, "completed_rung_0": 0.25}
    assert (read.user_attrs["end"]["reason"], read.user_attrs.get("reason")) == (
        "why",
        "why" if state is TrialState.FAIL else None,
    )
    assert read.datetime_complete is not None


def test_a_trial_that_ended_keeps_its_end(stored: tuple[optuna.Study, Durable]) -> None:
    study, durable = stored
    durable.begin(begun())
    durable.end(0, end(TrialState.COMPLETE, "first"), {1: 0.5})
    durable.end(0, end(TrialState.FAIL, "second"), {})
    (read,) = study.get_trials()
    assert (read.state, read.value, read.user_attrs["end"]["reason"]) == (TrialState.COMPLETE, 0.5, "first")


def lose_the_first_answer(monkeypatch: pytest.MonkeyPatch, *, tries_again: bool) -> list[int]:
    """A row is added, and its answer lost once: Optuna itself tries again, or raises. Returns the rows so lost."""
    lost: list[int] = []
    create = optuna.storages.RDBStorage.create_new_trial

    def add(storage: optuna.storages.RDBStorage, study_id: int, trial: FrozenTrial) -> int:
        row = create(storage, study_id, trial)
        if lost:
            return row
        lost.append(row)
        if tries_again:
            return create(storage, study_id, trial)
        raise sqlalchemy.exc.OperationalError("COMMIT", None, Exception("the connection was closed"))

    monkeypatch.setattr(optuna.storages.RDBStorage, "create_new_trial", add)
    return lost


def test_an_ask_whose_answer_was_lost_makes_one_row(spec: StudySpec, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(spec, Watcher())
    lost = lose_the_first_answer(monkeypatch, tries_again=False)
    assert [study.ask().number for _ in range(3)] == [0, 1, 2]
    assert len(lost) == 1
    assert [trial.number for trial in in_optuna(spec).trials] == [0, 1, 2]


def test_of_a_row_that_optuna_adds_twice_only_one_is_a_trial(
    spec: StudySpec, run_trial: RunTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(spec, Watcher())
    lose_the_first_answer(monkeypatch, tries_again=True)
    for value in (0.5, 0.6):
        run_trial(study, [value] * 9)
    under_way = study.ask().number
    assert [record.number for record in study.records()] == [0, 2]
    assert [trial.state.name for trial in in_optuna(spec).trials] == ["COMPLETE", "FAIL", "COMPLETE", "RUNNING"]
    again = open_study(spec, Watcher())
    assert (again.records(), again.orphans, again.waiting()) == (study.records(), 1, 1)
    assert again.ask().lineage == under_way


def test_a_row_that_is_there_twice_when_the_driver_dies_is_retried_once(
    spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(spec, Watcher())
    lose_the_first_answer(monkeypatch, tries_again=True)
    monkeypatch.setattr(Durable, "_rows_after", lambda *_: [])
    study.ask()
    assert [trial.state.name for trial in in_optuna(spec).trials] == ["RUNNING", "RUNNING"]
    again = open_study(spec, Watcher())
    assert (again.orphans, again.waiting(), again.records()) == (1, 1, ())
    assert [again.ask().lineage for _ in range(2)] == [0, 3]


@pytest.mark.parametrize("state", [TrialState.WAITING, TrialState.RUNNING])
def test_a_trial_that_somebody_else_adds_under_a_search_ends_it_and_takes_no_result(
    state: TrialState, spec: StudySpec, run_trial: RunTrial
) -> None:
    study = open_study(spec, Watcher())
    run_trial(study, [0.5])
    in_optuna(spec).add_trial(create_trial(state=state))
    with pytest.raises(StudyBusy, match=r"^Only the search may add trials .* has another trial 1 than the search"):
        study.ask()
    study.close()
    _, theirs, ours = in_optuna(spec).trials
    assert (theirs.state, theirs.user_attrs, ours.state) == (state, {}, TrialState.RUNNING)
    again = open_study(spec, Watcher())
    assert ([record.value for record in again.records()], again.orphans) == ([0.5], 1)
    assert (again.ask().lineage, in_optuna(spec).trials[1].state) == (ours.number, state)
