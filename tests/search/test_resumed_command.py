"""The command on a run that is there: finished, taken further, of other terms, damaged, with bad data or no cluster."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reports.records import load_outcome
from search.run import main
from search.study.storage.database import backup_file

from .command import SMALL, Command, results, resume_arguments, run, started, stored_trials

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(real_data: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of three trials, not to be changed."""
    output = tmp_path_factory.mktemp("runs")
    place = ["--local", "--trials", "3", "--data-dir", real_data, "--output", str(output), "--name", "x"]
    command = run(*SMALL, *place)
    assert command.process.returncode == 0, command.said()
    return output / "x"


@pytest.fixture
def run_dir(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "x"))


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a run but the locks and what SQLite has open, by name."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".lock", "-shm", "-wal"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if not path.name.startswith(".")}


def test_a_finished_run_has_what_is_asked_for_already(
    run_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    before = content(run_dir)
    assert main(["--resume", str(run_dir), "--trials", "2"]) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[1:] == ["already complete: 3 trials, nothing is left to do"], "after the first line"
    assert out.splitlines()[-1] == str(run_dir / "report.html")
    now = content(run_dir)
    assert {name: now[name] for name in before if not name.startswith("report.")} == {
        name: content for name, content in before.items() if not name.startswith("report.")
    }


def test_a_finished_run_refuses_what_it_would_ignore(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(run_dir)
    flags = ["--address", "nowhere:1", "--sampler", "random", "--max-concurrent", "3", "--time-budget", "1h"]
    assert main(["--resume", str(run_dir), "--trials", "3", *flags]) == 2
    ignored = "--address, --max-concurrent, --sampler, --time-budget"
    assert f"more --trials alone. Received: {ignored}, of a run of 3 trials" in capsys.readouterr().err
    assert content(run_dir) == before


def test_a_run_taken_further_runs_the_difference_and_one_asked_for_less_has_it_already(run_dir: Path) -> None:
    before = results(stored_trials(run_dir))
    command = run("--resume", str(run_dir), "--trials", "5", "--no-progress")
    assert command.process.returncode == 0, command.said()
    assert "4/6 search  5 trials, 3 of them done, sampler tpe, pruner halving" in command.lines
    now = results(stored_trials(run_dir))
    assert len(now) == 5
    assert {number: now[number] for number in before} == before
    assert len(load_outcome(run_dir / "outcome.json").trials) == 5

    (run_dir / "outcome.json").unlink()  # as if it had been interrupted in the retraining
    command = run("--resume", str(run_dir), "--trials", "4", "--no-progress")
    assert command.process.returncode == 0, command.said()
    assert "4/6 search  it already has 5 trials" in command.lines
    assert results(stored_trials(run_dir)) == now


def test_a_run_of_other_terms_is_refused_with_what_differs(run_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = results(stored_trials(run_dir))
    assert main(["--resume", str(run_dir), "--epochs", "3", "--seed", "7"]) == 2
    error = capfd.readouterr().err
    assert "All trials of a study must have the same settings. Received for study x:\n" in error
    assert "  epochs: 2 in the study, 3 now\n" in error
    assert "  seed: 0 in the study, 7 now\n" in error
    assert "go on with:" not in error, "the run does not go on that way"
    assert results(stored_trials(run_dir)) == before
    assert '"epochs": 2' in (run_dir / "config.json").read_text()


def test_a_damaged_study_is_refused_with_4_and_its_copy_opens(run_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before, file = results(stored_trials(run_dir)), run_dir / "study.db"
    damaged = file.read_bytes()[: file.stat().st_size // 2]
    file.unlink()
    file.write_bytes(damaged)
    assert main(["--resume", str(run_dir), "--trials", "5"]) == 4
    error = capfd.readouterr().err
    assert str(file) in error
    assert "study.db.backup" in error
    assert file.read_bytes() == damaged
    shutil.copy(backup_file(file), file)
    assert results(stored_trials(run_dir)) == before


def test_a_study_deleted_under_a_search_ends_it_with_4_and_is_whole_in_its_copy(real_data: str, tmp_path: Path) -> None:
    place = ["--local", "--trials", "4", "--data-dir", real_data, "--output", str(tmp_path), "--name", "x"]
    file = tmp_path / "x" / "study.db"
    with started(*SMALL, *place) as command:
        command.wait_for("  1/4 trial ")
        before = results(stored_trials(tmp_path / "x"))
        for each in file.parent.glob("study.db*"):
            each.unlink()
        command.end()
    assert command.process.returncode == 4, command.said()
    told = f"Received: {file} was deleted or replaced. All that it held is in {backup_file(file)}: move it back"
    assert told in command.said()
    backup_file(file).rename(file)
    command = run(*resume_arguments(command), "--no-progress")
    assert command.process.returncode == 0, command.said()
    now = results(stored_trials(tmp_path / "x"))
    assert len(now) == 4
    assert {number: now[number] for number in before} == before


def test_a_flipped_bit_in_the_data_ends_with_4_and_the_run_stays(
    run_dir: Path, real_data: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    shutil.copytree(real_data, data)
    file = next(data.glob("train-labels*"))
    whole = bytearray(file.read_bytes())
    whole[-100] ^= 1
    file.write_bytes(whole)
    before = content(run_dir)
    assert main(["--resume", str(run_dir), "--trials", "5", "--data-dir", str(data)]) == 4
    error = capfd.readouterr().err
    assert file.name in error
    assert "Expected:" in error
    assert f"kept: {run_dir}\ngo on with: python -m search.run --resume {run_dir}" in error
    now = content(run_dir)
    assert {name: now[name] for name in before if name != "log.txt"} == {
        name: content for name, content in before.items() if name != "log.txt"
    }


@pytest.fixture(params=["nobody", "somebody else"])
def wrong_address(request: pytest.FixtureRequest) -> Iterator[str]:
    """A port of this machine on which no Ray listens: nothing at all, or a server that is no Ray and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "somebody else":
            server.listen()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.ray
def test_an_address_without_a_ray_ends_with_4_and_leaves_the_name_free(
    wrong_address: str, real_data: str, tmp_path: Path
) -> None:
    place = ["--address", wrong_address, "--trials", "3", "--data-dir", real_data]
    command = run(*SMALL, *place, "--output", str(tmp_path), "--name", "x")
    require_unreachable(command, wrong_address)
    assert not any(line.startswith("kept: ") for line in command.lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong_address", ["nobody"], indirect=True)
def test_an_address_without_a_ray_ends_a_resumed_search_with_4_and_keeps_the_study(
    wrong_address: str, run_dir: Path
) -> None:
    study = stored_trials(run_dir)
    config = run_dir / "config.json"
    config.write_text(config.read_text(encoding="utf-8").replace('"local": true', '"local": false'), encoding="utf-8")
    command = run("--resume", str(run_dir), "--trials", "4", "--no-progress", "--address", wrong_address)
    require_unreachable(command, wrong_address)
    assert any(line.startswith("kept: ") for line in command.lines)
    assert stored_trials(run_dir) == study


def require_unreachable(command: Command, address: str) -> None:
    """What a search says that finds no cluster."""
    assert command.process.returncode == 4, command.said()
    assert f"error: The search must reach the Ray cluster at {address}. Received: " in command.said()
    assert "Check --address and `ray status`." in command.said()
