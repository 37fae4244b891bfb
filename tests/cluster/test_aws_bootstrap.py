"""config.yaml through Ray's AWS code, as far as running machines, against an AWS inside of this process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.shipped import filled_in

pytestmark = [
    pytest.mark.slow,
    # moto and Ray's AWS code leave sockets and files to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
REGION = "us-west-2"
SPOT, ON_DEMAND = "worker.gpu.spot", "worker.gpu.ondemand"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """EC2 and IAM without a network, a home without keys, and no waiting for what AWS takes seconds to spread."""
    from moto import mock_aws

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setattr("time.sleep", lambda seconds: None)
        with mock_aws():
            import boto3

            yield boto3.client("ec2", region_name=REGION)


@pytest.fixture(scope="module")
def bootstrapped(aws: Any) -> dict[str, Any]:
    """The file as Ray completes it: the user's placeholders are what this AWS has."""
    import boto3
    from ray.autoscaler._private import commands

    image = aws.describe_images()["Images"][0]["ImageId"]
    group = aws.create_security_group(GroupName="mine", Description="all within; 22 from my address")["GroupId"]
    aws.authorize_security_group_ingress(
        GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="203.0.113.7/32"
    )
    for name in ("search-head", "search-worker"):
        boto3.client("iam", region_name=REGION).create_instance_profile(InstanceProfileName=name)
    text = filled_in("config.yaml").replace("ami-0123456789abcdef0", image).replace("sg-0123456789abcdef0", group)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # botocore's and Ray's own
        return dict(commands._bootstrap_config(yaml.safe_load(text), no_config_cache=True))


def node_types(config: dict[str, Any]) -> dict[str, Any]:
    return dict(config["available_node_types"])


def test_gpus_and_cpus_of_the_workers_are_filled_in(bootstrapped: dict[str, Any]) -> None:
    for name in (SPOT, ON_DEMAND):
        resources = node_types(bootstrapped)[name]["resources"]
        assert (resources["CPU"], resources["GPU"], resources["accelerator_type:A10G"]) == (48, 4, 1)


def test_both_gpu_types_have_the_same_resources_so_that_the_priority_decides(bootstrapped: dict[str, Any]) -> None:
    spot, on_demand = node_types(bootstrapped)[SPOT], node_types(bootstrapped)[ON_DEMAND]
    assert spot["resources"] == on_demand["resources"]
    assert spot["priority"] > on_demand["priority"]


def test_no_trial_fits_the_head(bootstrapped: dict[str, Any]) -> None:
    assert node_types(bootstrapped)["head.cpu"]["resources"]["CPU"] == 0


def test_ssh_is_not_open_to_everybody(bootstrapped: dict[str, Any], aws: Any) -> None:
    ids = {each for kind in node_types(bootstrapped).values() for each in kind["node_config"]["SecurityGroupIds"]}
    groups = aws.describe_security_groups(GroupIds=sorted(ids))["SecurityGroups"]
    assert [group["GroupName"] for group in groups] == ["mine"]
    ranges = [each["CidrIp"] for rule in groups[0]["IpPermissions"] for each in rule["IpRanges"]]
    assert ranges == ["203.0.113.7/32"]


def test_every_node_has_the_role_of_its_kind_and_ray_makes_none(bootstrapped: dict[str, Any]) -> None:
    roles = {name: kind["node_config"]["IamInstanceProfile"]["Name"] for name, kind in node_types(bootstrapped).items()}
    # a trial's code may not start machines
    assert roles == {"head.cpu": "search-head", SPOT: "search-worker", ON_DEMAND: "search-worker"}
    assert bootstrapped["head_node"] == {}


def test_workers_start_as_spot_and_on_demand_and_end(bootstrapped: dict[str, Any]) -> None:
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler.tags import (
        TAG_RAY_LAUNCH_CONFIG,
        TAG_RAY_NODE_KIND,
        TAG_RAY_NODE_NAME,
        TAG_RAY_NODE_STATUS,
        TAG_RAY_USER_NODE_TYPE,
    )

    provider = AWSNodeProvider(bootstrapped["provider"], bootstrapped["cluster_name"])
    for name in (SPOT, ON_DEMAND):
        tags = {
            TAG_RAY_NODE_KIND: "worker",
            TAG_RAY_USER_NODE_TYPE: name,
            TAG_RAY_NODE_NAME: "ray-worker",
            TAG_RAY_NODE_STATUS: "uninitialized",
            TAG_RAY_LAUNCH_CONFIG: "x",
        }
        provider.create_node(dict(node_types(bootstrapped)[name]["node_config"]), tags, 1)
    ids = provider.non_terminated_nodes({})
    lives = sorted(
        (provider.node_tags(each)[TAG_RAY_USER_NODE_TYPE], provider._get_cached_node(each).instance_lifecycle)
        for each in ids
    )
    assert lives == [(ON_DEMAND, None), (SPOT, "spot")]
    provider.terminate_nodes(ids)
    assert provider.non_terminated_nodes({}) == []


def test_the_ssh_key_that_ray_makes_is_its_owners_alone(bootstrapped: dict[str, Any]) -> None:
    assert Path(bootstrapped["auth"]["ssh_private_key"]).stat().st_mode & 0o777 == 0o600
