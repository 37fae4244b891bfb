"""cluster/slurm.sh with stand-ins for SLURM's and Ray's commands, which record every argument: what it starts where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "cluster" / "slurm.sh"
# Each records its name, arguments and what it inherited. srun runs the step's command, as a node of 8 cores would.
STAND_IN = f"""#!{sys.executable}
import json, os, signal, subprocess, sys, time
name, given = os.path.basename(sys.argv[0]), sys.argv[1:]
if given[:1] == ["-c"] and name == "python":
    os.execv({sys.executable!r}, [{sys.executable!r}, *given])
with open(os.environ["RECORD"], "a") as record:
    inherited = {{key: os.environ.get(key) for key in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "SLURM_CPUS_ON_NODE")}}
    record.write(json.dumps([name, given, os.getcwd(), inherited]) + "\\n")
if name == "scontrol":
    print(os.environ["NODES"].replace(",", "\\n"))
elif name == "hostname":
    print("10.1.2.3 192.168.0.7")
elif name == "srun":
    step = next(index for index, word in enumerate(given) if not word.startswith("--"))
    os.environ["SLURM_CPUS_ON_NODE"] = "8"
    os.execvp(given[step], given[step:])
elif name == "ray" and given[0] == "start" and os.environ.get("RAY_FAILS"):
    sys.exit(1)
elif name == "ray" and given[0] == "start":
    parent, until = os.getppid(), time.monotonic() + 60
    while os.getppid() == parent and time.monotonic() < until:
        time.sleep(0.05)
elif name == "ray":
    sys.exit(bool(os.environ.get("RAY_FAILS")))
else:
    while open(os.environ["RECORD"]).read().count('"start"') < (2 if "," in os.environ["NODES"] else 1):
        time.sleep(0.05)  # the other nodes begin while the search does
    if os.environ.get("SEARCH_WAITS"):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        open(os.environ["RECORD"] + ".waits", "w").close()
        time.sleep(60)
    sys.exit(int(os.environ.get("SEARCH_ENDS_WITH", "0")))
"""

Call = tuple[str, list[str], str, dict[str, str | None]]


class Slurm:
    """A folder with an environment of stand-ins, from which the script is started as sbatch would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        bin_ = folder / ".venv" / "bin"
        bin_.mkdir(parents=True)
        for name in ("ray", "python", "srun", "scontrol", "hostname"):
            (bin_ / name).write_text(STAND_IN)
            (bin_ / name).chmod(0o755)
        self.record = folder / "record"

    def start(self, *flags: str, nodes: str = "n1,n2,n3", **others: str) -> subprocess.Popen[str]:
        variables = {"SLURM_SUBMIT_DIR": str(self.folder), "SLURM_JOB_NODELIST": "n[1-3]", "SLURM_JOB_ID": "1234567"}
        variables |= {"NODES": nodes, "RECORD": str(self.record), "SLURM_CPUS_ON_NODE": "2", **others}
        path = {"PATH": f"{self.folder}/.venv/bin:{os.environ['PATH']}"}
        return subprocess.Popen(
            [str(SCRIPT), *flags],
            cwd="/",
            env=path | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def calls(self, name: str) -> list[Call]:
        recorded: list[Call] = [tuple(json.loads(line)) for line in self.record.read_text().splitlines()]
        return [call for call in recorded if call[0] == name]


@pytest.fixture
def slurm(tmp_path: Path) -> Slurm:
    return Slurm(tmp_path)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


NODE = ["--num-cpus=8", "--temp-dir=/tmp/ray-1234567", "--disable-usage-stats", "--block"]
STEP = ["--ntasks-per-node=1", "--cpu-bind=none", "--kill-on-bad-exit=0"]


def test_ray_starts_on_every_node_and_the_search_runs_on_the_first(slurm: Slurm) -> None:
    code, output = ended(slurm.start("--trials", "200", "--name", "my run"))
    assert (code, output) == (0, "")
    assert [call[1] for call in slurm.calls("scontrol")] == [["show", "hostnames", "n[1-3]"]]
    steps = [[word for word in call[1] if word.startswith("--")] for call in slurm.calls("srun")]
    assert steps == [
        [*STEP, "--nodes=1", "--ntasks=1", "--nodelist=n1"],
        [*STEP, "--nodes=2", "--ntasks=2", "--exclude=n1"],
    ]
    head = ["start", "--head", "--node-ip-address=10.1.2.3", "--port=24567", "--include-dashboard=false", *NODE]
    others = ["start", "--address=10.1.2.3:24567", *NODE]
    assert [call[1] for call in slurm.calls("ray") if call[1][0] == "start"] == [head, others]
    ((_, search, folder, _),) = slurm.calls("python")
    place = ["--address", "10.1.2.3:24567", "--storage-path", f"{slurm.folder}/runs"]
    assert search == ["-m", "search.run", *place, "--trials", "200", "--name", "my run"]
    assert folder == str(slurm.folder)


def test_every_ray_and_the_search_have_the_token_of_the_job(slurm: Slurm) -> None:
    assert ended(slurm.start())[0] == 0
    inherited = [call[3] for name in ("ray", "python") for call in slurm.calls(name)]
    assert {each["RAY_AUTH_MODE"] for each in inherited} == {"token"}
    (token,) = {each["RAY_AUTH_TOKEN"] for each in inherited}
    slurm.record.unlink()
    assert ended(slurm.start())[0] == 0
    assert token is not None
    assert len(token) == 64
    assert token != slurm.calls("python")[0][3]["RAY_AUTH_TOKEN"]


def test_on_one_node_there_is_one_step(slurm: Slurm) -> None:
    assert ended(slurm.start(nodes="n1"))[0] == 0
    assert len(slurm.calls("srun")) == 1


@pytest.mark.parametrize("code", [2, 3])
def test_the_job_ends_with_the_searchs_exit_code(slurm: Slurm, code: int) -> None:
    assert ended(slurm.start(SEARCH_ENDS_WITH=str(code)))[0] == code


def test_the_signal_before_the_time_limit_reaches_the_search(slurm: Slurm) -> None:
    job = slurm.start(SEARCH_WAITS="1")
    while not Path(f"{slurm.record}.waits").exists():
        assert job.poll() is None
        time.sleep(0.05)
    job.send_signal(signal.SIGTERM)
    assert ended(job)[0] == 143


def test_a_ray_that_does_not_start_is_said(slurm: Slurm) -> None:
    code, output = ended(slurm.start(RAY_FAILS="1"))
    assert code == 4
    assert "Received: no answer of 10.1.2.3:24567 on n1." in output
    assert slurm.calls("python") == []


def test_what_the_script_needs_is_named(slurm: Slurm) -> None:
    code, output = ended(slurm.start(SLURM_SUBMIT_DIR=""))
    assert code != 0
    assert "must be started by sbatch" in output
    code, output = ended(slurm.start(SLURM_SUBMIT_DIR="/"))
    assert code == 2
    assert "no .venv/bin/ray in /. Run `make env` there" in output


def by_name(options: list[str]) -> Mapping[str, str]:
    return dict(option.removeprefix("--").partition("=")[::2] for option in options)


def test_the_searchs_time_to_stop_is_asked_of_slurm() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    options = by_name([line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")])
    assert options["signal"] == "B:TERM@180"
    assert options["ntasks-per-node"] == "1"
    last = max(index for index, line in enumerate(lines) if line.startswith("#SBATCH"))
    assert all(line.startswith("#") for line in lines[: last + 1]), "sbatch reads options up to the first command only"
