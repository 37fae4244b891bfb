"""Which GPU type of config.yaml Ray's autoscaler starts, asked of its own scheduler: the comment there is true."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cluster.shipped import filled_in

pytestmark = pytest.mark.ray
SPOT, ON_DEMAND = "worker.gpu.spot", "worker.gpu.ondemand"
MACHINE = {"CPU": 48, "GPU": 4}  # what Ray learns of AWS about g5.12xlarge


def started(trials: int, standing: dict[str, float] | None = None, **most: int) -> dict[str, int]:
    """How many nodes of each type are started for trials of one GPU that wait; `most` changes a type's max_workers."""
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.autoscaler.v2.utils import ResourceRequestUtil

    config = yaml.safe_load(filled_in("config.yaml"))
    for name in (SPOT, ON_DEMAND):
        config["available_node_types"][name]["resources"] = MACHINE
        config["available_node_types"][name]["max_workers"] = most.get(
            name.rpartition(".")[2], config["available_node_types"][name]["max_workers"]
        )
    config["available_node_types"]["head.cpu"]["max_workers"] = 0
    trial = ResourceRequestUtil.make({"CPU": 12, "GPU": 1})
    request = SchedulingRequest(
        node_type_configs=AutoscalingConfig(config).get_node_type_configs(),
        max_num_nodes=config["max_workers"] + 1,
        resource_requests=ResourceRequestUtil.group_by_count([trial] * trials),
        recoverable_resource_availabilities=standing or {},
        cloud_resource_availabilities=standing or {},
        disable_launch_config_check=True,
    )
    return {launch.instance_type: launch.count for launch in ResourceDemandScheduler().schedule(request).to_launch}


def test_spot_machines_are_started_first() -> None:
    assert started(1) == {SPOT: 1}
    assert started(16) == {SPOT: 4}


def test_on_demand_machines_are_started_when_spots_maximum_is_reached() -> None:
    assert started(16, spot=3) == {SPOT: 3, ON_DEMAND: 1}


def test_a_maximum_of_zero_for_spot_turns_to_on_demand_at_once() -> None:
    assert started(6, spot=0) == {ON_DEMAND: 2}


def test_a_spot_type_of_lower_standing_comes_second() -> None:
    assert started(4, standing={SPOT: 0.5}) == {ON_DEMAND: 1}


def test_a_refused_request_does_not_lower_the_standing_of_its_type() -> None:
    from ray.autoscaler.v2.instance_manager.subscribers.cloud_resource_monitor import CloudResourceMonitor
    from ray.core.generated import instance_manager_pb2

    messages: Any = instance_manager_pb2  # its names are made when it is imported

    def standing_after(status: Any) -> dict[str, float]:
        monitor = CloudResourceMonitor()
        monitor.notify([messages.InstanceUpdateEvent(instance_type=SPOT, new_instance_status=status)])
        return dict(monitor.get_recoverable_resource_availabilities())

    assert standing_after(messages.Instance.ALLOCATION_FAILED) == {}  # AWS said no: forgotten
    assert standing_after(messages.Instance.ALLOCATION_TIMEOUT) == {
        SPOT: 0.0
    }  # a machine that did not come up in an hour
