"""python -m cluster.check: each fault has a finding of its own, with its line, and the shipped files have none.

A fault is one change of a shipped file whose placeholders are filled in.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.check.document import DocumentError
from cluster.check.examine import examine, main
from cluster.check.finding import Finding
from cluster.check.forecast import describe
from tests.cluster.check.faults import FAULTS, SPOT
from tests.cluster.conftest import Changed
from tests.cluster.shipped import NAMES, ROOT, filled_in
from tests.processes import python


def the_only_fault(path: Path) -> Finding:
    examination = examine(path)
    assert len(examination.faults) == 1, "\n".join(map(str, examination.faults))
    assert examination.to_fill_in == ()
    return examination.faults[0]


@pytest.mark.parametrize(("name", "old", "new", "place", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_has_one_finding_at_its_line(
    changed: Changed, name: str, old: str, new: str, place: str, message: str
) -> None:
    path = changed(name, old, new)
    fault = the_only_fault(path)
    assert str(fault.place) == place
    assert re.search(message, str(fault).split("\n    ")[1])
    line = path.read_text(encoding="utf-8").splitlines()[fault.place.line() - 1]
    last = re.split(r"[.\]\[]", place.removesuffix("]"))[-1]
    assert last in line or last.isdigit(), f"line {fault.place.line()} is {line!r}"


def test_more_at_least_than_its_own_maximum_and_the_clusters_is_found_twice(changed: Changed) -> None:
    path = changed("config.yaml", "    min_workers: 0\n    max_workers: 8", "    min_workers: 9\n    max_workers: 8")
    assert [str(fault.place) for fault in examine(path).faults] == ["max_workers", f"{SPOT}.min_workers"]


def test_a_worker_without_the_token_is_found_where_no_container_sets_it(changed: Changed) -> None:
    path = changed("on-prem.yaml")
    text = path.read_text(encoding="utf-8")
    head, worker = text.split("worker_start_ray_commands:")
    path.write_text(head + "worker_start_ray_commands:" + worker.replace("RAY_AUTH_MODE=token ", ""), encoding="utf-8")
    fault = the_only_fault(path)
    assert str(fault.place) == "worker_start_ray_commands[1]"
    assert fault.received == "`ray start` without RAY_AUTH_MODE=token"


def test_a_dockerfile_of_another_ray_is_found_beside_kuberays_file(changed: Changed) -> None:
    path = changed("kuberay.yaml")
    path.with_name("Dockerfile").write_text("# ours\nFROM rayproject/ray:2.58.0-py311-gpu\n", encoding="utf-8")
    fault = the_only_fault(path)
    assert (fault.place.document.path.name, fault.place.line(), fault.received) == (
        "Dockerfile",
        2,
        "rayproject/ray:2.58.0-py311-gpu",
    )


def test_several_faults_are_found_at_once_in_the_order_of_their_lines(changed: Changed) -> None:
    path = changed("config.yaml", "2.60.0-py311-gpu", "latest")
    text = path.read_text(encoding="utf-8").replace("VolumeSize: 150", "VolumeSise: 150").replace("~: .", "~: nope")
    path.write_text(text.replace("rsync_filter: [.gitignore]", "rsync_filter: 3"), encoding="utf-8")
    faults = examine(path).faults
    assert [str(fault.place).rpartition(".")[2] for fault in faults] == ["image", "VolumeSise", "rsync_filter"]
    assert [fault.place.line() for fault in faults] == sorted(fault.place.line() for fault in faults)


def test_a_token_that_was_not_made_yet_is_something_to_do(changed: Changed, home: Path) -> None:
    (home / ".ray" / "auth_token").unlink()
    examination = examine(changed("config.yaml"))
    assert examination.faults == ()
    (to_do,) = examination.to_fill_in
    assert to_do.remedy == "Run `ray get-auth-token --generate; chmod 600 ~/.ray/auth_token`."


def test_without_botocore_a_file_for_aws_says_what_to_install(
    changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.check.schema_rules.find_spec", lambda name: None)
    assert the_only_fault(changed("config.yaml")).remedy == "Run `make env EXTRAS=aws`."


def test_an_image_may_be_pinned_by_its_digest_and_lie_in_a_registry_with_a_port(changed: Changed) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    path = changed("kuberay.yaml", "registry.example.com/fashion-search:2.60.0", "host:5000/search:2.60.0-x@" + digest)
    assert examine(path).faults == ()
    untagged = changed("kuberay.yaml", "registry.example.com/fashion-search:2.60.0", "host:5000/search")
    assert the_only_fault(untagged).received == "host:5000/search"


@pytest.mark.parametrize("junk", ["[]", "{}", "x", "3", "[null]", "{a: null}"])
@pytest.mark.parametrize("key", ["available_node_types", "docker", "file_mounts", "provider", "metadata", "auth"])
def test_a_value_of_another_kind_is_a_finding_and_no_crash(changed: Changed, key: str, junk: str) -> None:
    text = re.sub(rf"^{key}:.*?(?=^\w)", f"{key}: {junk}\n", filled_in("config.yaml"), flags=re.MULTILINE | re.DOTALL)
    path = changed("config.yaml")
    path.write_text(text, encoding="utf-8")
    if key == "provider":
        with pytest.raises(DocumentError, match=r"must have provider\.type"):
            examine(path)
    else:
        examination = examine(path)
        assert describe(examination.file)
        fine = junk == "{}" and key in ("docker", "auth")  # no container, and an SSH key that Ray makes
        assert (examination.faults == ()) == fine


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", r"must be YAML. Received: .*file.yaml, while parsing"),
        ("a: 2026-13-45\n", r"must be YAML. Received: .*file.yaml, month must be in 1..12. Check"),
        ("? [a]\n: 1\n", r"must be YAML. Received: .*file.yaml, while constructing a mapping"),
        ("a: &a [*a]\n", r"may hold itself. Received: .*file.yaml, where an alias"),
        ("", "must have keys and values"),
        ("- 1\n", "must have keys and values"),
        ("kind: Deployment\n", "must have provider.type, or hold a RayCluster"),
    ],
)
def test_what_is_no_clusters_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "file.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=message):
        examine(tmp_path / "file.yaml")


@pytest.mark.parametrize(("encoding", "byte"), [("latin-1", 16), ("utf-16", 0), ("cp437", 16)])
def test_a_file_that_is_not_utf_8_is_refused_with_a_remedy_that_helps(encoding: str, byte: int, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes("cluster_name: Größe\n".encode(encoding))
    with pytest.raises(DocumentError, match=rf"must be UTF-8. Received: .*file.yaml, whose byte {byte} is none. Save"):
        examine(tmp_path / "file.yaml")


AZURE = "cluster_name: a\nprovider: {type: azure, location: westus2, resource_group: a}\nauth: {ssh_user: me}\n"
AZURES_TYPES = "available_node_types: {gpu: {resources: {}, node_config: {}}, head: {resources: {}, node_config: {}}}\n"


@pytest.mark.parametrize("text", [AZURE, AZURE + AZURES_TYPES + "head_node_type: head\n"], ids=["defaults", "types"])
def test_a_provider_without_prices_is_forecast_no_price(tmp_path: Path, text: str) -> None:
    (tmp_path / "azure.yaml").write_text(text, encoding="utf-8")
    assert describe(examine(tmp_path / "azure.yaml").file).count("GPUs unknown, unknown price") == 2


def test_without_rays_schema_the_other_rules_go_on(
    changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Empty:
        submodule_search_locations = (str(tmp_path),)

    path = changed("config.yaml", "upscaling_speed: 1.0\n", "upscaling_sped: 1.0\nmax_workers: 80\n")
    monkeypatch.setattr("cluster.internals.find_spec", lambda name: Empty())
    assert str(the_only_fault(path).place) == "max_workers"
    assert "This Ray has no schema of a cluster's file where it was: left out." in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_filled_in_passes(changed: Changed, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(changed(name))]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"{name}: 0 faults, 0 to fill in")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_as_shipped_has_only_what_is_to_fill_in(
    home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(ROOT / "cluster" / name)
    assert main(["--template", path]) == 0
    assert main([path]) == 2
    told = capsys.readouterr().out
    assert "Received: " in told
    assert all(line.startswith("to fill in: ") for line in told.splitlines() if re.search(r"yaml:\d+", line))
    assert all("FILL-IN" in line for line in told.splitlines() if "Received: " in line)


def test_a_file_for_kuberay_is_checked_without_importing_ray_or_botocore(home: Path) -> None:
    code = (
        "import sys; from cluster.check.examine import main; code = main(['--template', 'cluster/kuberay.yaml']);"
        "sys.exit(code or 'ray' in sys.modules or 'botocore' in sys.modules)"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
