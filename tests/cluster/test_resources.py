"""What a trial takes of a cluster, and how many fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.resources import (
    ClusterSize,
    Machine,
    ResourceError,
    TrialResources,
    concurrent_trials,
    trial_resources,
    usable_cores,
)

LAPTOP = ClusterSize(cpus=2.0, gpus=0.0, nodes=1)
GPU_BOX = ClusterSize(cpus=48.0, gpus=4.0, nodes=1)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("400000 100000", 4),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("9900000 100000", 64),
        ("max 100000", 64),
        ("", 64),
    ],
)
def test_a_containers_quota_bounds_the_cores_that_are_usable(
    quota: str, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(64)))
    monkeypatch.setattr("cluster.resources._QUOTA", tmp_path / "cpu.max")
    if quota:
        (tmp_path / "cpu.max").write_text(f"{quota}\n", encoding="ascii")
    assert usable_cores() == cores


@pytest.mark.parametrize(
    ("size", "cpus", "gpus", "expected", "at_once"),
    [
        (LAPTOP, None, None, TrialResources(1.0, 0.0), 2),
        (LAPTOP, 2.0, None, TrialResources(2.0, 0.0), 1),
        (GPU_BOX, None, None, TrialResources(12.0, 1.0), 4),
        (GPU_BOX, None, 0.5, TrialResources(6.0, 0.5), 8),
        (GPU_BOX, 1.0, 0.25, TrialResources(1.0, 0.25), 16),
        (GPU_BOX, None, 0.0, TrialResources(1.0, 0.0), 48),
        (ClusterSize(cpus=3.0, gpus=8.0, nodes=1), None, None, TrialResources(1.0, 1.0), 3),
    ],
)
def test_defaults_use_every_gpu_else_every_core(
    size: ClusterSize, cpus: float | None, gpus: float | None, expected: TrialResources, at_once: int
) -> None:
    each = trial_resources(size, cpus, gpus)
    assert each == expected
    assert concurrent_trials(size, each) == at_once


def test_a_trial_that_fits_nowhere_is_refused_with_the_remedy() -> None:
    with pytest.raises(ResourceError, match=r"1 CPUs and 1 GPUs a trial, .* has 2 CPUs and 0 GPUs.*Lower"):
        concurrent_trials(LAPTOP, trial_resources(LAPTOP, None, 1.0))


@pytest.mark.parametrize(
    ("machine", "each", "fitting"),
    [
        (Machine(48.0, 4.0), TrialResources(12.0, 1.0), 4),
        (Machine(48.0, 4.0), TrialResources(12.0, 2.0), 2),
        (Machine(48.0, 3.0), TrialResources(12.0, 2.0), 1),
        (Machine(48.0, 4.0), TrialResources(1.0, 0.25), 16),
        (Machine(48.0, 4.0), TrialResources(1.0, 1 / 3), 12),
        (Machine(48.0, 4.0), TrialResources(1.0, 0.3), 12),  # three on each GPU: a tenth of each is left over
        (Machine(6.0, 4.0), TrialResources(1.0, 0.25), 6),
        (Machine(4.0, 0.0), TrialResources(0.1, 0.0), 40),
        (Machine(0.0, 0.0), TrialResources(1.0, 0.0), 0),
        (Machine(8.0, 0.0), TrialResources(1.0, 1.0), 0),
    ],
)
def test_no_trial_is_spread_over_two_machines_and_no_share_over_two_gpus(
    machine: Machine, each: TrialResources, fitting: int
) -> None:
    assert each.fitting(machine) == fitting


def test_what_fits_a_cluster_is_what_fits_its_machines_one_by_one() -> None:
    """Together they have 12 GPUs, which would be enough for six."""
    size = ClusterSize(cpus=96.0, gpus=12.0, nodes=4, machines=(Machine(24.0, 3.0),) * 4)
    assert concurrent_trials(size, TrialResources(2.0, 2.0)) == 4


def test_the_cores_of_a_machine_without_gpus_are_no_share_of_a_gpu() -> None:
    head, worker = Machine(64.0, 0.0), Machine(8.0, 4.0)
    size = ClusterSize(cpus=72.0, gpus=4.0, nodes=2, machines=(head, worker))
    assert trial_resources(size, None, None) == TrialResources(2.0, 1.0)
    assert trial_resources(size, None, 2.0) == TrialResources(4.0, 2.0)
    assert trial_resources(size, None, 0.25) == TrialResources(1.0, 0.25)


def test_a_trial_has_a_thread_for_each_whole_core() -> None:
    assert [TrialResources(cpus, 0.0).threads() for cpus in (0.5, 1.0, 2.5, 12.0)] == [1, 1, 2, 12]
