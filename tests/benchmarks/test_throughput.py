"""The service's speed beside others, on a tiny job: ratios only, with bounds that a noisy machine keeps."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

import pytest

from benchmarks.jobs import JOBS, Job
from benchmarks.throughput import Runs, side_by_side, times_as_fast
from fashion_model.config import REFERENCE
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST


def test_a_job_trains_the_reference_and_counts_its_work_in_passes_over_60_000_images() -> None:
    short = JOBS["short"]
    assert short.points()[0] == REFERENCE
    assert len(set(short.points())) == short.configs == 8
    assert short.trial_epochs() == 8 * 2 * 12_000 / 60_000
    alone = Job("alone", configs=1, epochs=3, images=1_000)
    assert alone.gflop() == pytest.approx(6 * network_of(REFERENCE, FASHION_MNIST).multiply_adds * 3_000 / 1e9)


def test_runs_are_compared_round_by_round() -> None:
    def runs(*seconds: float) -> Runs:
        return Runs(contender="service", seconds=seconds, told=(), start_seconds=())

    assert times_as_fast(runs(20.0, 90.0, 30.0), runs(10.0, 30.0, 30.0)) == 2.0


def test_others_load_tensorflow_as_it_comes_and_the_service_as_it_always_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.dumps({"training_seconds": [1.0], "gap_seconds": []})
    command = tmp_path / "python"
    command.write_text(f"#!/bin/sh\necho $2 [$TF_ENABLE_ONEDNN_OPTS] >> {tmp_path}/begun\necho '{told}'\n", "utf-8")
    command.chmod(0o755)
    monkeypatch.setattr("benchmarks.throughput.sys.executable", str(command))
    monkeypatch.setattr("benchmarks.throughput.AS_IT_COMES", {"TF_ENABLE_ONEDNN_OPTS": ""})
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")  # as fashion_model sets it
    side_by_side(JOBS["tiny"], ["documented_script", "service"], 1)
    begun = (tmp_path / "begun").read_text(encoding="utf-8").splitlines()
    assert begun == ["benchmarks.contenders.documented_script []", "benchmarks.contenders.service [1]"]


@pytest.mark.slow
@pytest.mark.ray
def test_the_service_takes_less_than_twice_optunas_time_and_its_workers_pause_less_than_half_a_training() -> None:
    """Other tests run beside this one, and may slow one contender alone: one round of three must hold every bound."""
    rounds = [missed()]
    while rounds[-1] and len(rounds) < 3:
        rounds.append(missed())
    assert [] in rounds, rounds


def missed() -> list[str]:
    """The bounds that one round misses. On a quiet machine the service is 1.1 times as fast on this job, which is
    nearly all start-up, and pauses for a tenth of a training."""
    found = {runs.contender: runs for runs in side_by_side(JOBS["tiny"], ["optuna_processes", "service", "ceiling"], 1)}
    service = found["service"]
    (training,) = (told.training_seconds for told in service.told)
    (gaps,) = (told.gap_seconds for told in service.told)
    (bare,) = (told.training_seconds for told in found["ceiling"].told)
    assert len(training) == 3
    ratios = {
        "the service's time to Optuna's": (times_as_fast(service, found["optuna_processes"]), 2.0),
        "pause to training": (median(gaps) / median(training), 0.5),
        "training to a bare one": (median(training) / median(bare), 2.0),
    }
    return [f"{name}: {ratio:.2f}, not below {bound}" for name, (ratio, bound) in ratios.items() if ratio >= bound]
