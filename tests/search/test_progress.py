"""The progress: one live line on a terminal, plain lines elsewhere, nothing but warnings with -q."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from search.progress import Progress
from search.records import TrialRecord
from search.study import Counts

COUNTS = Counts(complete=3, pruned=5, failed=1, running=2, epochs=41, best_value=0.91234, best_trial=7)
RECORD = TrialRecord(
    number=7,
    status="PRUNED",
    reason="pruned after epoch 3",
    config=REFERENCE,
    value=None,
    intermediate=((1, 0.8), (3, 0.85)),
    is_reference=False,
    worker="",
    started="",
    ended="",
    seconds=12.4,
    cpu_seconds=11.0,
)


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_elsewhere_a_trial_is_one_plain_line() -> None:
    stream = io.StringIO()
    progress = Progress(stream, verbosity=0, live=True)
    with progress.counting(50):
        progress.changed(COUNTS)
        progress.ended(RECORD)
    expected = "  9/50 trial 7 PRUNED: pruned after epoch 3 0.8500 · 12 s · 32-64 adam 0.001 batch 32 none\n"
    assert stream.getvalue() == expected


def test_an_attempt_that_was_not_the_first_and_a_note_are_told() -> None:
    stream = io.StringIO()
    progress = Progress(stream, verbosity=0, live=True)
    with progress.counting(50):
        progress.ended(replace(RECORD, attempts=3, note="checkpoint after epoch 2 discarded: damaged"))
    assert stream.getvalue().endswith(" none · attempt 3 · checkpoint after epoch 2 discarded: damaged\n")


def test_a_trial_that_will_be_started_again_is_told_with_the_reason() -> None:
    stream = io.StringIO()
    Progress(stream, verbosity=0, live=True).starts_again(replace(RECORD, status="FAIL", reason="its machine was lost"))
    assert stream.getvalue() == "  trial 7 will be started again: its machine was lost\n"


def test_the_trials_that_were_there_before_count_but_do_not_make_the_estimate_hopeful() -> None:
    stream = Terminal()
    progress = Progress(stream, verbosity=0, live=True)
    with progress.counting(50, done=8):
        progress.changed(COUNTS)  # one more than before: too few to estimate from
    assert "9/50 · " in stream.getvalue()
    assert "ETA —" in stream.getvalue()
    assert "ETA 0" not in stream.getvalue()


def test_on_a_terminal_the_live_line_tells_done_running_pruned_failed_best_epochs_and_eta() -> None:
    stream = Terminal()
    progress = Progress(stream, verbosity=0, live=True)
    with progress.counting(50):
        progress.changed(COUNTS)
        progress.ended(RECORD)
    text = stream.getvalue()
    assert "9/50 · 2 running · 5 pruned · 1 failed · best 0.9123 (#7) · 41 epochs · 0:00:00 · ETA 0:00:0" in text
    assert "trial 7 PRUNED" not in text


def test_what_others_print_stays_off_the_live_line(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Terminal()
    progress = Progress(stream, verbosity=0, live=True)
    with progress.counting(50):
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


def test_there_is_no_estimate_before_three_trials_have_ended() -> None:
    stream = Terminal()
    progress = Progress(stream, verbosity=0, live=True)
    with progress.counting(50):
        progress.changed(Counts(complete=2))
    assert "2/50 · 0 running · 0 pruned · no best yet · 0 epochs · 0:00:00 · ETA —" in stream.getvalue()


def test_quiet_shows_warnings_only() -> None:
    stream = io.StringIO()
    progress = Progress(stream, verbosity=-1, live=True)
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


def test_markup_in_a_reason_is_printed_as_it_is() -> None:
    stream = io.StringIO()
    Progress(stream, verbosity=0, live=False).say("[red]not markup[/red]")
    assert stream.getvalue() == "[red]not markup[/red]\n"
