"""The command as a user meets it: help, wrong input, exit codes, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fashion_model.source import FILES
from search.run import main

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "search.run", *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_help_reads_well_and_answers_in_half_a_second() -> None:
    best = float("inf")
    for _ in range(3):  # the best of three: a busy machine is not the command's fault
        start = time.perf_counter()
        result = command("--help")
        best = min(best, time.perf_counter() - start)
    assert result.returncode == 0
    assert best < 0.5
    for text in ("--trials N", "--local", "examples:", "exit codes:", "python -m search.run --trials 50"):
        assert text in result.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['run', '--help']\n"
        "from search.run import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'optuna', 'ray', 'keras', 'tensorflow', 'matplotlib', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trials", "0"], "--trials must be at least 1. Received: 0."),
        (["--epochs", "-3"], "--epochs must be at least 1. Received: -3."),
        (["--name", "a/b"], "--name must be up to 64 letters"),
        (
            ["--train-size", "5"],
            "--train-size must be from 120 to 59990 images, or left out for all 60000. Received: 5.",
        ),
        (["--config", "missing.toml"], "--config must name a readable TOML file"),
        (["--output", "/proc/nowhere"], "--output must name a folder that can be written"),
        (["--report-only", "nowhere"], "must be the outcome of a finished search"),
        (["--local", "--address", "auto"], "--address must be left out with --local"),
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
    assert err.startswith("error: ")
    assert out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/sys/kernel").is_dir(), reason="no read-only place to try")
def test_an_output_that_cannot_be_written_ends_with_2_even_for_root(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--local", "--output", "/sys/kernel/runs"]) == 2
    assert "--output must name a folder that can be written. Received: /sys/kernel/runs/" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["missing", "truncated", "altered"])
def test_bad_data_ends_with_4_names_the_file_and_leaves_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in FILES if kind != "missing" else ():
        content = b"\x1f\x8b\x08" if kind == "truncated" else b"\0" * 100
        (data / (f"{name}.gz" if kind == "truncated" else name)).write_bytes(content)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    assert main(["--data-dir", str(data), "--local"]) == 4
    err = capfd.readouterr().err
    assert "train-images-idx3-ubyte" in err
    for text in ("Expected:", "Received:", "apt-get install dataset-fashion-mnist", "--data-dir DIR"):
        assert text in err
    assert list(work.iterdir()) == []


def test_a_database_that_cannot_be_opened_ends_with_4(
    tmp_path: Path, real_data: str, capfd: pytest.CaptureFixture[str]
) -> None:
    storage = f"sqlite:///{tmp_path}/missing/study.db"
    arguments = ["--local", "--train-size", "120", "--data-dir", real_data, "--output", str(tmp_path / "runs")]
    assert main([*arguments, "--storage", storage]) == 4
    told = f"error: A study must be in a folder that can be written. Received: {tmp_path}/missing: "
    assert told in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_dry_run_and_print_config_print_the_settings_and_do_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--print-config", "--trials", "8"]) == 0
    assert "trials = 8\n" in capsys.readouterr().out
    assert main(["--dry-run", "--trials", "8", "--epochs", "3", "--retrain-seeds", "2"]) == 0
    out = capsys.readouterr().out
    assert "# up to 8 trials of at most 3 epochs" in out
    assert "6 trainings of finalists and 4 of reference and best, 3 epochs each" in out
    assert list(tmp_path.iterdir()) == []
