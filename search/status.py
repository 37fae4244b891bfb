"""The command: where a run stands, from its study alone, while it runs and after.

python -m search.status            the last run in runs/
python -m search.status --watch    until it ends
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from search.command.earlier_run import find_run, runs_in
from search.command.process.inherited import prepare_streams
from search.command.settings import HIDDEN_PASSWORD, Settings, SettingsError, counted
from search.command.settings_files import read_run
from search.command.terminal.log import reader_may_leave
from search.worker.faults import StorageError

if TYPE_CHECKING:
    from search.study.storage.overview import Overview, Training

_CONFIG: Final = "config.json"
_WATCH_SECONDS: Final = 2.0
_BARS: Final = "▁▂▃▄▅▆▇█"
_EXAMPLES: Final = """\
examples:
  python -m search.status                              the last run in runs/
  python -m search.status runs/NAME --watch            a live view of a run, until it ends
  python -m search.status --all                        every run in runs/
  python -m search.status NAME --storage URL           a study on a server, from any machine

exit codes: 0 shown · 2 usage · 4 the study cannot be read
"""


@dataclass(frozen=True, slots=True)
class _Place:
    """A study: its name, and the URL of its database, or the file where that is None."""

    name: str
    url: str | None
    file: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: see --help."""
    if arguments is None:
        prepare_streams()
    try:
        with reader_may_leave():
            asked = _parser().parse_args(arguments)
            places = _places(asked)
            if asked.watch:
                _watch(places)
            else:
                _show(places, as_json=asked.json, is_list=asked.all)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except StorageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m search.status",
        description="Show where a run stands, from its study: while it runs, and after.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("run", nargs="?", metavar="RUN", help="a run's folder or name (default: the last run)")
    which.add_argument("--all", action="store_true", help="every run")
    parser.add_argument("--watch", action="store_true", help="show it anew every two seconds, until the run ends")
    parser.add_argument("--json", action="store_true", help="print it as JSON: see docs/runs.md")
    parser.add_argument("--storage", metavar="URL", help="the database of the study (default: the run's own)")
    parser.add_argument("--output", metavar="DIR", default="runs", help="where run folders are (default runs)")
    return parser


def _places(asked: argparse.Namespace) -> list[_Place]:
    """The studies that are asked for."""
    if asked.watch and (asked.json or asked.all or not sys.stdout.isatty()):
        raise SettingsError(
            "--watch shows one run on a terminal. Received: with --json, with --all, or with output that is no "
            "terminal. Leave out --watch."
        )
    if asked.storage:
        Settings(name="any", storage=asked.storage)  # refuses what is no database's URL
        return _stored(asked.storage, asked.run and Path(asked.run).name, every=asked.all)
    output = Path(asked.output)
    if not asked.all:
        return [_place(find_run(asked.run or "latest", output, "RUN"))]
    places = []
    for folder in runs_in(output):
        try:
            places.append(_place(folder))
        except SettingsError as error:
            _leave_out(folder.name, error)
    return places


def _leave_out(name: str, error: Exception) -> None:
    print(f"left out: {name}: {error}", file=sys.stderr)


def _place(folder: Path) -> _Place:
    settings = read_run(folder / _CONFIG)
    url = settings.get("storage")
    if url and HIDDEN_PASSWORD.search(url):
        raise SettingsError(f"The password of --storage is not kept. Received: {url}. Give --storage, with it.")
    return _Place(settings["name"], url, folder / "study.db")


def _stored(url: str, name: str | None, *, every: bool) -> list[_Place]:
    """A study of a database, or each; without a name the one whose driver gave the last sign."""
    if name:
        return [_Place(name, url, Path())]
    import optuna

    from search.study.storage.database import Database
    from search.study.storage.overview import opened, read_study

    with opened(Database(url)) as storage:
        studies = [read_study(storage, each) for each in optuna.get_all_study_names(storage)]
    if not studies:
        raise SettingsError(f"A database must hold a study to be shown. Received: none in {Database(url).shown()}.")
    studies.sort(key=lambda study: study.beat.moment if study.beat else "")
    return [_Place(study.name, url, Path()) for study in studies[0 if every else -1 :]]


def _read(place: _Place) -> Overview:
    from search.study.storage.database import Database, sqlite_url
    from search.study.storage.overview import opened, overview, read_study

    with opened(Database(place.url or sqlite_url(place.file))) as storage:
        return overview(read_study(storage, place.name))


def _show(places: Sequence[_Place], *, as_json: bool, is_list: bool) -> None:
    seen = []
    for place in places:
        try:
            seen.append(_read(place))
        except StorageError as error:
            if not is_list:
                raise
            _leave_out(place.name, error)
    if as_json:
        print(json.dumps([asdict(each) for each in seen] if is_list else asdict(seen[0]), indent=1))
    elif is_list:
        print("\n".join(map(_row, seen)))
    else:
        print("\n".join(_lines(seen[0])))


def _watch(places: Sequence[_Place]) -> None:
    """Show a run anew and anew, until it ends."""
    from rich.live import Live
    from rich.text import Text

    def text() -> Text:
        return Text("\n".join(_lines(seen)), no_wrap=True, overflow="ellipsis")

    seen = _read(places[0])
    with Live(text(), auto_refresh=False) as live:
        while seen.state == "running":
            time.sleep(_WATCH_SECONDS)
            seen = _read(places[0])
            live.update(text(), refresh=True)


def _row(seen: Overview) -> str:
    trials = seen.trials
    ended = trials.complete + trials.pruned + trials.failed
    best = f"best {seen.best.value:.4f}" if seen.best else "no best yet"
    return f"{seen.study:24} {seen.state:9} {seen.stage:10} {ended:>5} of {trials.planned or '?'} trials · {best}"


def _lines(seen: Overview) -> list[str]:
    """What a person reads of a run."""
    trials = seen.trials
    ended = trials.complete + trials.pruned + trials.failed
    of = f" of {trials.planned}" if trials.planned else ""
    counts = f"{trials.complete} complete, {trials.pruned} pruned, {trials.failed} failed"
    facts = {
        "run": f"{seen.study}: {_state(seen)}",
        "stage": f"{seen.stage} {seen.done}/{seen.total}" + (f", {seen.left}" if seen.left else ""),
        "trials": f"{ended}{of} ended ({counts}); {trials.running} running, {trials.waiting} to be run again",
        "best": _best(seen),
        "rate": f"{seen.trials_per_hour:.3g} trials an hour" if seen.trials_per_hour else "",
    }
    lines = [f"{name:9}{text}" for name, text in facts.items() if text]
    for machine in seen.machines:
        busy = timedelta(seconds=round(machine.seconds))
        who = f"{counted(machine.workers, 'worker')}, {counted(machine.trials, 'trial')}"
        lines.append(f"{'machine':9}{machine.host}: {who}, {busy} of work")
    lines += [f"{'running':9}{_training(each, seen)}" for each in seen.under_way if seen.state == "running"]
    return lines + ([f"go on with: {seen.resume}"] if seen.state in ("dead", "stopped") else [])


def _state(seen: Overview) -> str:
    sign = timedelta(seconds=round(seen.silent_seconds or 0.0))
    return {
        "running": f"running, driver {seen.driver}, last sign {sign} ago",
        "dead": f"its driver {seen.driver} is dead, last sign {seen.heartbeat} ({sign} ago)",
        "stopped": f"stopped: {seen.ending}",
        "finished": "finished",
        "unknown": "no driver has left a sign in this study; it is of an older version",
    }[seen.state]


def _best(seen: Overview) -> str:
    best = f"{seen.best.value:.4f} (trial {seen.best.trial})" if seen.best else "none yet"
    return f"{best}; the reference {seen.reference.value:.4f}" if seen.reference else best


def _training(training: Training, seen: Overview) -> str:
    """A training's epoch, and its curve on the scale of all that run."""
    values = [value for each in seen.under_way for value in each.values]
    low, high = min(values, default=0.0), max(values, default=1.0)
    place = [(value - low) / ((high - low) or 1.0) for value in training.values]
    curve = "".join(_BARS[round(each * (len(_BARS) - 1))] for each in place)
    last = f"{training.values[-1]:.4f}" if training.values else ""
    of = f"/{training.of}" if training.of else ""
    epoch = min(training.epochs + 1, training.of or training.epochs + 1)
    return f"{training.label} epoch {epoch}{of} {curve} {last}".rstrip()


if __name__ == "__main__":
    raise SystemExit(main())
