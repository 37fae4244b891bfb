"""What a trial takes of a cluster, and how many fit."""

from __future__ import annotations

import pytest

from cluster.resources import ClusterSize, ResourceError, TrialResources, concurrent_trials, trial_resources

LAPTOP = ClusterSize(cpus=2.0, gpus=0.0, nodes=1)
GPU_BOX = ClusterSize(cpus=48.0, gpus=4.0, nodes=1)


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


def test_a_trial_has_a_thread_for_each_whole_core() -> None:
    assert [TrialResources(cpus, 0.0).threads() for cpus in (0.5, 1.0, 2.5, 12.0)] == [1, 1, 2, 12]
