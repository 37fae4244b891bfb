"""What cluster/config.yaml promises, read off the file itself: versions, safety, set-up."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from cluster.check.cluster_file import gpus_of

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "cluster" / "config.yaml"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    loaded = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(scope="module")
def head(config: dict[str, Any]) -> dict[str, Any]:
    return dict(config["available_node_types"][config["head_node_type"]])


@pytest.fixture(scope="module")
def workers(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [kind for name, kind in config["available_node_types"].items() if name != config["head_node_type"]]


def locked(name: str) -> str:
    found = re.search(rf"^{re.escape(name)}==([^\s;]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    assert found, f"requirements.lock must pin {name}: run `make lock`"
    return found[1]


def all_commands(config: dict[str, Any]) -> str:
    return "\n".join(line for key, lines in config.items() if key.endswith("_commands") for line in lines)


def test_no_trial_runs_on_the_head(head: dict[str, Any]) -> None:
    assert head["resources"] == {"CPU": 0}


def test_workers_are_multi_gpu_nodes_from_zero_up_spot_before_on_demand(
    config: dict[str, Any], workers: list[dict[str, Any]]
) -> None:
    spot, on_demand = workers
    for kind in workers:
        assert kind["min_workers"] == 0
        assert 0 < kind["max_workers"] <= config["max_workers"]
        assert gpus_of(kind["node_config"]["InstanceType"]) >= 2
    assert spot["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert "InstanceMarketOptions" not in on_demand["node_config"]
    assert spot["priority"] > on_demand["priority"]
    assert spot["max_workers"] > on_demand["max_workers"]


def test_both_start_commands_turn_the_token_on(config: dict[str, Any]) -> None:
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        (start,) = [command for command in config[key] if "ray start" in command]
        assert start.index("RAY_AUTH_MODE=token") < start.index("ray start")
    assert config["file_mounts"]["~/.ray/auth_token"] == "~/.ray/auth_token"


def test_nothing_is_open_to_the_internet(config: dict[str, Any], head: dict[str, Any]) -> None:
    text = PATH.read_text(encoding="utf-8")
    assert "0.0.0.0" not in text
    assert "::/0" not in text
    assert all("--dashboard-host=127.0.0.1" in c for c in config["head_start_ray_commands"] if "ray start" in c)
    assert head["node_config"]["SecurityGroupIds"], "without it Ray opens port 22 to everybody"


def test_every_node_type_has_the_users_image_and_security_group_and_a_role(config: dict[str, Any]) -> None:
    kinds = config["available_node_types"]
    for kind in kinds.values():
        assert kind["node_config"]["ImageId"] == "ami-FILL-IN"
        assert kind["node_config"]["SecurityGroupIds"] == ["sg-FILL-IN"]
    roles = [kind["node_config"]["IamInstanceProfile"]["Name"] for kind in kinds.values()]
    assert roles == ["FILL-IN-head", "FILL-IN-worker", "FILL-IN-worker"]  # a trial's code may not start machines


def test_images_are_the_lock_files_ray(config: dict[str, Any]) -> None:
    docker = config["docker"]
    assert docker["image"] == f"rayproject/ray:{locked('ray')}-py311-gpu"
    assert docker["head_image"] == f"rayproject/ray:{locked('ray')}-py311-cpu"


def test_setup_installs_the_lock_file_and_names_no_other_version_of_it(config: dict[str, Any]) -> None:
    commands = all_commands(config)
    assert "--require-hashes -r ~/fashion-search/requirements.lock" in commands
    for name, versions in re.findall(r"([A-Za-z][\w.-]*)(?:\[[\w,-]+\])?([=<>~!]=[\w.,<>=!]+)", commands):
        if name != "boto3":  # the one package that only the head has
            assert locked(name) in SpecifierSet(versions)


def test_the_constraints_command_keeps_every_pin_and_no_hash(config: dict[str, Any]) -> None:
    (command,) = [c for c in config["worker_setup_commands"] if "grep" in c]
    assert "grep -oE '^[A-Za-z0-9._-]+==[^ ;]+'" in command
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^[A-Za-z0-9._-]+==[^ ;\n]+", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^\S+==", text, re.MULTILINE)) > 50
    assert not any("sha256" in pin for pin in pins)


def test_the_project_travels_without_history_environment_and_runs(config: dict[str, Any]) -> None:
    assert config["file_mounts"]["~/fashion-search"] == "."
    assert {".git", ".venv", "runs"} <= set(config["rsync_exclude"])
    assert ".gitignore" in config["rsync_filter"]


def test_usage_statistics_are_off_on_every_node(config: dict[str, Any]) -> None:
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert any("RAY_USAGE_STATS_ENABLED=0" in command for command in config[key])
