"""One search on a real Ray in which seven of nine trials meet a fault, each of another kind: what becomes of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
import ray

from cluster.connect import connected
from cluster.resources import ClusterSize, TrialResources
from fashion_model.data.splits import TrainingSplits
from reports.records import TrialRecord
from search.places.ray.place import OnRay
from search.study.open_study import open_study
from search.worker.assignment import TrialPlan
from search.worker.checkpoints import CheckpointStore

from ...conftest import NARROW, Watcher, study_in
from ...faulty import Fault, FaultySplits, begun, epochs_of, number_of

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
SECONDS = 45.0  # of a trial: three times what one needs on a busy machine
PLAN = TrialPlan(trials=9, epochs=3, seed=0, timeout_seconds=SECONDS)
FAULTS = (
    Fault("hang in native code", nth=0, epoch=2),  # the first: while its time runs, the other worker serves the rest
    Fault("die", nth=1, epoch=2, times=1),
    Fault("die", nth=2, epoch=1),
    Fault("raise", nth=3, epoch=2),
    Fault("diverge", nth=4, epoch=2),
    Fault("tell nothing", nth=5, epoch=1),
    Fault("fill the device", nth=6, epoch=2),
)


@dataclass(frozen=True)
class Searched:
    """What a search left, its trials being counted in the order in which they began."""

    records: tuple[TrialRecord, ...]
    again: list[TrialRecord]
    trials: list[optuna.trial.FrozenTrial]
    folder: Path

    def result(self, nth: int) -> TrialRecord:
        """The last attempt at the nth trial."""
        number = number_of(self.folder, nth)
        return next(record for record in self.records if number in (record.number, record.lineage))

    def reasons_before(self, nth: int) -> list[str]:
        """Why the attempts before the last ended."""
        number = number_of(self.folder, nth)
        return [record.reason for record in self.again if number in (record.number, record.lineage)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterSize]:
    with connected("local") as size:
        yield size


@pytest.fixture(scope="module")
def searched(cluster: ClusterSize, tiny_splits: TrainingSplits, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("faults")
    spec, watcher = study_in(folder, epochs=PLAN.epochs, space=NARROW, pruner="none"), Watcher()
    study = open_study(spec, watcher)
    place = OnRay(TrialResources(cpus=1.0, gpus=0.0), 2, CheckpointStore(str(folder / "checkpoints")))
    # a worker's output comes to the driver's stderr, which the command sends to log.txt
    with (folder / "log.txt").open("w") as log, redirect_stderr(log):
        place.run_trials(study, FaultySplits(tiny_splits, folder, FAULTS), PLAN)
    study.close()
    trials = optuna.load_study(study_name="s", storage=spec.database.url).trials
    return Searched(study.records(), watcher.again, trials, folder)


def test_every_trial_has_one_result_and_none_is_left_running(searched: Searched) -> None:
    assert len(searched.records) == 9
    assert {trial.state.name for trial in searched.trials} == {"COMPLETE", "FAIL"}
    unharmed = [searched.result(nth) for nth in (7, 8)]
    assert [(r.status, r.attempts, len(r.measurements), r.work.note) for r in unharmed] == [("COMPLETE", 1, 3, "")] * 2


def test_a_trial_whose_worker_is_killed_goes_on_from_its_last_checkpoint(searched: Searched) -> None:
    result = searched.result(1)
    assert (result.status, result.reason, result.attempts) == ("COMPLETE", "", 2)
    assert searched.reasons_before(1) == ["its worker died"]
    assert epochs_of(searched.folder, 1) == [1, 2, 3], "the epoch before the kill is not trained again"
    assert [epoch for epoch, _ in result.measurements] == [1, 2, 3]
    first = searched.trials[number_of(searched.folder, 1)]
    assert first.intermediate_values == {1: result.measurements[0][1]}
    assert searched.trials[result.number].params == first.params
    (lost,) = (record for record in searched.again if record.number == first.number)
    assert lost.work.worker not in ("", result.work.worker)
    assert 0.0 < lost.work.seconds < 15.0, "up to its last report"


def test_a_trial_under_which_every_worker_dies_fails_at_the_second(searched: Searched) -> None:
    result = searched.result(2)
    assert (result.status, result.attempts) == ("FAIL", 2)
    assert result.reason == "its worker died (attempt 2, the last)"
    assert searched.reasons_before(2) == ["its worker died"]
    assert epochs_of(searched.folder, 2) == []


@pytest.mark.parametrize(
    ("nth", "epochs", "reason"),
    [
        (3, 1, "raised: ValueError: this configuration"),
        (4, 1, "non-finite loss: training loss nan after epoch 2"),
        (5, 0, "no value: the trial has no validation images"),
    ],
)
def test_a_fault_of_the_trial_itself_is_final_and_its_worker_serves_on(
    searched: Searched, nth: int, epochs: int, reason: str
) -> None:
    result = searched.result(nth)
    assert (result.status, result.reason, searched.reasons_before(nth)) == ("FAIL", reason, [])
    assert [epoch for epoch, _ in result.measurements] == list(range(1, epochs + 1))
    assert result.value is None
    process = int(result.work.worker.rpartition(":")[2])
    assert {each.nth for each in begun(searched.folder) if each.pid == process} - {nth}, "it served other trials"


def test_a_device_without_memory_is_final_and_its_process_serves_no_other_trial(searched: Searched) -> None:
    result = searched.result(6)
    assert (result.status, result.attempts) == ("FAIL", 1)
    assert result.reason.startswith("out of device memory: ResourceExhaustedError: ")
    process = next(each.pid for each in begun(searched.folder) if each.nth == 6)
    of_it = [each for each in begun(searched.folder) if each.pid == process]
    assert (of_it[-1].nth, of_it[-1].epoch) == (6, 2), "it began another trial"


def test_a_trial_that_hangs_is_ended_and_started_again_once(searched: Searched) -> None:
    result = searched.result(0)
    assert (result.status, result.attempts) == ("FAIL", 2)
    assert searched.reasons_before(0) == [f"timed out: more than {SECONDS:.0f} s"]
    assert result.reason == f"timed out: more than {SECONDS:.0f} s (attempt 2, the last)"
    assert epochs_of(searched.folder, 0) == [1], "it hung again where it went on, at its second epoch"
    log = (searched.folder / "log.txt").read_text()
    assert re.search(r'faulty.py", line \d+ in _hang_in_native_code', log)


def test_nothing_is_left_that_holds_a_core(searched: Searched) -> None:
    assert ray.available_resources()["CPU"] == ray.cluster_resources()["CPU"]
