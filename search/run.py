"""The command: data → model → trial → search → retrain → report.

python -m search.run --trials 50
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from search.arguments import Request, parse
from search.settings import Settings, SettingsError, as_toml, without_password


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: see --help."""
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "search.run", *(without_password(argument) for argument in given)])
    try:
        request = parse(arguments)
        return _dispatch(request, command)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        print(f"error: {error}", file=sys.stderr)
        return code


def _exit_code(error: Exception) -> int | None:
    """The exit code of an error that has a message for the user; None for a fault of ours, whose trace is shown."""
    if isinstance(error, SettingsError):
        return 2
    from cluster.connect import ConnectError
    from cluster.resources import ResourceError
    from fashion_model.source import DataError
    from search.place import SearchBroken
    from search.records import RecordError
    from search.storage import StorageError

    codes: dict[type[Exception], int] = {
        ResourceError: 2,
        RecordError: 2,
        SearchBroken: 3,
        DataError: 4,
        StorageError: 4,
        ConnectError: 4,
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
    from reports.page import write_report

    comparison = write_report(run_dir)
    if request.as_json:
        print((run_dir / "report.json").read_text(encoding="utf-8"))
    else:
        print(f"{comparison.sentence}\n{run_dir / 'report.html'}")
    return 0


def _search(request: Request, command: str) -> int:
    # these load NumPy, pandas and Optuna, half a second that --help need not pay
    from search.log import noise_to
    from search.pipeline import Pipeline
    from search.progress import Progress
    from search.run_folder import run_folder

    with run_folder(request.settings) as folder:
        try:
            with noise_to(folder.log_file()) as terminal:
                progress = Progress(terminal, verbosity=request.verbosity, live=request.show_progress)
                Pipeline(request.settings, folder, progress, command).run()
                progress.stage("report", str(folder.path / "report.html"))
        except KeyboardInterrupt:
            print(f"interrupted: the trials that had ended are in {folder.path}", file=sys.stderr)
            return 130
    return _report(request, folder.path)


def _plan(settings: Settings) -> str:
    from search.finalists import jobs_count

    trainings = 2 * settings.retrain_seeds
    return (
        f"{as_toml(settings)}\n"
        f"# up to {settings.trials} trials of at most {settings.epochs} epochs, in {settings.run_dir()}\n"
        f"# then {jobs_count(settings.finalists)} trainings of finalists and {trainings} of reference and best, "
        f"{settings.epochs} epochs each"
    )


if __name__ == "__main__":
    raise SystemExit(main())
