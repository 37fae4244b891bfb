"""The command: data → model → trial → search → retrain → report.

python -m search.run --trials 50
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

from search.command.arguments import Request, parse
from search.command.process.inherited import give_a_home, prepare_streams, require_backend, require_extras
from search.command.process.interrupt import catch_signals
from search.command.process.supervisor import supervised
from search.command.settings import SettingsError, without_password
from search.command.settings_files import as_toml
from search.command.terminal.log import reader_may_leave


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: see --help.

    A search on Ray runs in a child process, unless a caller in Python gives the arguments.
    """
    if arguments is None:
        prepare_streams()
    give_a_home()
    given = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "search.run", *(without_password(argument) for argument in given)])
    try:
        with reader_may_leave():  # of --help
            request = parse(arguments)
        everywhere = replace(request, settings=request.settings.from_anywhere())
        require_extras(request.settings, request.mlflow)
        if not request.print_config and request.report_only is None:
            require_backend()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if request.print_config:
        with reader_may_leave():
            print(as_toml(request.settings), end="")
        return 0
    is_search = not request.dry_run and request.report_only is None
    if arguments is None and is_search and not request.settings.local:
        return supervised(lambda: _run(everywhere, command, is_search=True), everywhere.settings)
    return _run(everywhere, command, is_search=is_search)


def _run(request: Request, command: str, *, is_search: bool) -> int:
    try:
        if is_search:
            catch_signals()  # what follows takes a second to load
        if is_search and request.verbosity >= 0:
            print(request.settings.in_words(), file=sys.stderr, flush=True)
        # NumPy, PyArrow and Matplotlib: a second that --help and a wrong flag need not wait for
        from search.session.session import run_session

        return run_session(request, command)
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted", file=sys.stderr)
        if request.resume and is_search:
            print(request.settings.kept_words(request.settings.run_dir()), file=sys.stderr)
        elif is_search:
            print("nothing was kept: no trial had begun", file=sys.stderr)
        return int(getattr(error, "exit_code", 130))


if __name__ == "__main__":
    raise SystemExit(main())
