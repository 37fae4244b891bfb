"""The command as a user meets it: help, wrong input, exit codes, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fashion_model.task import FASHION_MNIST
from search.command.settings import Settings
from search.run import main
from tests.processes import ROOT, child, python, said

from .command import started
from .test_resume_arguments import make_run


def test_help_reads_well_and_answers_in_half_a_second() -> None:
    best = float("inf")
    for _ in range(3):  # the best of three: a busy machine is not the command's fault
        start = time.perf_counter()
        result = python("-m", "search.run", "--help")
        best = min(best, time.perf_counter() - start)
    assert result.returncode == 0
    assert best < 0.5
    for text in ("--trials N", "--local", "examples:", "exit codes:", "python -m search.run --trials 50"):
        assert text in result.stdout


@pytest.mark.parametrize("command", ["run", "status", "submit"])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        f"import sys; sys.argv = ['{command}', '--help']\n"
        f"from search.{command} import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'optuna', 'sqlalchemy', 'ray', 'keras', 'tensorflow', 'matplotlib', 'rich'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    result = python("-c", code)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("place", "number", "ending"),
    [
        (["--local"], signal.SIGINT, "Ctrl-C"),
        (["--local"], signal.SIGTERM, "SIGTERM"),
        (["--local"], signal.SIGHUP, "SIGHUP"),
        ([], signal.SIGTERM, "SIGTERM"),
    ],
)
def test_a_signal_before_the_study_is_open_is_answered_and_leaves_nothing(
    place: list[str], number: signal.Signals, ending: str, tmp_path: Path
) -> None:
    arguments = [*place, "--output", str(tmp_path), "--name", "x"]
    with started(*arguments) as process:
        process.wait_for("x: ")
        process.end(number)
    assert process.process.returncode == 128 + number
    assert process.lines[1:] == [f"interrupted by {ending}", "nothing was kept: no trial had begun"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [["--local"], []], ids=["local", "ray"])
def test_a_resumed_run_is_kept_when_a_signal_comes_before_anything_is_loaded(place: list[str], tmp_path: Path) -> None:
    folder = make_run(Settings(name="x", output=str(tmp_path)))
    with started(*place, "--resume", str(folder)) as process:
        process.wait_for("x: ")
        process.end(signal.SIGINT)
    assert process.process.returncode == 130
    go_on = f"go on with: python -m search.run --resume {folder}"
    assert process.lines[1:] == ["interrupted by Ctrl-C", f"kept: {folder}", go_on]
    assert (folder / "config.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trials", "0"], "--trials must be at least 1. Received: 0."),
        (["--config", "missing.toml"], "--config must name a readable TOML file"),
        (["--output", "/proc/nowhere"], "--output must name a folder that can be written"),
        (["--report-only", "nowhere"], "--report-only must name a run's folder. Received: nowhere"),
    ],
)
def test_wrong_input_ends_with_2_and_its_message_and_leaves_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.splitlines()[-1].startswith("error: ")
    assert out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [
        ("run --help", ""),
        ("run --version", ""),
        ("run --print-config", ""),
        ("run --print-config", "1"),
        ("run --dry-run", ""),
        ("status --help", ""),
    ],
)
def test_a_reader_that_leaves_early_is_no_fault(command: str, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with os.fdopen(writing, "wb") as closed:
        command_line = [sys.executable, "-m", *f"search.{command}".split()]
        ended = subprocess.run(
            command_line, cwd=ROOT, env=environment, stdout=closed, stderr=subprocess.PIPE, text=True
        )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_bad_data_ends_with_4_names_the_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in FASHION_MNIST.files:
        (data / f"{name}.gz").write_bytes(b"\x1f\x8b\x08")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setitem(sys.modules, "ray", None)  # it is refused before Ray is loaded
    assert main(["--data-dir", str(data)]) == 4
    err = capfd.readouterr().err
    assert "train-images-idx3-ubyte" in err
    for text in ("Expected:", "Received:", "apt-get install dataset-fashion-mnist", "--data-dir DIR"):
        assert text in err
    assert list(work.iterdir()) == []


def test_the_first_line_comes_before_anything_heavy_is_loaded() -> None:
    code = """
import sys
from search import run
class Stream:
    def write(self, text):
        print(text, [name for name in ("numpy", "optuna", "pandas", "ray") if name in sys.modules])
        raise SystemExit
sys.stderr = Stream()
run.main(["--local", "--name", "x", "--trials", "1", "--epochs", "2"])
"""
    with child(code) as process:
        assert said(process) == f"x: 1 trial of at most 2 epochs, in {Path('runs/x').resolve()} []"
