"""Settings in files: read from TOML and from a run's config.json, checked by name and type, and written as TOML."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from search.command.settings import DURATIONS, Settings, SettingsError, did_you_mean, seconds_of

_KINDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text in quotes",
    "tuple[str, ...]": "a list of texts in quotes",
}


def read_file(path: Path) -> dict[str, Any]:
    """The settings that a TOML file sets, by field name; flags' dashes may be dashes or underscores.

    Raises:
        SettingsError: when the file cannot be read, is not TOML, or names no such setting.
    """
    values = read_toml(path, "--config")
    return _checked({name.replace("-", "_"): value for name, value in values.items()}, path)


def read_toml(path: Path, flag: str) -> dict[str, Any]:
    """What a TOML file that `flag` names holds.

    Raises:
        SettingsError: when the file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{flag} must name a readable TOML file. Received: {path}: {error}.") from error


def read_run(config_file: Path) -> dict[str, Any]:
    """The settings that a run folder's config.json holds, without those that are not set.

    Raises:
        SettingsError: when the file cannot be read, is not JSON, or holds other settings.
    """
    try:
        values = json.loads(config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"A run's settings must be readable. Received: {config_file}: {error}.") from error
    if not isinstance(values, dict):
        raise SettingsError(f"A run's settings must be a JSON object. Received: {config_file}: {values!r}.")
    # before there was --split-seed, the split was drawn with --seed
    values = {"split_seed": values.get("seed", 0)} | values
    return _checked({name: value for name, value in values.items() if value is not None}, config_file)


def _checked(values: dict[str, Any], path: Path) -> dict[str, Any]:
    kinds = {field.name: str(field.type) for field in fields(Settings)}
    for name in values.keys() - kinds.keys():
        guess = did_you_mean(name, kinds)
        raise SettingsError(f"{path} must only name settings. Received: {name}.{guess} See --print-config.")
    return {name: _checked_value(name, value, kinds[name], path) for name, value in values.items()}


def _checked_value(name: str, value: Any, kind: str, path: Path) -> Any:
    if name in DURATIONS and isinstance(value, str):
        return seconds_of(value)
    wanted = re.sub(r"\w+Name|StartWith", "str", kind).removesuffix(" | None")
    if wanted.startswith("tuple") and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    if type(value).__name__ != wanted and not (type(value) is int and wanted == "float"):
        raise SettingsError(f"{name} in {path} must be {_KINDS[wanted]}. Received: {value!r}.")
    return value


def as_toml(settings: Settings) -> str:
    """The settings as a file that --config reads, for any number of runs: the name is one run's own, and a comment, as
    is what is not set."""
    lines = []
    for name, value in (settings.to_dict() | {"name": None}).items():
        lines.append(f"# {name} =" if value is None else f"{name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    """In ASCII, which every terminal can show."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if not isinstance(value, str):
        return json.dumps(value)  # its numbers, true and false are TOML's; its texts may have halves of a character
    return '"' + "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\U{ord(c):08x}" for c in value) + '"'
