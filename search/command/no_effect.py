"""Flags that would be ignored beside others: they are refused, so that nobody waits for what will not happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from search.command.settings import Settings, SettingsError, flag_of, flags_in_words

_IN_PROCESS_IGNORES: Final = ("cpus_per_trial", "gpus_per_trial", "max_concurrent")
# What is asked of a result, and the value where nothing is
_OF_THE_RESULT: Final = {"json": False, "format": "text", "to_mlflow": None, "fail_unless_better": None}


def refuse_empty(flags: Mapping[str, Any]) -> None:
    """Refuse a flag without a value.

    Raises:
        SettingsError: when there is one.
    """
    for name in (name for name, value in flags.items() if value == ""):
        raise SettingsError(
            f"{flag_of(name)} must have a value. Received: an empty one, as of a variable that is not set. "
            "Give one, or leave the flag out."
        )


def refuse_what_has_no_effect(flags: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse flags that would be ignored beside others.

    Raises:
        SettingsError: when there is one.
    """
    others = [*(given.keys() - {"output", "storage"}), *(name for name in ("resume", "config") if flags[name])]
    if flags["report_only"] and others:
        _refuse(others, "--report-only", "only builds a report again")
    if flags["calibrate"] and not flags["dry_run"]:
        raise SettingsError("--calibrate is for a forecast. Received: without --dry-run. Give both, or neither.")
    results = [name for name, default in _OF_THE_RESULT.items() if flags[name] != default]
    if results and (flags["dry_run"] or flags["print_config"]):
        _refuse(results, "--dry-run" if flags["dry_run"] else "--print-config", "prints no result")


def refuse_what_one_process_ignores(settings: Settings, given: Mapping[str, Any], file: Mapping[str, Any]) -> None:
    """See refuse_what_has_no_effect; a file for a cluster may be tried with --local."""
    beside = {**(file if file.get("local") else {}), **given}
    ignored = [name for name in _IN_PROCESS_IGNORES if name in beside and (name, beside[name]) != ("max_concurrent", 1)]
    if settings.local and ignored:
        _refuse(ignored, "--local", "runs one trial at a time, on all cores and GPUs that there are")


def _refuse(names: Sequence[str], flag: str, why: str) -> NoReturn:
    raise SettingsError(
        f"{flag} {why}: what is given beside it would have no effect. Received: with {flags_in_words(names)}. "
        "Leave out one or the other."
    )
