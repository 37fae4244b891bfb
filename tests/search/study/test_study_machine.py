"""Whatever happens to a study in whatever order, nothing that ended is lost, and no trial has two results.

Hypothesis interleaves trials with faults, drivers that are killed, interruptions and larger totals; after each step
the study is compared with what was done to it, and with what Optuna's own reader finds in the database.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import REFERENCE, TrainConfig
from reports.records import TrialRecord
from search.study import attempts
from search.study.open_study import open_study
from search.worker.faults import RETRIES, Cause, Fault, may_retry
from tests.search.conftest import WORK, Watcher, study_in

EPOCHS = 9
CAUSES = [*Cause, *[Cause.TIMED_OUT] * 5, *[Cause.WORKER_DIED] * 5]  # some more often: their limits are to be reached


@dataclass
class Known:
    """What was done to one trial, all attempts together."""

    config: TrainConfig
    met: Counter[Cause] = field(default_factory=Counter)
    passed: int = 0


@dataclass
class Attempt:
    """An attempt that is under way."""

    lineage: int
    epochs: int = 0


class StudyMachine(RuleBasedStateMachine):
    """A study, the model of it, and what happens to both."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.spec = study_in(path, epochs=EPOCHS, most_failures=10_000)
        self.total = 6
        self.trials: dict[int, Known] = {}  # by lineage
        self.open: dict[int, Attempt] = {}  # by number
        self.waiting: list[int] = []  # lineages
        self.results: dict[int, TrialRecord] = {}
        self.study = open_study(self.spec, Watcher())
        self.reader = optuna.load_study(study_name="s", storage=self.spec.database.url)

    @initialize(total=st.integers(3, 15))
    def begin(self, total: int) -> None:
        self.total = total

    @precondition(lambda self: self.study.left(self.total) > 0)
    @rule(count=st.integers(1, 3))
    def ask(self, count: int) -> None:
        for _ in range(min(count, self.study.left(self.total))):
            self._ask()

    def _ask(self) -> None:
        assignment = self.study.ask()
        if self.waiting:
            assert assignment.lineage == self.waiting.pop(0)
            assert assignment.config == self.trials[assignment.lineage].config
        else:
            assert assignment.lineage == assignment.number
            assert (assignment.config == REFERENCE) == (not self.trials)
            self.trials[assignment.number] = Known(assignment.config)
        self.open[assignment.number] = Attempt(assignment.lineage)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), values=st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=4))
    def report(self, data: st.DataObject, values: list[float]) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        attempt = self.open[number]
        for value in values[: EPOCHS - attempt.epochs]:
            attempt.epochs += 1
            prune = self.study.report(number, attempt.epochs, value)
            if attempt.lineage == 0 or attempt.epochs <= self.trials[attempt.lineage].passed:
                assert not prune

    @precondition(lambda self: any(attempt.epochs for attempt in self.open.values()))
    @rule(data=st.data(), pruned=st.booleans())
    def finish(self, data: st.DataObject, pruned: bool) -> None:
        number = data.draw(st.sampled_from(sorted(n for n, attempt in self.open.items() if attempt.epochs)))
        self.study.finish(number, WORK, pruned=pruned)
        self._has_result(number, "PRUNED" if pruned else "COMPLETE")

    @precondition(lambda self: self.open)
    @rule(data=st.data(), cause=st.sampled_from(CAUSES))
    def fail(self, data: st.DataObject, cause: Cause) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        self.study.fail(number, Fault(cause, "why"), WORK)
        self._has_met(number, cause)

    @rule(killed=st.booleans(), more=st.integers(0, 3))
    def drivers_change(self, killed: bool, more: int) -> None:
        """The driver is gone without a word, or by Ctrl-C; another opens the study, for as many trials or more."""
        cause = Cause.ORPHANED if killed else Cause.INTERRUPTED
        if not killed:
            assert self.study.fail_unfinished(Fault(cause)) == len(self.open)
            self.study.close()
            assert not [trial for trial in self.reader.trials if trial.state is TrialState.RUNNING]
        self.study = open_study(self.spec, Watcher(), exists=True)
        assert self.study.orphans == (len(self.open) if killed else 0)
        left = sorted(self.open)
        if killed:  # what waited comes first, in the order of the numbers, and then what was under way
            self.waiting.sort(key=self._last_attempt)
        for number in left:
            self._has_met(number, cause)
        if not killed:
            self.waiting.sort(key=self._last_attempt)
        self.total += more

    @invariant()
    def all_holds(self) -> None:
        trials = self.reader.get_trials(deepcopy=False)
        self._what_ended_is_there_unchanged(trials)
        self._the_counts_are_those_of_optuna(Counter(trial.state for trial in trials))
        self._a_trial_has_one_result_at_most_and_one_place()
        self._there_is_one_reference_which_is_the_documented_network(trials)
        self._no_cause_is_met_more_often_than_it_allows()
        self._every_result_has_its_reason_and_the_configuration_of_the_first_attempt()

    def _what_ended_is_there_unchanged(self, trials: list[FrozenTrial]) -> None:
        assert {record.number: record for record in self.study.records()} == self.results
        from_disk = [attempts.record_of(trial) for trial in trials if attempts.is_result(trial)]
        assert from_disk == list(self.study.records())

    def _the_counts_are_those_of_optuna(self, states: Counter[TrialState]) -> None:
        counts, results = self.study.counts, self.results.values()
        assert counts.complete == states[TrialState.COMPLETE]
        assert counts.pruned == states[TrialState.PRUNED]
        assert counts.failed == sum(record.status == "FAIL" for record in results)
        assert counts.running == states[TrialState.RUNNING] == len(self.open)
        assert counts.ended() == len(results)
        assert self.study.left(self.total) == self.total - len(results) - len(self.open)
        assert self.study.waiting() == len(self.waiting)
        under_way = sum(attempt.epochs for attempt in self.open.values())
        assert counts.epochs == under_way + sum(len(record.measurements) for record in results)
        assert counts.best_value == max((record.value for record in results if record.value is not None), default=None)

    def _a_trial_has_one_result_at_most_and_one_place(self) -> None:
        ended = [_lineage(record) for record in self.results.values()]
        places = ended + [attempt.lineage for attempt in self.open.values()] + self.waiting
        assert sorted(places) == sorted(self.trials)

    def _there_is_one_reference_which_is_the_documented_network(self, trials: list[FrozenTrial]) -> None:
        references = [trial for trial in trials if attempts.REFERENCE in trial.user_attrs]
        assert {attempts.Attempt.of(trial).lineage for trial in references} == ({0} if trials else set())
        results = [record for record in self.results.values() if record.is_reference]
        assert [(_lineage(record), record.config) for record in results] in ([], [(0, REFERENCE)])

    def _no_cause_is_met_more_often_than_it_allows(self) -> None:
        for cause, limit in RETRIES.items():
            assert limit is None or all(known.met[cause] <= limit + 1 for known in self.trials.values())

    def _every_result_has_its_reason_and_the_configuration_of_the_first_attempt(self) -> None:
        for record in self.results.values():
            assert record.reason or record.status == "COMPLETE"
            assert record.config == self.trials[_lineage(record)].config

    def teardown(self) -> None:
        self.study.close()
        self.folder.cleanup()

    def _has_result(self, number: int, status: str) -> None:
        attempt = self.open.pop(number)
        record = next(record for record in self.study.records() if record.number == number)
        assert (record.status, len(record.measurements), _lineage(record)) == (status, attempt.epochs, attempt.lineage)
        assert record.attempts == sum(self.trials[attempt.lineage].met.values()) + (status != "FAIL")
        self.results[number] = record

    def _has_met(self, number: int, cause: Cause) -> None:
        attempt = self.open[number]
        known = self.trials[attempt.lineage]
        known.met[cause] += 1
        known.passed = max(known.passed, attempt.epochs)
        if may_retry(cause, known.met[cause]):
            del self.open[number]
            self.waiting.append(attempt.lineage)
        else:
            self._has_result(number, "FAIL")

    def _last_attempt(self, lineage: int) -> int:
        """A study that is opened again starts what waits in the order of the numbers."""
        return max(trial.number for trial in self.reader.trials if attempts.Attempt.of(trial).lineage == lineage)


def _lineage(record: TrialRecord) -> int:
    return record.number if record.lineage is None else record.lineage


@pytest.mark.slow
def test_nothing_is_lost_whatever_happens_in_whatever_order() -> None:
    some = settings(max_examples=12, stateful_step_count=30, deadline=None, derandomize=True, database=None)
    run_state_machine_as_test(StudyMachine, settings=some)
