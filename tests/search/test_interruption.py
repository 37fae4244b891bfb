"""Ctrl-C, SIGTERM, SIGKILL and the end of the time, sent to the command: what it leaves, and how it goes on."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from reports.records import load_outcome, load_state
from search.run import main

from .command import Command, new, results, resume_arguments, run, started, states, stored_trials

pytestmark = pytest.mark.slow
PLACES = [pytest.param(["--local"], id="local"), pytest.param(["--address", "local"], id="ray", marks=pytest.mark.ray)]
# 10 on a machine with nothing else to do
MOST_SECONDS = 25.0


def require_resumable(command: Command, run_dir: Path, ending: str) -> None:
    """What every interrupted run leaves and says."""
    said = command.said()
    assert ending in command.lines
    assert f"kept: {run_dir}" in command.lines
    assert resume_arguments(command) == ["--resume", str(run_dir)]
    assert re.search(r"^  \d complete, \d pruned, 0 failed; \d+ epochs?$", said, re.MULTILINE)
    assert f"{run_dir}/report.html" in command.lines
    assert ending in (run_dir / "report.html").read_text(encoding="utf-8")
    assert load_state(run_dir / "state.json").ending == ending
    assert "RUNNING" not in states(stored_trials(run_dir))


@pytest.mark.parametrize("place", PLACES)
def test_a_search_that_is_stopped_keeps_every_result_and_goes_on(
    place: list[str], real_data: str, tmp_path: Path
) -> None:
    run_dir = tmp_path / "x"
    arguments = new(place, real_data, tmp_path, trials=5)
    before: dict[int, object] = {}
    for number, group, code, ending in (
        (signal.SIGTERM, False, 143, "interrupted by SIGTERM"),
        (signal.SIGINT, True, 130, "interrupted by Ctrl-C"),
    ):
        with started(*arguments) as command:
            command.wait_for(f"  {len(before) + 1}/5 trial ")
            seconds = command.end(number, group=group)
        print(f"{place[0]}: {ending} to the {'group' if group else 'process'}: {seconds:.1f} s")
        assert (command.process.returncode, seconds < MOST_SECONDS) == (code, True), command.said()
        require_resumable(command, run_dir, ending)
        now = results(stored_trials(run_dir))
        assert len(now) > len(before)
        assert {number: now[number] for number in before} == before
        before, arguments = dict(now), [*resume_arguments(command), "--no-progress"]
    command = run(*arguments)
    assert command.process.returncode == 0, command.said()
    now = results(stored_trials(run_dir))
    assert len(now) == 5
    assert {number: now[number] for number in before} == before
    assert not (run_dir / "state.json").exists()
    assert load_outcome(run_dir / "outcome.json").study == "x"


@pytest.mark.parametrize("place", PLACES)
def test_a_second_ctrl_c_ends_the_command_at_once_and_the_run_goes_on(
    place: list[str], real_data: str, tmp_path: Path
) -> None:
    with started(*new(place, real_data, tmp_path, trials=2)) as command:
        command.wait_for("  1/2 trial ")
        command.process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        seconds = command.end(signal.SIGINT)
    assert command.process.returncode == 130, command.said()
    assert seconds < 2.0
    kept = results(stored_trials(tmp_path / "x"))
    assert kept
    assert {state for state, *_ in kept.values()} == {"COMPLETE"}
    if place == ["--local"]:  # elsewhere it would be the same once more
        command = run("--resume", str(tmp_path / "x"), "--no-progress")
        assert command.process.returncode == 0, command.said()
        now = results(stored_trials(tmp_path / "x"))
        assert len(now) == 2
        assert {number: now[number] for number in kept} == kept


def test_a_search_whose_time_is_used_up_is_retrained_reported_and_can_go_on(real_data: str, tmp_path: Path) -> None:
    place = ["--local", "--time-budget", "25s"]
    command = run(*new(place, real_data, tmp_path, trials=500))
    assert command.process.returncode == 0, command.said()
    trials = load_outcome(tmp_path / "x" / "outcome.json").trials
    assert 1 <= len(trials) < 500
    assert f"the search ends after {len(trials)} trial" in command.said()
    told = f"{len(trials)} of 500 trials: the time budget was used up. Go on with: python -m search.run --resume"
    assert told in command.lines[-1]
    assert "RUNNING" not in states(stored_trials(tmp_path / "x"))
    assert (tmp_path / "x" / "report.html").exists()


def test_a_driver_killed_in_the_trainings_after_the_search_repeats_neither_trial_nor_training(
    real_data: str, tmp_path: Path
) -> None:
    run_dir = tmp_path / "x"
    arguments = [*new(["--local"], real_data, tmp_path, trials=3), "--finalists", "2", "--retrain-seeds", "2"]
    kept: dict[Path, int] = {}
    trials: list[object] = []
    for line in ("  3/8 trainings · trial ", " trainings · reference 1 · "):
        with started(*arguments) as command:
            command.wait_for(line)
            command.end(signal.SIGKILL)
        now = {file: file.stat().st_mtime_ns for file in (run_dir / "trainings").iterdir() if file.suffix == ".json"}
        assert len(now) > len(kept)
        assert {file: now[file] for file in kept} == kept, "a training was made twice"
        trials = trials or list(stored_trials(run_dir))
        assert stored_trials(run_dir) == trials
        kept, arguments = now, ["--resume", str(run_dir), "--no-progress"]
    command = run(*arguments)
    assert command.process.returncode == 0, command.said()
    assert "4/6 search  it already has 3 trials" in command.lines
    assert stored_trials(run_dir) == trials
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert len(load_outcome(run_dir / "outcome.json").finals) == 4


def test_a_second_driver_of_a_run_is_refused_within_seconds_and_the_first_goes_on(
    real_data: str, tmp_path: Path
) -> None:
    with started(*new(["--local"], real_data, tmp_path, trials=2)) as first:
        first.wait_for("4/6 search")
        for arguments in (["--resume", str(tmp_path / "x")], ["--output", str(tmp_path), "--name", "x", "--overwrite"]):
            start = time.monotonic()
            second = run(*arguments, "--local")
            assert second.process.returncode == 5, second.said()
            assert time.monotonic() - start < 10.0
            told = f"error: A study has one driver at a time. Received: {tmp_path / 'x'}, on which another process is"
            assert told in second.said()
        first.wait_for("  2/2 trial ")
        assert len(results(stored_trials(tmp_path / "x"))) == 2


def test_a_search_of_which_every_trial_fails_ends_with_3_and_goes_on_when_that_is_mended(
    real_data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from fashion_model.training.training import Training

    def fail(training: Training, number: int, validation: object) -> None:
        raise RuntimeError("no such kernel")

    run_dir = tmp_path / "x"
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_run_epoch", fail)
        code = main([*new(["--local"], real_data, tmp_path, trials=8), "--max-failures", "3"])
    told = (
        "error: Fewer than 3 trials in a row may fail. Received: that many, the last of them trial "
        r"\d+: raised: RuntimeError: no such kernel. Mend the cause, or raise --max-failures."
    )
    lines = capfd.readouterr().err.splitlines()
    assert code == 3
    assert any(re.fullmatch(told, line) for line in lines)
    assert f"go on with: python -m search.run --resume {run_dir}" in lines
    assert str(run_dir / "report.html") in lines
    before = results(stored_trials(run_dir))
    assert [result[0] for result in before.values()] == ["FAIL"] * 3, "the other five are not burned"
    assert main(["--resume", str(run_dir), "--trials", "4", "--no-progress"]) == 0
    now = results(stored_trials(run_dir))
    assert {number: now[number] for number in before} == before
    assert [result[0] for number, result in now.items() if number not in before] == ["COMPLETE"]
