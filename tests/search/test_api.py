"""The search from Python: a command in a process of its own, whose end is the caller's outcome or exception."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

import search
from reports.records import load_outcome
from search import FoundBest, SearchFailed, Settings, run_search
from search.command.arguments import parse
from search.session.api import _flags
from tests.processes import ROOT, python

GOLDEN = Path(__file__).resolve().parents[1] / "reports" / "records" / "golden" / "outcome.json"

HEAVY = {"numpy", "ray", "optuna", "keras", "tensorflow", "pandas", "pyarrow", "rich"}


def test_the_package_and_what_it_offers_load_nothing_heavy() -> None:
    code = "import sys; from search import Settings, run_search; print(*sys.modules)"
    loaded = python("-c", code)
    assert "search.session.api" in loaded.stdout.split()
    assert HEAVY & set(loaded.stdout.split()) == set()


def test_what_is_kept_without_its_password_is_given_again() -> None:
    settings = Settings(name="a", seed=9, storage="sqlite:///a.db", storage_path="s3://key:secret@bucket/path")
    flags = list(_flags(settings, resume=True))
    assert flags == [
        "--resume=runs/a",
        "--trials=50",
        "--storage=sqlite:///a.db",
        f"--storage-path={settings.storage_path}",
    ]


def test_what_the_package_does_not_offer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'search' has no attribute 'run_all'"):
        search.run_all  # noqa: B018


@pytest.mark.parametrize(
    "settings",
    [
        Settings(name="a"),
        Settings(name="a", local=True),
        Settings(name="a", trials=8, epochs=3, seed=0, gpus_per_trial=0.0, storage="sqlite:///x y.db"),
        Settings(name="a", trial_timeout=5400.5, time_budget=90.0, overwrite=True, output="else where"),
        Settings(
            name="a",
            size="medium",
            max_params=10**6,
            space=("learning_rate = 0.0003 to 0.01, log", "activation = relu | gelu"),
            add_config=('{"dense_units": 64, "activation": "silu"}', "{}"),
        ),
        Settings(name="a", sampler="random", pruner="none", address="10.0.0.1:6379", finalists=2, cpus_per_trial=1.5),
    ],
)
def test_settings_become_the_flags_that_give_them(settings: Settings) -> None:
    assert parse(list(_flags(settings, resume=False))).settings == settings


def test_a_refused_search_is_an_exception_with_the_commands_own_words(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").touch()
    with pytest.raises(SearchFailed, match=r"exit code 2:\n(?s:.*)A run must have a folder of its own") as failed:
        run_search(Settings(name="taken", output=str(tmp_path), local=True))
    assert failed.value.exit_code == 2
    assert "A run must have a folder of its own" in capfd.readouterr().err


def test_a_resumed_search_is_asked_for_its_trials_alone(tmp_path: Path) -> None:
    flags = list(_flags(Settings(name="a", trials=80, epochs=3, output="out"), resume=True))
    assert flags == ["--resume=out/a", "--trials=80"]


def the_command(under: int) -> int:
    """The process id of the command that a process has started, once it has."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended meanwhile
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == under and b"search.run" in (process / "cmdline").read_bytes():
                    return int(process.name)
        time.sleep(0.02)
    raise TimeoutError(f"process {under} has started no search within 60 s")


def test_a_killed_search_does_not_take_its_caller_with_it(tmp_path: Path) -> None:
    threading.Thread(target=lambda: os.kill(the_command(os.getpid()), signal.SIGKILL), daemon=True).start()
    with pytest.raises(SearchFailed) as failed:
        run_search(Settings(name="killed", output=str(tmp_path), local=True))
    assert failed.value.exit_code == -signal.SIGKILL


def test_an_interruption_ends_the_search_and_is_an_interruption(tmp_path: Path) -> None:
    code = f"""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
from search import Settings, run_search
try:
    run_search(Settings(name="interrupted", output={str(tmp_path)!r}, local=True, trials=1, train_size=300))
except KeyboardInterrupt:
    print("interrupted")
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as caller:
        command = the_command(caller.pid)
        os.kill(caller.pid, signal.SIGINT)
        assert caller.communicate(timeout=120)[0] == "interrupted\n"
    assert not Path(f"/proc/{command}").exists()


def test_a_notebook_shows_what_was_found() -> None:
    outcome = load_outcome(GOLDEN)
    shown = FoundBest(Path("/runs/<b>"), outcome, "better & better")._repr_html_()
    reference, best = (outcome.runs(name)[0].test_accuracy for name in ("reference", "best"))
    assert "<strong>better &amp; better</strong>" in shown
    assert f"<td>reference</td><td>{reference:.4f}</td><td>1</td>" in shown
    assert f"<td>best, trial {outcome.best_trial}</td><td>{best:.4f}</td><td>1</td>" in shown
    assert "<code>/runs/&lt;b&gt;/report.html</code>" in shown
