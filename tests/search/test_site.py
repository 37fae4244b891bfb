"""The place that the settings ask for: what is refused before anything runs there."""

from __future__ import annotations

import pytest

from search.faults import StorageError
from search.places.site import require_shared_storage
from search.settings import Settings

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
