"""`python -m search.status`: what it shows of a study, whoever drives it, from another process and another machine."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports.records import now
from search import status
from search.command.settings import Settings
from search.command.terminal.progress import Left, Standing, UnderWay
from search.run import main as run_search
from search.run_folder.folder import RunFolder
from search.study.open_study import open_study
from search.study.storage import heartbeat
from search.study.storage.database import Database, sqlite_url
from search.study.storage.heartbeat import FINISHED, Beat, Driver, Heartbeat
from tests.processes import ROOT

from .command import SMALL, started
from .conftest import WORK, RunTrial, Watcher, study_in
from .postgres import connections_closed, fresh_database

NOW = datetime.now(UTC)
STANDING = Standing(stage="search", done=2, total=9, left=Left(3600.0, 1800.0, 7200.0))
BEAT = Beat(
    driver=Driver.this((NOW - timedelta(minutes=30)).isoformat(timespec="seconds")),
    moment=now("milliseconds"),
    standing=STANDING,
    trials=9,
    epochs=9,
    resume="python -m search.run --resume runs/s",
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_LOOK_SECONDS", 0.01)


@pytest.fixture
def folder(tmp_path: Path, empty_tables: Path) -> Path:
    """The folder of a run `s`, whose study is empty."""
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "study.db").write_bytes(empty_tables.read_bytes())
    RunFolder(folder).write_config(Settings(name="s", output=str(tmp_path), trials=9))
    return folder


def two_trials_and_one_under_way(database: Database, folder: Path, run_trial: RunTrial) -> None:
    study = open_study(study_in(folder, database), Watcher())
    run_trial(study, [0.5, 0.8])
    run_trial(study, [0.6, 0.9])
    third = study.ask().number
    for epoch, value in enumerate([0.5, 0.7, 0.85], start=1):
        study.report(third, epoch, value, WORK)


def beat_once(database: Database, beat: Beat, ending: str = "") -> None:
    """Leave this beat in the study; an ending of "" is that of a driver which gives no other sign."""
    heart = Heartbeat(database, "s", lambda: beat)
    heart.end(ending)
    assert not heart._thread.is_alive()


def shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert status.main([str(folder)]) == 0
    return capsys.readouterr().out


def documented_form() -> Any:
    text = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(\{.*?\n\})\n```", text, re.DOTALL)
    return json.loads(block)


def as_json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    """What --json prints, which has the documented form."""
    assert status.main([*arguments, "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    for each in seen if isinstance(seen, list) else [seen]:
        jsonschema.validate(each, documented_form())
    return seen


def test_of_a_search_under_way_it_shows_stage_trials_best_rate_time_left_and_curves(
    folder: Path, run_trial: RunTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(sqlite_url(folder / "study.db"))
    two_trials_and_one_under_way(database, folder, run_trial)
    since = (datetime.now(UTC) - timedelta(minutes=30)).isoformat(timespec="seconds")
    beat_once(database, replace(BEAT, driver=replace(BEAT.driver, started=since), moment=now("milliseconds")))
    lines = shown(folder, capsys).splitlines()
    assert lines[0].startswith(f"run      s: running, driver {BEAT.driver.host}:{os.getpid()}, last sign 0:00:0")
    assert lines[1] == "stage    search 2/9, 60 min left (30–120)"
    assert lines[2:] == [
        "trials   2 of 9 ended (2 complete, 0 pruned, 0 failed); 1 running, 0 to be run again",
        "best     0.9000 (trial 1); the reference 0.8000",
        "rate     4 trials an hour",
        "machine  host: 1 worker, 2 trials, 0:00:04 of work",
        "running  trial 2 epoch 4/9 ▁▅█ 0.8500",
    ]


def test_the_json_has_the_documented_form_and_every_number(
    folder: Path, run_trial: RunTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(sqlite_url(folder / "study.db"))
    two_trials_and_one_under_way(database, folder, run_trial)
    beat_once(database, replace(BEAT, moment=now("milliseconds")))
    seen = as_json([str(folder)], capsys)
    assert set(documented_form()["required"]) == set(seen)
    assert (seen["state"], seen["stage"], seen["done"], seen["total"]) == ("running", "search", 2, 9)
    counts = {"planned": 9, "complete": 2, "pruned": 0, "failed": 0, "running": 1, "waiting": 0}
    assert seen["trials"] == counts
    assert seen["best"] == {"trial": 1, "value": 0.9}
    assert seen["left"]["seconds"] == pytest.approx(3600.0, abs=30.0)
    assert seen["under_way"] == [{"label": "trial 2", "epochs": 3, "of": 9, "values": [0.5, 0.7, 0.85]}]
    (listed,) = as_json(["--all", "--output", str(folder.parent)], capsys)
    assert listed["study"] == "s"


@pytest.mark.parametrize(
    "beat",
    [
        pytest.param(replace(BEAT.driver, pid=2**22 + 1), id="its process is gone"),
        pytest.param(replace(BEAT.driver, host="elsewhere"), id="no sign for long from another machine"),
        pytest.param(replace(BEAT.driver, space="another"), id="no sign for long from another container"),
    ],
)
def test_of_a_dead_driver_it_says_that_and_how_to_go_on(
    beat: Driver, folder: Path, run_trial: RunTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(sqlite_url(folder / "study.db"))
    two_trials_and_one_under_way(database, folder, run_trial)
    long_ago = (NOW - timedelta(minutes=2)).isoformat(timespec="milliseconds")
    old = long_ago if beat.pid == os.getpid() else now("milliseconds")
    beat_once(database, replace(BEAT, driver=beat, moment=old))
    lines = shown(folder, capsys).splitlines()
    assert "is dead" in lines[0]
    assert lines[-1] == "go on with: python -m search.run --resume runs/s"
    assert not [line for line in lines if line.startswith("running") or "left" in line]


def test_a_driver_of_another_machine_that_gave_a_sign_just_now_is_no_dead_one(
    folder: Path, run_trial: RunTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(sqlite_url(folder / "study.db"))
    two_trials_and_one_under_way(database, folder, run_trial)
    beat_once(database, replace(BEAT, driver=replace(BEAT.driver, host="elsewhere", pid=1), moment=now("milliseconds")))
    assert "s: running, driver elsewhere:1, " in shown(folder, capsys)


@pytest.mark.parametrize(
    ("ending", "first", "last"),
    [
        (FINISHED, "run      s: finished", "running"),
        ("interrupted by Ctrl-C", "run      s: stopped: interrupted by Ctrl-C", "go on with: python -m search.run"),
    ],
)
def test_of_a_driver_that_ended_it_says_how(
    ending: str, first: str, last: str, folder: Path, run_trial: RunTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(sqlite_url(folder / "study.db"))
    run_trial(open_study(study_in(folder, database), Watcher()), [0.5, 0.8])
    beat_once(database, BEAT, ending)
    lines = shown(folder, capsys).splitlines()
    assert lines[0] == first
    assert lines[-1].startswith(last) == (ending != FINISHED)


@pytest.mark.parametrize(
    ("training", "line"),
    [
        (UnderWay(label="reference, 40 epochs", epochs=25, of=40), "reference, 40 epochs epoch 26/40"),
        (UnderWay(label="best 2", epochs=6), "best 2 epoch 7/9"),  # of an older driver
    ],
)
def test_a_stage_after_the_search_shows_its_trainings(
    training: UnderWay, line: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(sqlite_url(folder / "study.db"))
    open_study(study_in(folder, database), Watcher())
    standing = Standing(stage="retrain", done=3, total=10, under_way=(training,))
    beat_once(database, replace(BEAT, standing=standing, moment=now("milliseconds")))
    lines = shown(folder, capsys).splitlines()
    assert lines[1] == "stage    retrain 3/10"
    assert lines[-1] == f"running  {line}"


def test_a_study_of_an_older_version_is_shown_without_a_driver(
    folder: Path, run_trial: RunTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    run_trial(open_study(study_in(folder), Watcher()), [0.5, 0.8])
    seen = as_json([str(folder)], capsys)
    assert (seen["state"], seen["trials"]["complete"], seen["left"]) == ("unknown", 1, None)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere"], 2, "RUN must name a run's folder. Received: nowhere"),
        (["--watch"], 2, "--watch shows one run on a terminal. Received: with --json, with --all, or with output"),
        (["s", "--storage", "sqlite:////nowhere/study.db"], 4, "Received: no file /nowhere/study.db"),
        (["--storage", "sqlite:////nowhere/study.db"], 4, "error: A run's study must be there. Received: no file"),
        (["--all", "--storage", "sqlite:////nowhere/study.db"], 4, "error: A run's study must be there."),
    ],
)
def test_what_cannot_be_shown_is_refused(
    arguments: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status.main([*arguments, "--output", str(tmp_path)]) == code
    assert said in capsys.readouterr().err


def test_a_run_that_cannot_be_read_hides_no_other(
    folder: Path, run_trial: RunTrial, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_trial(open_study(study_in(folder, Database(sqlite_url(folder / "study.db"))), Watcher()), [0.5, 0.8])
    unreadable = {"hidden": "postgresql://me:***@host/db", "token": "sqlite:///x.db?token=***", "gone": None}
    for name, storage in unreadable.items():
        (tmp_path / name).mkdir()
        RunFolder(tmp_path / name).write_config(Settings(name=name, output=str(tmp_path), storage=storage))
    assert status.main(["--all", "--json", "--output", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert [seen["study"] for seen in json.loads(out)] == ["s"]
    assert sorted(line.split(": ")[1] for line in err.splitlines()) == ["gone", "hidden", "token"]
    assert status.main(["gone", "--output", str(tmp_path)]) == 4


def test_watch_shows_a_run_on_a_terminal_until_it_ends(folder: Path, run_trial: RunTrial) -> None:
    database = Database(sqlite_url(folder / "study.db"))
    run_trial(open_study(study_in(folder, database), Watcher()), [0.5, 0.8])
    beat_once(database, replace(BEAT, moment=now("milliseconds")))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "search.status", str(folder), "--watch"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"TERM": "xterm"}, stdout=theirs) as process:
        os.close(theirs)
        text = os.read(ours, 4096).decode()
        while "trials an hour" not in text:
            text += os.read(ours, 4096).decode()
        assert "s: running" in text
        beat_once(database, BEAT, FINISHED)
        assert process.wait(60) == 0
        assert "s: finished" in os.read(ours, 65536).decode()
    os.close(ours)


@pytest.mark.postgres
def test_a_study_on_a_server_is_shown_from_its_url_alone(
    postgres_url: str, tmp_path: Path, run_trial: RunTrial, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(fresh_database(postgres_url))
    with connections_closed():
        two_trials_and_one_under_way(database, tmp_path, run_trial)
        beat_once(database, replace(BEAT, driver=replace(BEAT.driver, host="elsewhere"), moment=now("milliseconds")))
        for arguments in (["s"], []):
            seen = as_json([*arguments, "--storage", database.url], capsys)
            assert (seen["study"], seen["state"], seen["best"]) == ("s", "running", {"trial": 1, "value": 0.9})
        assert status.main(["other", "--storage", database.url]) == 4
        assert "Received: other, where there are: s." in capsys.readouterr().err


@pytest.mark.slow
def test_a_search_is_shown_and_reported_from_another_process_while_it_runs_and_after_sigkill(
    real_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = tmp_path / "x"
    place = ["--local", "--trials", "4", "--data-dir", real_data, "--output", str(tmp_path), "--name", "x"]
    with started(*SMALL, *place) as command:
        command.wait_for("  1/4 trial ")
        deadline = time.monotonic() + 60
        while as_json([str(run_dir)], capsys)["state"] != "running" and time.monotonic() < deadline:
            time.sleep(0.1)
        seen = as_json([str(run_dir)], capsys)
        assert (seen["state"], seen["stage"], seen["trials"]["planned"]) == ("running", "search", 4)
        assert seen["driver"].endswith(f":{command.process.pid}")
        assert run_search(["--report-only", str(run_dir)]) == 0
        assert "the search is under way (search " in (run_dir / "report.html").read_text(encoding="utf-8")
        command.end(9)
    capsys.readouterr()
    seen = as_json([str(run_dir)], capsys)
    assert seen["state"] == "dead"
    assert seen["resume"] == f"python -m search.run --resume {run_dir}"
    assert run_search(["--report-only", str(run_dir)]) == 0
    assert "the search was killed without a word after 20" in (run_dir / "report.html").read_text("utf-8")
