"""Records on disk: they come back equal, the form is pinned, and a damaged file is a clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fashion_model.config import REFERENCE
from fashion_model.task import FASHION_MNIST
from fashion_model.training.result import EpochResult, TrainResult
from reports.records import (
    SCHEMA,
    AblationStep,
    DataRecord,
    Environment,
    FinalistScore,
    FinalRun,
    Measurement,
    RecordError,
    SearchOutcome,
    SearchState,
    StageTimes,
    TrialRecord,
    Work,
    load_outcome,
    load_state,
    points_of,
    save_record,
    write_beside_then_move,
)

GOLDEN = Path(__file__).parent / "golden" / "outcome.json"
GOLDEN_STATE = GOLDEN.with_name("state.json")
BEFORE_ATTEMPTS = GOLDEN.with_name("outcome-before-attempts.json")
OF_SCHEMA_1 = GOLDEN.with_name("outcome-of-schema-1.json")
BEFORE_TASK = GOLDEN.with_name("state-before-task.json")


def complete_trial() -> TrialRecord:
    return TrialRecord(
        number=0,
        status="COMPLETE",
        reason="",
        config=REFERENCE,
        value=0.9,
        measurements=(Measurement(1, 0.8), Measurement(2, 0.9)),
        is_reference=True,
        ended="2026-01-01T00:01:00+00:00",
        work=Work(worker="host:1", started="2026-01-01T00:00:00+00:00", seconds=60.0, cpu_seconds=50.0),
    )


def final_run() -> FinalRun:
    epoch = EpochResult(
        epoch=1,
        train_loss=0.5,
        train_accuracy=0.8,
        validation_loss=None,
        validation_accuracy=None,
        train_seconds=2.0,
        validation_seconds=0.0,
    )
    return FinalRun(
        model="reference",
        train=TrainResult(seed=5, epochs=(epoch,), parameters=225_034, seconds=3.0, cpu_seconds=2.5),
        test_loss=0.3,
        test_accuracy=0.91,
        predict_seconds=0.5,
        model_file="models/reference-1.keras",
        model_sha256="ab" * 32,
    )


def outcome() -> SearchOutcome:
    trial, run = complete_trial(), final_run()
    failed = replace(trial, number=1, status="FAIL", reason="<b>&", config=None, value=None, is_reference=False)
    return SearchOutcome(
        study="s",
        command="python -m search.run --trials 2",
        settings={"trials": 2, "storage": None},
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:10:00+00:00",
        data=DataRecord(
            source="--data-dir",
            file_sha256={"train-images-idx3-ubyte": "cd" * 32},
            split_sha256="ef" * 32,
            test_sha256="01" * 32,
            train_count=50_000,
            validation_count=10_000,
            test_count=10_000,
        ),
        environment=Environment(
            versions={"ray": "2.60.0"},
            python="3.11.7",
            system="Linux 6",
            processor="a CPU",
            cpus=2.0,
            gpus=0.0,
            gpu_model="",
            nodes=1,
        ),
        times=StageTimes(data_seconds=1.0, search_seconds=2.0, finalists_seconds=3.0, retrain_seconds=4.0),
        trials=(trial, failed),
        finalists=(
            FinalistScore(
                trial=0, search_value=0.9, seeds=(1, 2), fresh_values=(0.89, 0.88), seconds=9.0, cpu_seconds=8.0
            ),
        ),
        best_trial=0,
        best_config=REFERENCE,
        reference_config=REFERENCE,
        finals=(run, replace(run, model="best")),
    )


def state() -> SearchState:
    work = replace(complete_trial().work, note="a checkpoint was discarded", node="ab" * 28, gpus=("0", "3"))
    again = replace(complete_trial(), number=3, attempts=2, work=work, lineage=0)
    return SearchState(
        study="s",
        command="python -m search.run --trials 4",
        settings={"trials": 4},
        started="2026-01-01T00:00:00+00:00",
        saved="2026-01-01T00:05:00+00:00",
        ending="interrupted by Ctrl-C",
        resume="python -m search.run --resume runs/s",
        trials_planned=4,
        stage="finalists",
        trials=(again,),
        waiting=1,
        finalists=outcome().finalists,
    )


def test_an_ablation_further_runs_warm_started_trials_and_a_front_come_back_equal(tmp_path: Path) -> None:
    step = AblationStep(config=REFERENCE, values=(0.9, 0.91), trainings=1, cpu_seconds=8.0)
    more = replace(outcome(), ablation=(step, step), equal_compute=(final_run(),))
    more = replace(more, warm_started=(replace(outcome().trials[0], number=7, origin="warm-started"),))
    more = replace(
        more, front=points_of(outcome().trials[:1], FASHION_MNIST), knee=(replace(final_run(), model="knee"),)
    )
    save_record(more, tmp_path / "outcome.json")
    assert load_outcome(tmp_path / "outcome.json") == more


def test_an_outcome_comes_back_equal_and_its_form_is_the_golden_one(tmp_path: Path) -> None:
    """A change here, but for a new field with a default, is a change of SCHEMA: older run folders could not be read."""
    save_record(outcome(), tmp_path / "outcome.json")
    assert load_outcome(tmp_path / "outcome.json") == outcome()
    assert (tmp_path / "outcome.json").read_text(encoding="utf-8") == GOLDEN.read_text(encoding="utf-8")


def test_an_outcome_written_before_trials_counted_their_attempts_and_named_their_machines_is_still_read() -> None:
    assert '"attempts"' not in BEFORE_ATTEMPTS.read_text(encoding="utf-8")
    assert '"node"' not in BEFORE_ATTEMPTS.read_text(encoding="utf-8")
    assert load_outcome(BEFORE_ATTEMPTS) == outcome()


def test_records_of_schema_1_where_a_trial_had_no_work_are_still_read() -> None:
    assert '"work"' not in OF_SCHEMA_1.read_text(encoding="utf-8")
    assert load_outcome(OF_SCHEMA_1) == outcome()
    assert load_state(OF_SCHEMA_1.with_name("state-of-schema-1.json")) == state()


def test_a_state_written_before_it_named_its_task_is_still_read() -> None:
    assert '"task"' not in BEFORE_TASK.read_text(encoding="utf-8")
    assert load_state(BEFORE_TASK) == state()


def test_a_state_comes_back_equal_and_its_form_is_the_golden_one(tmp_path: Path) -> None:
    save_record(state(), tmp_path / "state.json")
    assert load_state(tmp_path / "state.json") == state()
    assert (tmp_path / "state.json").read_text(encoding="utf-8") == GOLDEN_STATE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("load", "golden", "change", "message"),
    [
        (load_state, GOLDEN_STATE, {"schema": SCHEMA + 1}, rf"schema {SCHEMA}. Received: {SCHEMA + 1}. Read it with"),
        (load_state, GOLDEN_STATE, {"surprise": 1}, r"the fields .*unknown fields \['surprise'\].*The file is damaged"),
        (load_state, GOLDEN_STATE, {"waiting": "one"}, "the fields of schema .*'one' where <class 'int'> belongs"),
        (load_state, GOLDEN_STATE, {"settings": []}, r"the fields of schema .*\[\] where"),
        (load_state, GOLDEN_STATE, {"trials": [[]]}, r"the fields of schema .*\[\] where TrialRecord belongs"),
        (load_state, GOLDEN_STATE, {"trials": None}, "the fields of schema"),
        (load_outcome, GOLDEN, {"schema": None}, rf"schema {SCHEMA}. Received: None."),
        (load_outcome, GOLDEN, {"best_config": {"conv_blocks": 0}}, "the fields of schema .*conv_blocks"),
        (load_outcome, GOLDEN, {"trials": [{}]}, "the fields of schema"),
    ],
)
def test_a_record_of_another_form_is_refused(
    load: Callable[[Path], object], golden: Path, change: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / golden.name
    path.write_text(json.dumps(json.loads(golden.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(RecordError, match=f"{golden.name} must have {message}"):
        load(path)


@pytest.mark.parametrize(("load", "other"), [(load_state, GOLDEN), (load_outcome, GOLDEN_STATE)])
def test_an_outcome_is_no_state_and_a_state_no_outcome(load: Callable[[Path], object], other: Path) -> None:
    with pytest.raises(RecordError, match=r"must have the fields of schema .*unknown fields"):
        load(other)


def test_a_missing_state_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"state.json must be the state of a search that has not ended"):
        load_state(tmp_path / "state.json")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1'])
def test_a_damaged_outcome_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "outcome.json").write_text(content, encoding="utf-8")
    with pytest.raises(RecordError, match=r"outcome.json must (be the outcome of a finished search|have schema)"):
        load_outcome(tmp_path / "outcome.json")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_beside_then_move(path, b"old")
    with pytest.raises(TypeError):
        write_beside_then_move(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
