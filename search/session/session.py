"""One session of a run, the command once it is parsed: the stages, the report, and the message when it ends early."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Final

from cluster.resources import ResourceError
from cluster.startable import ConnectError
from fashion_model.data.splits import DataError
from reports.records import RecordError, load_outcome
from search.command.arguments import Request
from search.command.process.inherited import set_aside
from search.command.settings import Settings, SettingsError, flags_in_words
from search.command.terminal.log import noise_to, reader_may_leave
from search.command.terminal.progress import Progress
from search.run_folder.folder import RunFolder, require_idle, run_folder
from search.run_folder.neighbours import neighbour_told
from search.run_folder.sessions import Sessions
from search.session.answer import answer, exit_code
from search.stages.driver import run_stages
from search.stages.run import Run
from search.worker.faults import SearchBroken, StorageError, StudyBusy

_DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM})

# What else than the trials must be as it was for a finished run to have nothing left to do
_DECIDE_THE_OUTCOME: Final = (
    "epochs",
    "seed",
    "split_seed",
    "data",
    "train_size",
    "finalists",
    "ablate",
    "retrain_seeds",
)


def run_session(request: Request, command: str) -> int:
    """Search, or make a report again. Returns the exit code; what ends it early is said on stderr."""
    try:
        os.umask(0o077)  # a run is its owner's: settings, errors and predictions are not to be read by others
        if request.dry_run:
            return _rehearse(request)
        return _report(request, request.report_only.resolve()) if request.report_only else _search(request, command)
    except (Exception, KeyboardInterrupt) as error:
        return _say(error)


def _say(error: BaseException) -> int:
    """Tell the user what ended the command. Returns the exit code."""
    if isinstance(error, KeyboardInterrupt):
        print(str(error) or "interrupted", file=sys.stderr)
        return int(getattr(error, "exit_code", 130))
    code = _exit_code(error)
    if code is None:
        traceback.print_exception(error)
        return 1
    if isinstance(error, OSError):
        remedy = "Free space there, or fix its rights, then resume."
        print(f"error: The files of a run must be read and written. Received: {error}. {remedy}", file=sys.stderr)
    else:
        print(f"error: {error}", file=sys.stderr)
    return code


def _exit_code(error: BaseException) -> int | None:
    """The exit code of an error that has a message for the user; None for a fault of ours, whose trace is shown."""
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return 4
    codes: dict[type[Exception], int] = {
        SettingsError: 2,
        ResourceError: 2,
        RecordError: 2,
        SearchBroken: 3,
        DataError: 4,
        StorageError: 4,
        ConnectError: 4,
        StudyBusy: 5,
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), None)


def _rehearse(request: Request) -> int:
    from search.session.rehearsal import rehearse  # with Optuna, which a search loads while Ray starts

    if request.resume:
        folder = RunFolder(request.settings.run_dir().resolve())
        require_idle(folder.path)
        if _ended_before(request, folder):
            return 0
    if request.calibrate:
        set_aside()
    with reader_may_leave():
        print(rehearse(request.settings, resume=request.resume, calibrate=request.calibrate))
    return 0


def _report(request: Request, run_dir: Path) -> int:
    if (run_dir / "config.json").exists() and not (run_dir / "outcome.json").exists():
        from search.session.so_far import write_state  # with Optuna

        write_state(run_dir, request.settings.storage)
    sentence = _write_report(run_dir)
    with reader_may_leave():
        print(answer(run_dir, sentence, "json" if request.as_json else "md" if request.as_markdown else "text"))
    if request.mlflow:
        _export(run_dir, request.mlflow)
    return exit_code(run_dir, request.least_gain)


def _export(run_dir: Path, store: str) -> None:
    from reports.to_mlflow import StoreError, export  # with SciPy

    try:
        print(export(run_dir, store), file=sys.stderr)
    except StoreError as error:
        raise StorageError(str(error)) from error


def _write_report(run_dir: Path) -> str:
    """The report of a search that came to its end, or of one so far. Returns what it found, in a sentence."""
    set_aside()
    # they load Matplotlib and SciPy, for which no search waits before its first trial
    if (run_dir / "state.json").exists() and not (run_dir / "outcome.json").exists():
        from reports.interim import write_interim

        return write_interim(run_dir)
    from reports.page import write_report

    return write_report(run_dir).sentence


def _search(request: Request, command: str) -> int:
    with run_folder(request.settings, resume=request.resume) as folder:
        try:
            ended = _ended_before(request, folder) or _run(request, folder, command)
        except (Exception, KeyboardInterrupt) as error:
            code = _say(error)
            if folder.is_kept() and not isinstance(error, SettingsError):
                _say_how_to_go_on(request.settings, folder)
            elif isinstance(error, KeyboardInterrupt):
                print("nothing was kept: no trial had begun", file=sys.stderr)
            return code
        try:
            code = _report(request, folder.path)
        except (Exception, KeyboardInterrupt) as error:  # the outcome is on disk
            code = _say(error)
            report = shlex.join(["python", "-m", "search.run", "--report-only", str(folder.path)])
            print(f"kept: {folder.path}\nthe report alone: {report}", file=sys.stderr)
            return code
    if ended < request.settings.trials:
        _say_what_the_time_allowed(request.settings, ended)
    return code


def _run(request: Request, folder: RunFolder, command: str) -> int:
    """The search. Returns how many trials it has."""
    with (
        noise_to(folder.log_file()) as terminal,
        Progress(terminal, verbosity=request.verbosity, live=request.show_progress) as progress,
    ):
        print("\n".join(set_aside()))
        sessions = Sessions(folder.path / "sessions.json", command)
        with neighbour_told(progress.warn):
            ended = run_stages(Run(request.settings, folder, progress, sessions, is_resumed=folder.is_kept()))
        progress.stage("report", str(folder.path / "report.html"))
    return ended


def _ended_before(request: Request, folder: RunFolder) -> int:
    """How many trials the run has, if it came to its end with all that is asked of it now; else 0.

    Raises:
        SettingsError: when something else is asked of such a run, which it would not get.
    """
    settings = request.settings
    if not folder.outcome_file().exists():
        return 0
    outcome = load_outcome(folder.outcome_file())
    had = {"split_seed": outcome.settings["seed"]} | dict(outcome.settings)  # --seed drew the split of older runs
    same = all(had.get(name) == getattr(settings, name) for name in _DECIDE_THE_OUTCOME)
    if not same or len(outcome.trials) < settings.trials:
        return 0
    if ignored := request.changed - {"trials"}:
        raise SettingsError(
            f"A finished run goes on with more --trials alone. Received: {flags_in_words(ignored)}, of a run of "
            f"{len(outcome.trials)} trials that is complete. Leave it out; or give --trials {len(outcome.trials) + 1} "
            "or more with it."
        )
    print(f"already complete: {len(outcome.trials)} trials, nothing is left to do", file=sys.stderr)
    return len(outcome.trials)


def _say_how_to_go_on(settings: Settings, folder: RunFolder) -> None:
    """What is kept and the command that goes on, before the report so far, which takes seconds."""
    print(settings.kept_words(folder.path), file=sys.stderr, flush=True)
    if folder.state_file().exists() and not folder.outcome_file().exists():
        with suppress(OSError):  # a full disk, of which the error has said
            print(f"{_write_report(folder.path)}\n{folder.path / 'report.html'}", file=sys.stderr)


def _say_what_the_time_allowed(settings: Settings, ended: int) -> None:
    told = f"{ended} of {settings.trials} trials: the time budget was used up. Go on with: {settings.resume_command()}"
    print(told, file=sys.stderr)
