"""The command: data → model → trial → search → retrain → report.

python -m search.run --trials 50
"""

from __future__ import annotations

import errno
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from search.arguments import Request, parse
from search.settings import Settings, SettingsError, as_toml, without_password

if TYPE_CHECKING:
    from search.run_folder import RunFolder

_DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM})

# What else than the trials must be as it was for a finished run to have nothing left to do
_DECIDE_THE_OUTCOME: Final = ("epochs", "seed", "train_size", "finalists", "retrain_seeds")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: see --help."""
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "search.run", *(without_password(argument) for argument in given)])
    try:
        return _dispatch(parse(arguments), command)
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
        remedy = "Free space there, or mend its rights, then resume."
        print(f"error: What is found must be kept. Received: {error}. {remedy}", file=sys.stderr)
    else:
        print(f"error: {error}", file=sys.stderr)
    return code


def _exit_code(error: BaseException) -> int | None:
    """The exit code of an error that has a message for the user; None for a fault of ours, whose trace is shown."""
    if isinstance(error, SettingsError):
        return 2
    from cluster.connect import ConnectError
    from cluster.resources import ResourceError
    from fashion_model.source import DataError
    from search.faults import SearchBroken, StorageError, StudyBusy
    from search.record_file import RecordError

    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return 4
    codes: dict[type[Exception], int] = {
        ResourceError: 2,
        RecordError: 2,
        SearchBroken: 3,
        DataError: 4,
        StorageError: 4,
        ConnectError: 4,
        StudyBusy: 5,
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), None)


def _dispatch(request: Request, command: str) -> int:
    if request.print_config:
        print(as_toml(request.settings), end="")
        return 0
    if request.dry_run:
        print(_plan(request.settings))
        return 0
    if request.report_only:
        return _report(request, request.report_only.resolve())
    return _search(request, command)


def _report(request: Request, run_dir: Path) -> int:
    sentence = _write_report(run_dir)
    if request.as_json:
        print((run_dir / "report.json").read_text(encoding="utf-8"))
    else:
        print(f"{sentence}\n{run_dir / 'report.html'}")
    return 0


def _write_report(run_dir: Path) -> str:
    """The report of a search that came to its end, or of one so far. Returns what it found, in a sentence."""
    if (run_dir / "state.json").exists() and not (run_dir / "outcome.json").exists():
        from reports.interim import write_interim

        return write_interim(run_dir)
    from reports.page import write_report

    return write_report(run_dir).sentence


def _search(request: Request, command: str) -> int:
    os.umask(0o077)  # a run is its owner's: settings, errors and predictions are nobody else's to read
    from search.interrupt import catch_signals
    from search.run_folder import run_folder

    catch_signals()
    with run_folder(request.settings, resume=request.resume) as folder:
        try:
            ended = _ended_before(request.settings, folder) or _run(request, folder, command)
        except (Exception, KeyboardInterrupt) as error:
            code = _say(error)
            if folder.is_kept() and not isinstance(error, SettingsError):
                _say_how_to_go_on(request.settings, folder)
            return code
        code = _report(request, folder.path)
    return code if ended >= request.settings.trials else _too_few(request.settings, ended)


def _run(request: Request, folder: RunFolder, command: str) -> int:
    """The search. Returns how many trials it has."""
    # these load NumPy, pandas and Optuna, half a second that --help need not pay
    from search.log import noise_to
    from search.pipeline import Pipeline
    from search.progress import Progress

    with noise_to(folder.log_file()) as terminal:
        progress = Progress(terminal, verbosity=request.verbosity, live=request.show_progress)
        ended = Pipeline(request.settings, folder, progress, command).run()
        progress.stage("report", str(folder.path / "report.html"))
    return ended


def _ended_before(settings: Settings, folder: RunFolder) -> int:
    """How many trials the run has, if it came to its end with all that is asked of it now; else 0."""
    if not folder.outcome_file().exists():
        return 0
    from search.records import load_outcome

    outcome = load_outcome(folder.outcome_file())
    same = all(outcome.settings[name] == getattr(settings, name) for name in _DECIDE_THE_OUTCOME)
    if not same or len(outcome.trials) < settings.trials:
        return 0
    print(f"already complete: {len(outcome.trials)} trials, nothing is left to do", file=sys.stderr)
    return len(outcome.trials)


def _say_how_to_go_on(settings: Settings, folder: RunFolder) -> None:
    """What is kept and the command that goes on, before the report so far, which takes seconds."""
    print(f"kept: {folder.path}\ngo on with: {settings.resume_command()}", file=sys.stderr, flush=True)
    if folder.state_file().exists() and not folder.outcome_file().exists():
        with suppress(OSError):  # a full disk, of which the error has told
            print(f"{_write_report(folder.path)}\n{folder.path / 'report.html'}", file=sys.stderr)


def _too_few(settings: Settings, ended: int) -> int:
    print(
        f"{ended} of {settings.trials} trials: the time budget was used up. Go on with: {settings.resume_command()}",
        file=sys.stderr,
    )
    return 3


def _plan(settings: Settings) -> str:
    from search.stages.finalists import jobs_count

    trainings = 2 * settings.retrain_seeds
    return (
        f"{as_toml(settings)}\n"
        f"# up to {settings.trials} trials of at most {settings.epochs} epochs, in {settings.run_dir()}\n"
        f"# then {jobs_count(settings.finalists)} trainings of finalists and {trainings} of reference and best, "
        f"{settings.epochs} epochs each"
    )


if __name__ == "__main__":
    raise SystemExit(main())
