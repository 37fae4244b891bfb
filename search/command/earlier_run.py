"""The run folder that --resume or --report-only names, and the settings that it was begun with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from search.command.settings import SettingsError, did_you_mean
from search.command.settings_files import read_run

_CONFIG: Final = "config.json"
_MARKS: Final = (_CONFIG, "outcome.json", "state.json")  # older runs have no settings of their own


def runs_in(output: Path) -> list[Path]:
    """The runs in a folder, the one that was begun last at the end."""
    return [file.parent for file in sorted(output.glob(f"*/{_CONFIG}"), key=lambda file: file.stat().st_mtime)]


def find_run(asked: str, output: Path, flag: str) -> Path:
    """The folder `asked`, else the run of that name in `output`; "latest" is the run there that was begun last.

    Raises:
        SettingsError: when there is none.
    """
    known = runs_in(output)
    if asked == "latest" and known:
        return known[-1]
    if asked == "latest":
        raise SettingsError(f"{flag} needs a run. Received: none in {output}. Name one, or --output.")
    for folder in (Path(asked), output / asked):
        try:
            if any((folder / mark).is_file() for mark in _MARKS):
                return folder
        except OSError as error:  # somebody else's
            raise SettingsError(f"{flag} must name a run's folder that can be read. Received: {error}.") from error
    guess = did_you_mean(Path(asked).name, [run.name for run in known])
    raise SettingsError(f"{flag} must name a run's folder. Received: {asked}, which has no {_CONFIG}.{guess}")


def settings_of(folder: Path) -> dict[str, Any]:
    """The settings of the run in a folder, as they are for going on with it there.

    Raises:
        SettingsError: when they cannot be read, or the folder has another name than the run's study.
    """
    values = read_run(folder / _CONFIG)
    # `.` and a link have other names than the folder
    named = folder if folder.name == values.get("name") else folder.resolve()
    if named.name != values.get("name"):
        raise SettingsError(
            f"A run's folder has its study's name. Received: {folder}, of study {values.get('name')}. Rename it back."
        )
    return values | {"output": str(named.parent), "overwrite": False}
