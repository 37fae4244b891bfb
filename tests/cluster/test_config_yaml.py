"""What cluster/config.yaml promises and no other test of it says: set-up, versions, what travels to the nodes."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "cluster" / "config.yaml"


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    loaded = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def locked(name: str) -> str:
    found = re.search(rf"^{re.escape(name)}==([^\s;]+)", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE)
    assert found, f"requirements.lock must pin {name}: run `make lock`"
    return found[1]


def all_commands(config: dict[str, Any]) -> str:
    return "\n".join(line for key, lines in config.items() if key.endswith("_commands") for line in lines)


def test_every_node_type_has_the_users_image(config: dict[str, Any]) -> None:
    kinds = config["available_node_types"].values()
    assert {kind["node_config"]["ImageId"] for kind in kinds} == {"ami-FILL-IN"}


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


def test_both_start_commands_turn_the_token_on_and_usage_statistics_off(config: dict[str, Any]) -> None:
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        (start,) = [command for command in config[key] if "ray start" in command]
        assert "RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0" in start.partition("ray start")[0]
