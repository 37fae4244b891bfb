"""The place that the settings ask for: what is refused before anything runs there."""

from __future__ import annotations

import pytest

from cluster.capacity import Capacity
from cluster.demand import Demand
from cluster.resources import ResourceError, TrialResources
from search.command.settings import Settings
from search.places.ray.startup import require_shared_storage, site_on
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import StorageError

HERE = Settings(name="n")
SHARED = Settings(name="n", storage_path="s3://bucket/path")


@pytest.mark.parametrize(
    ("machines", "can_grow", "received"),
    [
        (2, False, "no --storage-path, on a cluster of 2 machines. Name a bucket"),
        (1, True, "no --storage-path, on a cluster of 1 machine that starts more when trials wait. Name"),
        (3, True, "no --storage-path, on a cluster of 3 machines that starts more when trials wait. Name"),
    ],
)
def test_a_cluster_needs_a_storage_path_as_soon_as_it_has_or_may_have_several_machines(
    machines: int, can_grow: bool, received: str
) -> None:
    with pytest.raises(StorageError, match=f"checkpoints must lie where all of its machines reach .*{received}"):
        require_shared_storage(HERE, machines, can_grow)
    require_shared_storage(SHARED, machines, can_grow)


def test_one_machine_keeps_its_checkpoints_in_the_run_folder() -> None:
    require_shared_storage(HERE, 1, False)


def test_a_trial_too_large_for_this_machine_is_refused_though_max_concurrent_is_given(store: CheckpointStore) -> None:
    """On a cluster that others have started, it says that larger machines come."""
    box = {"Alive": True, "Resources": {"CPU": 2.0}}
    large = Settings(name="n", storage_path="/shared", cpus_per_trial=64.0, gpus_per_trial=0.0, max_concurrent=4)
    with pytest.raises(ResourceError, match="Received: 64 CPUs and 0 GPUs a trial, where the cluster has 2 CPUs"):
        site_on(large, store, Capacity(lambda: [box]))
    assert site_on(large, store, Capacity(lambda: [box], Demand())).concurrent == 1


def test_no_more_trials_run_at_a_time_than_fit_whatever_max_concurrent_says(store: CheckpointStore) -> None:
    box = {"Alive": True, "Resources": {"CPU": 2.0}}
    many = Settings(name="n", cpus_per_trial=1.0, gpus_per_trial=0.0, max_concurrent=100)
    assert site_on(many, store, Capacity(lambda: [box])).concurrent == 2


def test_as_many_trials_at_a_time_as_gpus_share_none_and_no_time_is_spent_on_measuring(store: CheckpointStore) -> None:
    """As docs/places.md has two searches, each on two GPUs of a box."""
    box = {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 2.0}}
    half = Settings(name="n", cpus_per_trial=4.0, max_concurrent=2)
    site = site_on(half, store, Capacity(lambda: [box]))
    assert (site.each, site.concurrent, site.measured) == (TrialResources(4.0, 1.0), 2, "")
