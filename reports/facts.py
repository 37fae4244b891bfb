"""Names and values as text, fit to be shared: the settings of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.privacy import without_credentials, without_folders


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value, both as text."""

    name: str
    value: str


def setting_facts(settings: Mapping[str, Any], command: str) -> tuple[Fact, ...]:
    """Every setting by name: passwords masked, hosts and folders hidden unless the command itself names them."""
    return tuple(Fact(name, _setting(name, value, command)) for name, value in sorted(settings.items()))


def _setting(name: str, value: object, command: str) -> str:
    text = "—" if value is None else "yes" if value is True else "no" if value is False else str(value)
    text = without_credentials(text)
    if name == "address" and value is not None and text not in command:
        return "…"  # a host that came from the environment
    return text if text in command else without_folders(text)
