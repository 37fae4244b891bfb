"""The parent process of a search on Ray: real processes, real signals, no Ray."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from tests.processes import ROOT, said

CODE = """
import ctypes, os, signal, sys, time
from filelock import FileLock
from search.command.process.interrupt import Interrupted
from search.command.settings import Settings
from search.command.process.supervisor import supervised
folder = sys.argv[1]
def say(*words):
    print(*words, flush=True)
def work():
{work}
raise SystemExit(supervised(work, Settings(name="x", output=folder)))
"""
ENDS_WELL = """
try:
    say(os.getpid())
    time.sleep(30)
except Interrupted as error:
    time.sleep(0.5)  # a second signal would end it here
    say(error)
    return error.exit_code
"""
HANGS = """
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
say("hangs")
ctypes.PyDLL(None).sleep(60)  # as C code does that keeps the interpreter's lock
"""
GOES_ON = """
say("ready")
time.sleep(0.7)
say("at its end")
return 0
"""


def _hear_all() -> None:
    """As a terminal starts a command, though the tests themselves may run under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def parent(work: str, folder: Path, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """A parent whose child does this work; the shell that becomes the parent runs `before`."""
    body = "".join(f"    {line}\n" for line in work.strip().splitlines())
    command = [sys.executable, "-c", CODE.format(work=body), str(folder)]
    with subprocess.Popen(
        ["/bin/sh", "-c", f'{before}\nexec "$@"', "sh", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hear_all,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def ended(process: subprocess.Popen[str], given: str = "") -> tuple[int, list[str], list[str]]:
    """Its exit code, and what it wrote from now on to stdout and to stderr."""
    out, err = process.communicate(given, timeout=60)
    return process.returncode, out.splitlines(), err.splitlines()


@pytest.mark.parametrize("code", [0, 5])
def test_exit_code_and_streams_pass_through(code: int, tmp_path: Path) -> None:
    with parent(f"say(input()); print('told', file=sys.stderr); return {code}", tmp_path) as process:
        assert ended(process, "typed\n") == (code, ["typed"], ["told"])


def test_what_becomes_of_the_process_after_the_search_changes_no_exit_code(tmp_path: Path) -> None:
    with parent("import atexit; atexit.register(os.abort); return 3", tmp_path) as process:
        assert ended(process) == (3, [], [])


@pytest.mark.parametrize(
    ("end", "received", "is_kept"),
    [
        ("os._exit(1)", "exit code 1", True),
        ("os._exit(1)", "exit code 1", False),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL", True),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV", True),
    ],
)
def test_a_child_that_dies_without_a_word_ends_with_4_and_a_way_to_go_on(
    end: str, received: str, is_kept: bool, tmp_path: Path
) -> None:
    run = tmp_path / "x"
    if is_kept:
        run.mkdir()
        (run / "config.json").touch()
    with parent(end, tmp_path) as process:
        code, out, err = ended(process)
    assert (code, out) == (4, [])
    assert f"Received: {received}." in err[0]
    kept = [f"kept: {run}", f"go on with: python -m search.run --resume {run}"]
    assert err[1:] == (kept if is_kept else ["nothing is kept: no trial had begun"])


@pytest.mark.parametrize(
    ("number", "ending", "to"),
    [
        (signal.SIGINT, "Ctrl-C", "group"),
        (signal.SIGTERM, "SIGTERM", "group"),
        (signal.SIGHUP, "SIGHUP", "group"),
        (signal.SIGINT, "Ctrl-C", "parent"),
        (signal.SIGTERM, "SIGTERM", "child"),
    ],
)
def test_a_signal_is_heard_once_whoever_gets_it(number: signal.Signals, ending: str, to: str, tmp_path: Path) -> None:
    with parent(ENDS_WELL, tmp_path) as process:
        child = int(said(process))
        if to == "group":
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid if to == "parent" else child, number)
        assert ended(process) == (128 + number, [f"interrupted by {ending}"], [])


def test_a_terminal_that_is_closed_sends_several_hangups_and_one_is_heard(tmp_path: Path) -> None:
    with parent(ENDS_WELL, tmp_path) as process:
        said(process)
        for _ in range(3):
            os.killpg(process.pid, signal.SIGHUP)
            time.sleep(0.1)
        assert ended(process) == (129, ["interrupted by SIGHUP"], [])


@pytest.mark.parametrize(
    ("signals", "code"),
    [([signal.SIGINT] * 2, 130), ([signal.SIGTERM] * 2, 143), ([signal.SIGHUP, signal.SIGTERM], 129)],
)
def test_the_second_signal_ends_even_a_child_that_hangs_in_native_code(
    signals: Sequence[signal.Signals], code: int, tmp_path: Path
) -> None:
    with parent(HANGS, tmp_path) as process:
        assert said(process) == "hangs"
        for number in signals:
            time.sleep(0.2)
            os.killpg(process.pid, number)
        start = time.monotonic()
        status, _, err = ended(process)
        assert time.monotonic() - start < 10  # 0.01 s on a quiet machine; the child would hang for a minute
        assert (status, err[0]) == (code, "ended at once")


def test_a_parent_that_is_killed_takes_its_child_along_which_frees_its_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with parent("FileLock(sys.argv[1] + '/lock').acquire()\nsay('locked')\ntime.sleep(60)", tmp_path) as process:
        assert said(process) == "locked"
        process.kill()
        with FileLock(lock).acquire(timeout=5):  # free at once on a quiet machine; within 2 s is promised
            pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_was_ignored_when_the_command_started_stays_ignored(
    number: signal.Signals, tmp_path: Path
) -> None:
    with parent(GOES_ON, tmp_path, f"trap '' {number.name.removeprefix('SIG')}") as process:
        assert said(process) == "ready"
        os.killpg(process.pid, number)
        assert ended(process) == (0, ["at its end"], [])


HANGS_UP = """
import os, sys, time
from pathlib import Path
from search.command.process.inherited import prepare_streams
from search.command.process.interrupt import Interrupted, catch_signals
from search.command.terminal.log import noise_to
prepare_streams()
catch_signals()
folder = Path(sys.argv[1])
with noise_to(folder / "log.txt") as terminal:
    try:
        (folder / "ready").touch()
        time.sleep(30)
    except Interrupted as error:
        print("progress", file=terminal)
        ending = error
print("kept", file=sys.stderr)
(folder / "ending").write_text(str(ending))
"""


@pytest.mark.parametrize("ignored", [False, True], ids=["heard", "ignored"])
def test_a_search_survives_the_end_of_its_terminal(ignored: bool, tmp_path: Path) -> None:
    code = HANGS_UP if not ignored else HANGS_UP.replace("sleep(30)", "sleep(0.5); raise Interrupted(1)")
    child, terminal = pty.fork()
    if child == 0:
        os.environ["PYTHONPATH"] = str(ROOT)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        os.execv(sys.executable, [sys.executable, "-c", code, str(tmp_path)])  # noqa: S606 - no shell is wanted
    while not (tmp_path / "ready").exists():
        time.sleep(0.02)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (tmp_path / "ending").read_text() == "interrupted by SIGHUP"
