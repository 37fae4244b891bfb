"""Signals: the first is raised where nothing is torn, the second ends the process, and a time budget is a deadline.

Each in a process of its own, with real signals.
"""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.processes import ROOT

PREAMBLE = """
import os, signal, time
from search.command.process.interrupt import Interrupted, TimeIsUp, catch_signals, is_pending, time_limit, whole
def send(name):
    os.kill(os.getpid(), getattr(signal, name))
def say(*words):
    print(*words, flush=True)
catch_signals()
"""


def run(code: str) -> tuple[list[str], int]:
    """What the code printed, a line each, and its exit code."""
    ended = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=20, check=False
    )
    return ended.stdout.splitlines(), ended.returncode


@pytest.mark.parametrize(
    ("name", "said"),
    [("SIGINT", "interrupted by Ctrl-C, exit code 130"), ("SIGTERM", "interrupted by SIGTERM, exit code 143")],
)
def test_a_signal_is_raised_where_it_arrives(name: str, said: str) -> None:
    code = f"""
try:
    send("{name}")
    say("not reached")
except KeyboardInterrupt as error:
    say(f"{{error}}, exit code {{error.exit_code}}")
"""
    assert run(code) == ([said], 0)


def test_a_limit_is_not_renewed_where_there_is_none() -> None:
    code = """
from search.command.process.interrupt import renew_time_limit
renew_time_limit(60)
say(*signal.getitimer(signal.ITIMER_REAL))
with time_limit(60):
    renew_time_limit(30)
    say(signal.getitimer(signal.ITIMER_REAL)[0] <= 30)
"""
    assert run(code) == (["0.0 0.0", "True"], 0)


def test_a_signal_waits_for_the_end_of_what_must_be_whole() -> None:
    code = """
try:
    with whole():
        with whole():
            send("SIGTERM")
            say("inner", is_pending())
        say("outer", is_pending())
    say("not reached")
except Interrupted:
    say("raised", is_pending())
"""
    assert run(code) == (["inner True", "outer True", "raised False"], 0)


def test_an_error_in_what_must_be_whole_comes_out_and_the_next_signal_is_raised() -> None:
    code = """
try:
    with whole():
        raise ValueError("told")
except ValueError as error:
    say(error)
try:
    send("SIGINT")
except Interrupted:
    say("raised")
"""
    assert run(code) == (["told", "raised"], 0)


@pytest.mark.parametrize(
    ("arm", "told"),
    [('sent or [sent.append(1), send("SIGTERM")]', "interrupted by SIGTERM"), ("", "the time budget is used up")],
)
def test_what_is_raised_in_a_finalizer_is_raised_again_outside_of_it(arm: str, told: str) -> None:
    code = f"""
sent = []
class Last:
    def __del__(self):
        {arm or "pass"}
        start = time.monotonic()
        while time.monotonic() - start < 0.3:
            pass
        say("not reached")
try:
    with time_limit({"None" if arm else "0.2"}):
        for each in range(3):
            last = Last()
            del last
        time.sleep(5)
        say("not reached")
except (Interrupted, TimeIsUp) as error:
    say(error)
"""
    assert run(code) == ([told], 0)


@pytest.mark.parametrize(("second", "exit_code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_the_second_signal_ends_the_process_at_once(second: str, exit_code: int) -> None:
    code = f"""
with whole():
    send("SIGINT")
    say("first")
    send("{second}")
    say("not reached")
"""
    assert run(code) == (["first"], exit_code)


def test_the_time_limit_is_raised_in_a_body_that_takes_longer() -> None:
    start = time.monotonic()
    code = """
try:
    with time_limit(0.1):
        time.sleep(10)
except TimeIsUp as error:
    say(error, isinstance(error, Exception))
say(signal.getitimer(signal.ITIMER_REAL)[0], signal.getsignal(signal.SIGALRM) is signal.SIG_DFL)
"""
    assert run(code) == (["the time budget is used up False", "0.0 True"], 0)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("seconds", ["None", "30"])
def test_a_body_that_is_quicker_ends_as_without_a_limit(seconds: str) -> None:
    code = f"""
with time_limit({seconds}):
    say("body")
say(signal.getitimer(signal.ITIMER_REAL)[0], signal.getsignal(signal.SIGALRM) is signal.SIG_DFL)
"""
    assert run(code) == (["body", "0.0 True"], 0)


def test_the_time_limit_waits_for_the_end_of_what_must_be_whole() -> None:
    code = """
try:
    with time_limit(0.05):
        with whole():
            time.sleep(0.2)
            say("whole")
        say("not reached")
except TimeIsUp:
    say("raised")
"""
    assert run(code) == (["whole", "raised"], 0)


@pytest.mark.parametrize("arrives", ['send("SIGINT"); time.sleep(0.2)', 'time.sleep(0.2); send("SIGINT")'])
def test_the_end_of_the_time_limit_does_not_hide_a_signal_before_or_after_it(arrives: str) -> None:
    code = f"""
try:
    with time_limit(0.05):
        with whole():
            {arrives}
except BaseException as error:
    say(type(error).__name__)
"""
    assert run(code) == (["Interrupted"], 0)
