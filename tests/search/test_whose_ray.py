"""A search and the Rays of others: it joins none by accident, and says what became of one that it joined.

Real processes: other programs' Rays, two searches, signals, `ray stop`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reports.records import load_outcome

from .command import Command, new, results, resume_arguments, run, started, stored_trials

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]
TOLD_SECONDS = 45.0  # 15 are promised, on a machine that has nothing else to do
ALONE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
FOREIGN = """
import sys, ray
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
print("up", flush=True)
sys.stdin.readline()
print(ray.available_resources().get("CPU"), ray.get(ray.remote(lambda: "works").remote()), flush=True)
"""
STOPPED = """
ray start --head --num-cpus=2 --include-dashboard=false --disable-usage-stats >&2
python -m search.run "$@" &
read -r go
ray stop >&2
echo "stopped" >&2
wait $!
exit $?
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for Ray, with a path short enough for its sockets."""
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield Path(folder)


def waited(command: Command, text: str, since: float) -> float:
    command.wait_for(text)
    return time.monotonic() - since


@contextmanager
def foreign() -> Iterator[subprocess.Popen[str]]:
    """Another program with a Ray of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", FOREIGN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "up\n"
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_two_searches_a_foreign_ray_and_a_stale_file_leave_one_another_alone_and_a_closed_terminal_stops_one(
    short: Path, real_data: str, tmp_path: Path
) -> None:
    (short / "ray").mkdir()
    with foreign() as other, started(*new([], real_data, tmp_path, trials=500, name="a")) as first:
        (short / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
        first.wait_for("4/6 search")
        begun = time.monotonic()
        with started(*new([], real_data, tmp_path, trials=2, name="b")) as second:
            assert waited(second, "another search of yours runs on this machine", begun) < TOLD_SECONDS
            first.wait_for("  1/500 trial ")
            second.wait_for("4/6 search")
            assert first.end(signal.SIGHUP) < TOLD_SECONDS
            assert first.process.returncode == 129, first.said()
            assert "interrupted by SIGHUP" in first.lines
            second.end()
        assert second.process.returncode == 0, second.said()
        assert len(load_outcome(tmp_path / "b" / "outcome.json").trials) == 2
        assert "on the Ray cluster at" not in first.said() + second.said(), "each has its own"
        out, _ = other.communicate("\n", timeout=60)
        assert out == "1.0 works\n", "it lives, and nobody works there"
    before = results(stored_trials(tmp_path / "a"))
    command = run(*resume_arguments(first), "--trials", "1", "--no-progress")
    assert command.process.returncode == 0, command.said()
    assert results(stored_trials(tmp_path / "a")) == before
    assert len(load_outcome(tmp_path / "a" / "outcome.json").trials) == len(before) >= 1


@pytest.mark.skipif(
    os.geteuid() != 0, reason="`ray stop` ends every Ray that it sees; only root can hide others from it"
)
def test_ray_stop_under_a_search_ends_it_with_4_says_why_and_the_search_goes_on_without_that_ray(
    short: Path, real_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    shell = (*ALONE, "bash", "-c", STOPPED, "bash")
    with started(*new([], real_data, tmp_path, trials=500), by=shell, stdin=subprocess.PIPE) as command:
        command.wait_for("made by `ray start` on this machine")
        command.wait_for("  1/500 trial ")
        assert command.process.stdin is not None
        command.process.stdin.write("stop\n")
        command.process.stdin.close()
        seconds = command.end()
    assert (command.process.returncode, seconds < TOLD_SECONDS + 15) == (4, True), command.said()
    assert "error: Ray must live as long as the search on it." in command.said()
    assert f"kept: {tmp_path / 'x'}" in command.lines
    before = results(stored_trials(tmp_path / "x"))
    assert before
    again = run(*resume_arguments(command), "--trials", str(len(before)), "--no-progress")
    assert again.process.returncode == 0, again.said()
    assert "on the Ray cluster at" not in again.said()
    now = results(stored_trials(tmp_path / "x"))
    assert {number: now[number] for number in before} == before
