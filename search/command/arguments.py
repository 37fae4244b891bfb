"""The command line of `python -m search.run`: flags into Settings and what to do with them. Imports nothing heavy."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from search.command.earlier_run import find_run, runs_in, settings_of
from search.command.flags import command_line
from search.command.no_effect import refuse_empty, refuse_what_has_no_effect, refuse_what_one_process_ignores
from search.command.ranges import parse_space, read_config, read_space
from search.command.settings import HIDDEN_PASSWORD, Settings, SettingsError, did_you_mean
from search.command.settings_files import read_file

_RUNS: Final = "runs"  # the default of --output


@dataclass(frozen=True, slots=True)
class Request:
    """What to do: a search with `settings`, only its plan, only the settings, or only the report of `report_only`.

    `resume` says that the run is there, and is to go on. `given` names the settings that a flag or the file sets;
    `changed` those of them that the run to resume does not have already. `least_gain` is by how many pt the winner must
    be better for exit code 0, None where nothing is asked of it. `mlflow` is the store that the result is copied into.
    """

    settings: Settings
    given: frozenset[str]
    changed: frozenset[str]
    resume: bool
    report_only: Path | None
    dry_run: bool
    calibrate: bool
    print_config: bool
    as_json: bool
    as_markdown: bool
    least_gain: float | None
    mlflow: str | None
    verbosity: int
    show_progress: bool


def parse(arguments: Sequence[str] | None, refuse: Callable[[str], NoReturn] | None = None) -> Request:
    """Parse the command line; argparse ends the process on --help (0) and on a wrong flag (2).

    `refuse` is how another command, which passes flags on, ends on a wrong one: under its own name.

    Raises:
        SettingsError: when a value breaks its rule, or the --config file cannot be used.
    """
    parser = command_line()
    if refuse is not None:
        parser.error = refuse  # type: ignore[method-assign,assignment]
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        guess = did_you_mean(unknown[0].partition("=")[0], re.findall(r"--[a-z][a-z-]*", parser.format_help()))
        parser.error(f"unrecognized arguments: {' '.join(unknown)}.{guess}")
    flags = vars(options)
    own = (*(read_space(flags["space"]) if flags["space"] else ()), *(flags.pop("fix") or ()))
    flags["space"] = own or None
    flags["add_config"] = tuple(map(read_config, flags["add_config"] or ())) or None
    flags["warm_start"] = tuple(dict.fromkeys(flags["warm_start"] or ())) or None
    given = {field.name: flags[field.name] for field in fields(Settings) if flags[field.name] is not None}
    file = _from_file(flags["config"]) if flags["config"] else {}
    refuse_empty(flags)
    refuse_what_has_no_effect(flags, given)
    output = Path(flags["output"] or _RUNS)
    run = _run_to_resume(flags, output) if flags["resume"] else {}
    file, given = _beside(run, file), _beside(run, given)
    settings = _resolve(run, file, given)
    settings = replace(settings, trials=max(settings.trials, 1 + len(settings.add_config)))  # each is tried
    parse_space(settings.space)
    refuse_what_one_process_ignores(settings, given, file)
    _require_password(settings)
    _require_earlier(settings, run)
    return Request(
        settings=settings,
        given=frozenset(given | file),
        changed=_changed(run, settings, frozenset(given | file)),
        resume=bool(flags["resume"]),
        report_only=find_run(flags["report_only"], output, "--report-only") if flags["report_only"] else None,
        dry_run=flags["dry_run"],
        calibrate=flags["calibrate"],
        print_config=flags["print_config"],
        as_json=flags["json"],
        as_markdown=flags["format"] == "md",
        least_gain=flags["fail_unless_better"],
        mlflow=flags["to_mlflow"],
        verbosity=flags["verbose"] - flags["quiet"],
        show_progress=not flags["no_progress"],
    )


def _from_file(path: Path) -> dict[str, Any]:
    """What a --config file sets, with the configurations that it names."""
    file = read_file(path)
    if "add_config" in file:
        file["add_config"] = tuple(map(read_config, file["add_config"]))
    return file


def _beside(run: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """What a file or the flags set, beside a run that goes on: it keeps the configurations that it had."""
    kept = {name: value for name, value in source.items() if not run or value != ()}  # printed settings have every list
    if "add_config" in kept:
        kept["add_config"] = tuple(dict.fromkeys((*run.get("add_config", ()), *kept["add_config"])))
    return kept


def _resolve(run: Mapping[str, Any], file: Mapping[str, Any], given: Mapping[str, Any]) -> Settings:
    """Each source wins over the one before it. Whatever names a place to run at wins over an earlier other place."""
    asked = _merged(_merged(run, file), given)
    sources = _merged(_merged(_merged(run, file), _environment(asked)), given)
    defaults = {"name": f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"} | (
        {"trials": 1} if asked.get("local") else {}
    )
    if asked.get("objective") == "accuracy,cost":  # Optuna's pruners compare trials by one value
        defaults["pruner"] = "none"
    # --output, and a name in the file, only say where a new run is made
    kept = {name: run[name] for name in ("name", "output", "overwrite") if run}
    return Settings(**(defaults | sources | kept))


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    other = "address" if after.get("local") else "local" if after.get("address") else None
    return {name: value for name, value in before.items() if name != other} | dict(after)


def _environment(asked: Mapping[str, Any]) -> dict[str, Any]:
    address = os.environ.get("RAY_ADDRESS")
    return {"address": address} if address and not asked.get("local") else {}


def _changed(run: Mapping[str, Any], settings: Settings, asked: frozenset[str]) -> frozenset[str]:
    had = Settings(**run).from_anywhere().to_dict() if run else {}
    now = settings.from_anywhere().to_dict()
    return frozenset(name for name in asked if run and now[name] != had[name])


def _run_to_resume(flags: Mapping[str, Any], output: Path) -> dict[str, Any]:
    for flag in ("name", "overwrite"):
        if flags[flag]:
            raise SettingsError(f"--{flag} is for a new run. Received: with --resume. Leave it out.")
    return settings_of(find_run(flags["resume"], output, "--resume"))


def _require_earlier(settings: Settings, run: Mapping[str, Any]) -> None:
    """A study learns from earlier runs as it begins, and they must outlast that."""
    named = " ".join(settings.warm_start)
    last = runs_in(Path(settings.output))[-1:] if "latest" in settings.warm_start else ()
    if run and settings.warm_start != run.get("warm_start", ()):
        raise SettingsError(f"--warm-start is for a new run. Received: {named}, with --resume. Leave it out.")
    if settings.overwrite and settings.name in {Path(name).name for name in (*settings.warm_start, *last)}:
        raise SettingsError(f"--warm-start must not name the run that --overwrite deletes. Received: {named}.")


def _require_password(settings: Settings) -> None:
    """config.json has no password in it."""
    for flag, url in (("--storage", settings.storage), ("--storage-path", settings.storage_path)):
        if url and HIDDEN_PASSWORD.search(url):
            raise SettingsError(f"The password of {flag} is not kept. Received: {url}. Give {flag} again, with it.")
