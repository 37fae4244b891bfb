"""python -m cluster.check: each fault has a finding of its own, with its line, and the shipped files have none.

A fault is one change of a shipped file whose placeholders are filled in.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.check import RULES, Rule, examine, main
from cluster.checks.document import DocumentError
from cluster.checks.finding import Finding
from cluster.checks.forecast import describe
from cluster.checks.ray_rules import ray_up_accepts_it
from tests.cluster.conftest import Changed
from tests.cluster.faults import FAULTS, RAYS_FAULTS, SPOT
from tests.cluster.shipped import NAMES, ROOT, filled_in

WITHOUT_RAY = tuple(rule for rule in RULES if rule is not ray_up_accepts_it)


def the_only_fault(path: Path, rules: tuple[Rule, ...] = WITHOUT_RAY) -> Finding:
    examination = examine(path, rules)
    assert len(examination.faults) == 1, "\n".join(map(str, examination.faults))
    assert examination.to_fill_in == ()
    return examination.faults[0]


@pytest.mark.parametrize(("name", "old", "new", "place", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_has_one_finding_at_its_line(
    changed: Changed, name: str, old: str, new: str, place: str, message: str
) -> None:
    path = changed(name, old, new)
    fault = the_only_fault(path)
    assert fault.place == place
    assert re.search(message, str(fault).split("\n    ")[1])
    line = path.read_text(encoding="utf-8").splitlines()[fault.line - 1]
    last = re.split(r"[.\]\[]", place.removesuffix("]"))[-1]
    assert last in line or last.isdigit(), f"line {fault.line} is {line!r}"


@pytest.mark.ray
@pytest.mark.parametrize(("old", "new", "place", "message"), RAYS_FAULTS.values(), ids=RAYS_FAULTS)
def test_what_only_ray_up_finds_is_found(changed: Changed, old: str, new: str, place: str, message: str) -> None:
    fault = the_only_fault(changed("config.yaml", old, new), RULES)
    assert fault.place == place
    assert re.search(message, str(fault))


@pytest.mark.ray
def test_more_at_least_than_the_whole_cluster_may_have_is_found_by_ray_and_by_us(changed: Changed) -> None:
    path = changed("config.yaml", "    min_workers: 0\n    max_workers: 8", "    min_workers: 9\n    max_workers: 8")
    assert [fault.place for fault in examine(path).faults] == ["max_workers", f"{SPOT}.min_workers"]


def test_a_worker_without_the_token_is_found_where_no_container_sets_it(changed: Changed) -> None:
    path = changed("on-prem.yaml")
    text = path.read_text(encoding="utf-8")
    head, worker = text.split("worker_start_ray_commands:")
    path.write_text(head + "worker_start_ray_commands:" + worker.replace("RAY_AUTH_MODE=token ", ""), encoding="utf-8")
    fault = the_only_fault(path)
    assert fault.place == "worker_start_ray_commands[1]"
    assert fault.received == "`ray start` without RAY_AUTH_MODE=token"


def test_a_dockerfile_of_another_ray_is_found_beside_kuberays_file(changed: Changed) -> None:
    path = changed("kuberay.yaml")
    path.with_name("Dockerfile").write_text("# ours\nFROM rayproject/ray:2.58.0-py311-gpu\n", encoding="utf-8")
    fault = the_only_fault(path)
    assert (fault.path.name, fault.line, fault.received) == ("Dockerfile", 2, "rayproject/ray:2.58.0-py311-gpu")


def test_several_faults_are_found_at_once_in_the_order_of_their_lines(changed: Changed) -> None:
    path = changed("config.yaml", "2.60.0-py311-gpu", "latest")
    text = path.read_text(encoding="utf-8").replace("VolumeSize: 150", "VolumeSise: 150").replace("~: .", "~: nope")
    path.write_text(text.replace("rsync_filter: [.gitignore]", "rsync_filter: 3"), encoding="utf-8")
    faults = examine(path, WITHOUT_RAY).faults
    assert [fault.place.rpartition(".")[2] for fault in faults] == ["image", "VolumeSise", "rsync_filter"]
    assert [fault.line for fault in faults] == sorted(fault.line for fault in faults)


def test_a_token_that_was_not_made_yet_is_something_to_do(changed: Changed, home: Path) -> None:
    (home / ".ray" / "auth_token").unlink()
    examination = examine(changed("config.yaml"), WITHOUT_RAY)
    assert examination.faults == ()
    (to_do,) = examination.to_fill_in
    assert to_do.remedy == "Run `ray get-auth-token --generate; chmod 600 ~/.ray/auth_token`."


def test_without_botocore_a_file_for_aws_says_what_to_install(
    changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.checks.aws_rules.find_spec", lambda name: None)
    assert the_only_fault(changed("config.yaml")).remedy == "Run `make env EXTRAS=aws`."


def test_an_image_may_be_pinned_by_its_digest_and_lie_in_a_registry_with_a_port(changed: Changed) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    path = changed("kuberay.yaml", "registry.example.com/fashion-search:2.60.0", "host:5000/search:2.60.0-x@" + digest)
    assert examine(path, WITHOUT_RAY).faults == ()
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
            examine(path, WITHOUT_RAY)
    else:
        examination = examine(path, WITHOUT_RAY)
        assert describe(examination.file)
        # no container, and an SSH key that Ray makes; that there are no nodes is for Ray to say
        fine = junk == "{}" and key in ("docker", "auth", "available_node_types")
        assert (examination.faults == ()) == fine


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", r"must be YAML. Received: while parsing"),
        ("", "must have keys and values"),
        ("- 1\n", "must have keys and values"),
        ("kind: Deployment\n", "must have provider.type, or hold a RayCluster"),
    ],
)
def test_what_is_no_clusters_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "file.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=message):
        examine(tmp_path / "file.yaml")


@pytest.mark.ray
@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_filled_in_passes(changed: Changed, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(changed(name))]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"{name}: 0 faults, 0 to fill in")


@pytest.mark.ray
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
        "import sys; from cluster.check import main; code = main(['--template', 'cluster/kuberay.yaml']);"
        "sys.exit(code or 'ray' in sys.modules or 'botocore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
