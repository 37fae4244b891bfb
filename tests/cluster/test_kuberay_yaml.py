"""kuberay.yaml against the schema of the KubeRay that it names, and what the operator's documents ask for."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from tests.cluster.shipped import ROOT, filled_in

PATH = ROOT / "cluster" / "kuberay.yaml"
SCHEMA = ROOT / "tests" / "cluster" / "kuberay-1.6.2.json"


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    return {each["kind"]: each for each in yaml.safe_load_all(filled_in("kuberay.yaml"))}


def errors(kind: str, value: object) -> list[str]:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema | {"$ref": f"#/definitions/{kind}"})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "RayCluster", "RayJob"])
def test_every_object_fits_the_schema_of_the_version_that_is_named(objects: dict[str, Any], kind: str) -> None:
    assert f"--version {SCHEMA.stem.removeprefix('kuberay-')}" in PATH.read_text(encoding="utf-8")
    assert errors(kind, objects[kind]) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("minReplicas: 0", "minReplica: 0"),
        ("minReplicas: 0", "minReplicas: none"),
        ("mode: token", "mode: tokens"),
        ("containerPort: 6379", "containerport: 6379"),
        ("medium: Memory", "medium: [Memory]"),
    ],
)
def test_the_schema_refuses_a_mistake(old: str, new: str) -> None:
    text = filled_in("kuberay.yaml")
    assert old in text
    (cluster,) = [each for each in yaml.safe_load_all(text.replace(old, new, 1)) if each["kind"] == "RayCluster"]
    assert len(errors("RayCluster", cluster)) >= 1


def test_the_job_runs_on_the_cluster_of_the_same_file(objects: dict[str, Any]) -> None:
    assert objects["RayJob"]["spec"]["clusterSelector"] == {"ray.io/cluster": objects["RayCluster"]["metadata"]["name"]}


def test_the_job_is_one_command_that_finds_the_project_by_the_images_path(objects: dict[str, Any]) -> None:
    entrypoint = objects["RayJob"]["spec"]["entrypoint"]
    assert entrypoint.startswith("python -m search.run ")
    assert not set(entrypoint) & set("&|;<>$`")
    assert "PYTHONPATH=/home/ray/fashion-search" in (ROOT / "cluster" / "Dockerfile").read_text(encoding="utf-8")


def test_the_runs_are_on_a_volume_that_outlives_the_head(objects: dict[str, Any]) -> None:
    pod = objects["RayCluster"]["spec"]["headGroupSpec"]["template"]["spec"]
    (volume,) = pod["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == objects["PersistentVolumeClaim"]["metadata"]["name"]
    (mount,) = pod["containers"][0]["volumeMounts"]
    assert mount["name"] == volume["name"]
    assert f"--output {mount['mountPath']}" in objects["RayJob"]["spec"]["entrypoint"]


def test_no_trial_runs_on_the_head_and_workers_start_from_zero(objects: dict[str, Any]) -> None:
    spec = objects["RayCluster"]["spec"]
    assert spec["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    (workers,) = spec["workerGroupSpecs"]
    assert (workers["minReplicas"], workers["replicas"]) == (0, 0)
