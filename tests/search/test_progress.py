"""The progress: one live line on a terminal, plain lines elsewhere, nothing but warnings with -q."""

from __future__ import annotations

import io
import re
import time
from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from reports.records import Counts, Measurement, TrialRecord, Work
from search.command.terminal import screen
from search.command.terminal.progress import Left, Progress, StageProgress
from search.worker.assignment import Assignment

from .terminal import Clock, Terminal

pytestmark = pytest.mark.usefixtures("wide_terminal")

COUNTS = Counts(complete=3, pruned=5, failed=1, running=2, epochs=41, best_value=0.91234, best_trial=7)
RECORD = TrialRecord(
    number=7,
    status="PRUNED",
    reason="pruned after epoch 3",
    config=REFERENCE,
    value=None,
    measurements=(Measurement(1, 0.8), Measurement(3, 0.85)),
    is_reference=False,
    ended="",
    work=Work(seconds=12.4, cpu_seconds=11.0),
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


class Remaining:
    """Says of every stage that half a day is left, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, StageProgress]] = []

    def __call__(self, stage: str, progress: StageProgress) -> Left:
        self.asked.append((stage, progress))
        return Left(43200.0, 21600.0, 86400.0)

    def of(self, progress: Progress) -> tuple[str, StageProgress]:
        progress.standing()
        return self.asked[-1]


def training(label: str, epochs: int = 10) -> Assignment:
    return Assignment(label=label, key=f"key of {label}", config=REFERENCE, epochs=epochs, seed=0)


def search_of(progress: Progress, clock: Clock, *seconds: float) -> None:
    """Trials that end one after another, after so many seconds each; another one runs, in its third epoch."""
    for number, each in enumerate(seconds):
        progress.reported(number, 0)
        clock.now += each
        progress.changed(Counts(complete=number + 1, best_value=0.9, best_trial=0))
        progress.ended(replace(RECORD, number=number, status="COMPLETE", value=0.9))
    progress.reported(len(seconds), 0)
    progress.reported(len(seconds), 2)


def drawn(progress: Progress, stream: Terminal) -> str:
    with progress:
        progress.say("a line that stays")
    return str(re.findall(r"\x1b\[K([^\x1b]*)", stream.getvalue())[-2]).rstrip("\r")


def test_elsewhere_a_trial_is_one_plain_line() -> None:
    stream = io.StringIO()
    progress = Progress(stream, verbosity=0, live=True)
    with progress, progress.counting(50):
        progress.changed(COUNTS)
        progress.ended(RECORD)
    expected = "  9/50 trial 7 PRUNED: pruned after epoch 3 0.8500 · 12 s · 32-64 adam 0.001 batch 32 none\n"
    assert stream.getvalue() == expected


@pytest.mark.parametrize("variable", ["FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS", "TTY_COMPATIBLE"])
def test_no_variable_brings_colour_or_a_live_line_into_a_file(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    stream = io.StringIO()
    with Progress(stream, verbosity=0, live=True) as progress, progress.counting(50):
        progress.changed(COUNTS)
        progress.ended(RECORD)
        progress.warn("disk nearly full")
    assert stream.getvalue().splitlines()[1:] == ["warning: disk nearly full"]
    assert stream.getvalue().startswith("  9/50 trial 7 PRUNED")


def test_an_attempt_that_was_not_the_first_and_a_note_are_told() -> None:
    stream = io.StringIO()
    progress = Progress(stream, verbosity=0, live=True)
    with progress.counting(50):
        work = replace(RECORD.work, note="checkpoint after epoch 2 discarded: damaged")
        progress.ended(replace(RECORD, attempts=3, work=work))
    assert stream.getvalue().endswith(" none · attempt 3 · checkpoint after epoch 2 discarded: damaged\n")


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("its machine was lost", "will be started again: its machine was lost"),
        ("the driver died", "will be started again: the driver died"),
        ("interrupted", "is kept and goes on at the next --resume"),
    ],
)
def test_a_trial_that_ended_without_a_result_is_told_with_what_becomes_of_it(reason: str, told: str) -> None:
    stream = io.StringIO()
    Progress(stream, verbosity=0, live=True).starts_again(replace(RECORD, status="FAIL", reason=reason))
    assert stream.getvalue() == f"  trial 7 {told}\n"


@pytest.mark.parametrize("kind", ["a pipe", "TERM=dumb", "CI", "30 columns", "--no-progress"])
def test_where_nobody_watches_a_plain_line_is_written_every_half_minute_of_silence(
    kind: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO() if kind == "a pipe" else Terminal()
    for name, value in {"TERM=dumb": [("TERM", "dumb")], "CI": [("CI", "true")], "30 columns": [("COLUMNS", "30")]}.get(
        kind, []
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(screen, "_TICK_SECONDS", 0.001)
    progress = Progress(stream, verbosity=0, live=kind != "--no-progress")
    progress.expect(10, Remaining())
    with progress, progress.counting(50):
        search_of(progress, clock, 60.0)
        lines = stream.getvalue().splitlines()
        assert len(lines) == 1
        clock.now += 29.0
        time.sleep(0.05)
        assert stream.getvalue().splitlines() == lines
        clock.now += 1.0
        deadline = time.perf_counter() + 20
        while len(stream.getvalue().splitlines()) == 1 and time.perf_counter() < deadline:
            time.sleep(0.005)
        time.sleep(0.05)
    (plain,) = stream.getvalue().splitlines()[1:]
    assert plain.startswith("  search 1/50 · trial 1 epoch 3/10 · best 0.9000 (#0) · 0:01:30 · ")
    assert "\x1b" not in stream.getvalue()


def test_the_line_names_the_epoch_of_a_trial_and_what_is_left(clock: Clock) -> None:
    stream = Terminal()
    progress = Progress(stream, verbosity=0, live=True)
    assert progress.standing().left is None
    progress.expect(10, Remaining())
    with progress.counting(3):
        search_of(progress, clock, 60.0)
        line = drawn(progress, stream)
    assert line == "search 1/3 · trial 1 epoch 3/10 · best 0.9000 (#0) · 0:01:00 · 12 h left (6–24)"


def test_on_a_terminal_the_line_is_drawn_and_no_line_a_trial() -> None:
    stream = Terminal()
    progress = Progress(stream, verbosity=0, live=True)
    with progress.counting(50):
        progress.changed(COUNTS)
        progress.ended(RECORD)
        progress.reported(8, 4)
        progress.reported(9, 0)
        line = drawn(progress, stream)
    assert line.startswith("search 9/50 · 2 running · trial 8 epoch ")
    assert "5 pruned · 1 failed · best 0.9123 (#7) · 0:00:0" in line
    assert "trial 7 PRUNED" not in stream.getvalue()


@pytest.mark.parametrize(("columns", "without"), [(80, ["trial", "pruned", "failed"]), (50, ["best", "epoch"])])
def test_in_few_columns_the_count_the_clock_and_what_is_left_stay(
    columns: int, without: list[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    progress = Progress(stream, verbosity=0, live=True)
    progress.expect(10, Remaining())
    with progress.counting(500):
        search_of(progress, clock, 3600.0, 7200.0)
        progress.changed(replace(COUNTS, complete=99, pruned=200))
        line = drawn(progress, stream)
    assert len(line) <= columns - 3  # room for ^C
    assert re.match(r"search 300/500 · .*3:00:00 · 12 h left \(6–24\)", line)
    assert ("epoch 3/10 · best 0.9123 (#7)" in line) == (columns == 80)
    assert not [part for part in without if part in line]


def test_a_stage_after_the_search_shows_its_own_trainings_with_their_epochs_and_what_is_left(clock: Clock) -> None:
    stream, remaining = Terminal(), Remaining()
    progress = Progress(stream, verbosity=0, live=True)
    progress.expect(10, remaining)
    with progress.counting(1):
        search_of(progress, clock, 100.0)
        assert remaining.of(progress) == ("search", StageProgress(1, 1))
        progress.ended(replace(RECORD, number=1))
    with progress.counting(2, stage="finalists"):
        progress.trains([training("trial 0"), training("trial 0 again")])
        clock.now += 50.0
        progress.epochs({"key of trial 0": 5})
        clock.now += 2.0
        standing = progress.standing()
        assert (standing.stage, standing.done, standing.total) == ("finalists", 0, 2)
        assert remaining.asked[-1] == ("finalists", StageProgress(2, 0.5, 50.0, 2.0))
        line = drawn(progress, stream)
        assert line == "finalists 0/2 · trial 0 epoch 6/10 · best 0.9000 (#0) · 0:02:32 · 12 h left (6–24)"
    with progress.counting(4, stage="retrain"):
        progress.trained(training("best 1"), 1)  # kept by an earlier session
        progress.trains([training("best 2"), training("best 3"), training("reference, 40 epochs", 40)])
        clock.now += 60.0
        progress.trained(training("best 2"), 2)
        progress.epochs({"key of reference, 40 epochs": 10})
        assert remaining.of(progress) == ("retrain", StageProgress(3, 1.25, 60.0, 0.0))
        progress.epochs({"key of reference, 40 epochs": 25})
        assert drawn(progress, stream).startswith("retrain 2/4 · reference, 40 epochs epoch 26/40 · best ")


def test_what_others_print_stays_off_the_live_line(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    with Progress(stream, verbosity=0, live=True) as progress, progress.counting(50):
        progress.changed(COUNTS)
        print("chatter of a worker")
    assert "chatter" not in stream.getvalue()
    assert "chatter" in capsys.readouterr().out


def test_verbose_adds_a_line_a_trial_beside_the_live_line() -> None:
    stream = Terminal()
    progress = Progress(stream, verbosity=1, live=True)
    with progress.counting(50):
        progress.ended(RECORD)
    assert "trial 7 PRUNED" in stream.getvalue()


def test_quiet_shows_warnings_only() -> None:
    stream = io.StringIO()
    with Progress(stream, verbosity=-1, live=True) as progress:
        progress.stage("search", "50 trials")
        progress.ended(RECORD)
        progress.warn("disk nearly full")
    assert stream.getvalue() == "warning: disk nearly full\n"


def test_stages_are_numbered_in_their_order() -> None:
    stream = io.StringIO()
    progress = Progress(stream, verbosity=0, live=False)
    for name in ("data", "model", "trial", "search", "retrain", "report"):
        progress.stage(name, "x")
    assert [line[:3] for line in stream.getvalue().splitlines()] == ["1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]


def test_a_line_that_a_narrower_terminal_has_wrapped_is_cleared_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    with Progress(stream, verbosity=0, live=True) as progress, progress.counting(50):
        progress.changed(COUNTS)
        for number in range(4):
            progress.reported(number, 1)
        progress.say("wide")
        drawn = len(stream.last())
        monkeypatch.setenv("COLUMNS", "45")
        progress.say("narrow")
    assert 90 < drawn <= 180
    rows = (drawn - 1) // 45
    assert f"\x1b[{rows}A\r\x1b[J" in stream.getvalue()


def test_of_the_trainings_that_may_follow_in_a_race_half_are_counted() -> None:
    progress, remaining = Progress(io.StringIO(), verbosity=-1, live=False), Remaining()
    progress.expect(10, remaining)
    with progress.counting(12, stage="finalists"):
        assert progress.standing().left is None
        progress.trains([training(f"trial {number}") for number in range(6)])
        assert remaining.of(progress)[1].trainings == 9


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (45.2, "45 s left (23–90)"),
        (600.0, "10 min left (5–20)"),
        (7200.0, "2.0 h left (1.0–4.0)"),
        (72000.0, "20 h left (10–40)"),
        (432000.0, "5.0 d left (2.5–10.0)"),
    ],
)
def test_what_is_left_is_said_in_one_unit(seconds: float, text: str) -> None:
    assert str(Left(seconds, seconds / 2, seconds * 2)) == text
