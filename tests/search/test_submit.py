"""`python -m search.submit`: to a real Ray Jobs address from beginning to end, and what it says when it cannot.

    pytest tests/search/test_submit.py -m "ray or not ray"

With machines behind SSH it is tested in tests/lab.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from reports.records import load_outcome

from .command import ROOT, SMALL

ONE_TRIAL = [*SMALL, "--trials", "1", "--epochs", "1"]
RAY = """
import socket, sys
from ray.cluster_utils import Cluster

sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
dashboard, agent = (each.getsockname()[1] for each in sockets)  # not the usual ones, which another Ray may have
[each.close() for each in sockets]
ports = {"dashboard_port": dashboard, "dashboard_agent_listen_port": agent}
size = {"num_cpus": 2, "object_store_memory": 150_000_000, "include_dashboard": True}
cluster = Cluster(initialize_head=True, head_node_args=ports | size)
print("http://" + cluster.webui_url, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@dataclass(frozen=True)
class Somewhere:
    """A home folder, and with a Ray its Jobs address."""

    home: Path
    address: str = ""

    def submit(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command from its beginning to its end, in an empty folder of the home."""
        return subprocess.run(
            [sys.executable, "-m", "search.submit", *words],
            env=self.environment(environment),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=200,
        )

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return clean | {"HOME": str(self.home), "PATH": path, "PYTHONPATH": str(ROOT)} | more


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Somewhere]:
    """A Ray of one machine, with token and dashboard; its processes end with it."""
    home = Somewhere(tmp_path_factory.mktemp("home"))
    folder = {name: value for name, value in os.environ.items() if name == "RAY_TMPDIR"}
    (home.home / ".ray").mkdir()
    (home.home / ".ray" / "auth_token").write_text("5" * 64, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", RAY],
        env=home.environment({"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"} | folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as ray:
        assert ray.stdout is not None
        address = next(line.strip() for line in ray.stdout if line.startswith("http://"))
        yield Somewhere(home.home, address)
        ray.communicate()


def asked(somewhere: Somewhere, *words: str) -> Sequence[str]:
    return ["--address", somewhere.address, *words]


@pytest.fixture(scope="module")
def finished(cluster: Somewhere) -> subprocess.CompletedProcess[str]:
    """The search `a`, come to its end."""
    ended = cluster.submit(*asked(cluster, "--name", "a", *ONE_TRIAL))
    assert ended.returncode == 0, ended.stderr
    return ended


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_is_run_and_its_folder_fetched_through_the_jobs_address_alone(
    cluster: Somewhere, finished: subprocess.CompletedProcess[str]
) -> None:
    ended = finished
    assert ended.stdout == "runs/a/report.html\n"
    assert "submitted: a. It goes on without this computer" in ended.stderr
    assert "6/6 report" in ended.stderr
    here, there = (home / "runs" / "a" for home in (cluster.home, cluster.home / "fashion-search"))
    assert [trial.status for trial in load_outcome(here / "outcome.json").trials] == ["COMPLETE"]
    for name in ("report.html", "predictions.npz", "models/reference-1.keras", "study.db"):
        assert (here / name).read_bytes() == (there / name).read_bytes()
    assert here.stat().st_mode & 0o077 == 0, "readable by its owner alone, as where it was made"

    again = cluster.submit(*asked(cluster, "--name", "a", *ONE_TRIAL))
    assert again.returncode == 0
    assert "a was submitted before: this command follows it" in again.stderr
    followed = cluster.submit(*asked(cluster, "--follow", "a", "--json"))
    assert followed.stdout == (here / "report.json").read_text(encoding="utf-8") + "\n"


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.usefixtures("finished")
def test_what_a_refused_or_failed_later_attempt_leaves_is_what_the_cluster_has(cluster: Somewhere) -> None:
    here = cluster.home / "runs" / "a"
    shutil.rmtree(here)
    refused = cluster.submit(*asked(cluster, "--name", "a", *ONE_TRIAL, "--max-failures", "3"))
    assert refused.returncode == 2, refused.stderr
    assert refused.stdout == "runs/a/report.html\n", "the finished run is there still, and may have been nowhere else"
    overwritten = cluster.submit(
        *asked(cluster, "--name", "a", *ONE_TRIAL, "--overwrite", "--data-dir", "/no/such/folder")
    )
    assert overwritten.returncode == 4, overwritten.stderr
    assert overwritten.stdout == ""
    assert "/no/such/folder" in overwritten.stderr, "the search's own message comes through"
    assert "It goes on with the same command and --name a" in overwritten.stderr
    assert not (here / "report.html").exists()


@pytest.mark.ray
@pytest.mark.slow
def test_a_search_that_is_stopped_ends_with_143_and_the_same_command_goes_on_with_it(cluster: Somewhere) -> None:
    size = [*SMALL, "--trials", "2"]
    words = [sys.executable, "-m", "search.submit", *asked(cluster, "--name", "c", *size)]
    with subprocess.Popen(
        words,
        env=cluster.environment({}),
        cwd=cluster.home,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as first:
        assert first.stderr is not None
        assert any("4/6 search" in line for line in first.stderr)
        stopped = cluster.submit(*asked(cluster, "--stop", "c"))
        first.stderr.read()
    assert stopped.returncode == 0
    assert "c has ended (STOPPED)" in stopped.stderr
    assert first.returncode == 143
    assert (cluster.home / "runs" / "c" / "config.json").exists(), "what there is of it was fetched"

    ended = cluster.submit(*asked(cluster, "--name", "c", *size))
    assert ended.returncode == 0, ended.stderr
    assert "submitted: c-2" in ended.stderr
    trials = load_outcome(cluster.home / "runs" / "c" / "outcome.json").trials
    assert len(trials) == 2


@pytest.mark.ray
@pytest.mark.parametrize(
    ("token", "received"),
    [
        ("", "Received: none, and the cluster asks for one (401)"),
        ("0" * 64, "Received: one that the cluster refuses (403)"),
    ],
)
def test_without_the_right_token_it_says_where_it_belongs(
    cluster: Somewhere, tmp_path: Path, token: str, received: str
) -> None:
    stranger = Somewhere(tmp_path, cluster.address)
    ended = stranger.submit(*asked(stranger, "--trials", "1"), **({"RAY_AUTH_TOKEN": token} if token else {}))
    assert ended.returncode == 4
    assert ended.stderr.startswith("error: The cluster's token must be in ~/.ray/auth_token or RAY_AUTH_TOKEN.")
    assert received in ended.stderr
    assert "ray get-auth-token --generate" in ended.stderr


def test_an_address_where_nothing_answers_is_told(tmp_path: Path) -> None:
    ended = Somewhere(tmp_path).submit("--address", "http://127.0.0.1:9", "--trials", "1")
    assert ended.returncode == 4
    assert "error: The cluster's Jobs API must answer. Received: http://127.0.0.1:9: " in ended.stderr


def test_a_cluster_file_that_is_missing_or_not_filled_in_is_refused_before_anything_starts(tmp_path: Path) -> None:
    somewhere = Somewhere(tmp_path)
    missing = somewhere.submit("--cluster", "no.yaml", "--trials", "1")
    assert missing.returncode == 2
    assert "error: A cluster's file must be readable. Received: [Errno 2] No such file or directory" in missing.stderr
    file = "provider: {type: aws}\nImageId: ami-FILL-IN   # FILL-IN\n# what FILL-IN means\n"
    (tmp_path / "c.yaml").write_text(file, encoding="utf-8")
    unfilled = somewhere.submit("--cluster", "c.yaml", "--trials", "1")
    assert unfilled.returncode == 2
    assert "must have no placeholder left. Received: c.yaml, line 2: ami-FILL-IN." in unfilled.stderr
    assert "line 3" not in unfilled.stderr


def test_a_token_that_every_node_should_get_must_be_there_before_anything_starts(tmp_path: Path) -> None:
    mounts = "provider: {type: aws}\nfile_mounts:\n  ~/.ray/auth_token: ~/.ray/auth_token\n"
    (tmp_path / "c.yaml").write_text(mounts, encoding="utf-8")
    ended = Somewhere(tmp_path).submit("--cluster", "c.yaml", "--trials", "1")
    assert ended.returncode == 4
    assert f"Received: no token, and c.yaml sends {tmp_path}/.ray/auth_token to every node" in ended.stderr
