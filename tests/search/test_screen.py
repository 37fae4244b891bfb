"""The terminal itself: one that is closed, a clock that ticks, and Ctrl-C while the main thread is in C code."""

from __future__ import annotations

import hashlib
import os
import pty
import signal
import time
from contextlib import suppress
from threading import Thread, Timer

import pytest

from search.command.process.inherited import open_text
from search.command.terminal.progress import Progress
from tests.processes import child, said

pytestmark = pytest.mark.usefixtures("wide_terminal")


def test_a_terminal_that_is_gone_ends_no_search() -> None:
    ours, theirs = pty.openpty()
    with open_text(theirs, closefd=True) as stream:
        assert stream.isatty()
        os.close(ours)
        with Progress(stream, verbosity=0, live=True) as progress:
            progress.stage("search", "50 trials")


def test_a_pipe_that_is_full_and_does_not_wait_ends_no_search() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open_text(writing, closefd=True) as stream:
        stream.write("x" * 1_000_000)
        stream.flush()
    assert os.read(reading, 10) == b"x" * 10
    os.close(reading)


def test_a_second_ctrl_c_ends_the_process_while_its_main_thread_is_in_c_code() -> None:
    code = """
import hashlib, sys
from search.command.process.interrupt import catch_signals, whole
from search.command.terminal.progress import Progress
catch_signals()
with Progress(sys.stdout, verbosity=0, live=True) as progress, whole():
    progress.say("ready")
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)
"""
    with child(code) as process:
        assert said(process) == "ready"
        process.send_signal(signal.SIGINT)
        assert said(process) == "stopping; once more ends at once"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)  # the same, from a parent process
        time.sleep(1.2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


def test_on_a_terminal_the_clock_ticks_and_ctrl_c_is_answered_while_the_main_thread_is_in_c_code() -> None:
    ours, theirs = pty.openpty()
    seen: list[tuple[float, str]] = []

    def read() -> None:
        with suppress(OSError):  # the terminal was closed
            while text := os.read(ours, 4096).decode():
                seen.append((time.monotonic(), text))

    def wait_for(text: str) -> None:
        deadline = time.monotonic() + 30
        while text not in "".join(each for _, each in seen) and time.monotonic() < deadline:
            time.sleep(0.01)

    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    reader = Thread(target=read)
    reader.start()
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as stream, Progress(stream, verbosity=0, live=True):
            wait_for("0:00:02")
            Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            hashlib.pbkdf2_hmac("sha256", b"", b"", 8_000_000)  # for seconds, in which no handler of Python's runs
            returned = time.monotonic()
    finally:
        signal.signal(signal.SIGINT, before)
        reader.join()
        os.close(ours)
    text = "".join(each for _, each in seen)
    assert "\r\x1b[Kstarting · 0:00:01\r\x1b[Kstarting · 0:00:02" in text
    assert text.count("\r\x1b[Kstopping; once more ends at once\r\n") == 1
    assert next(moment for moment, each in seen if "at once" in each) < returned - 0.5
    assert text.endswith("\r\x1b[K")
