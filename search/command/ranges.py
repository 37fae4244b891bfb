"""The values of a hyperparameter that a search tries, in words: how the space is written, stored and shown.

learning_rate = 0.0003 to 0.01, log        any number between, drawn on the scale of its logarithm
conv_dropout = 0 to 0.3, step 0.05
activation = relu | gelu | silu            one of these
batch_norm = true                          this one
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from fashion_model.config import ConfigError, TrainConfig, check_value
from search.command.settings import SettingsError
from search.command.settings_files import read_toml

# What is drawn under another name than the field's that it sets
STANDS_FOR: Final = {"sgd_learning_rate": "learning_rate"}
COST: Final = "multiply_adds"  # of the network, an image: it sets base_filters
_KINDS: Final[dict[str, type]] = {field.name: type(field.default) for field in fields(TrainConfig)}
_RANGE: Final = re.compile(r"(?P<low>[^\s|]+) to (?P<high>[^\s|,]+)(?:, *(?:(?P<log>log)|step (?P<step>\S+)))?")
_SYNTAX: Final = '"LOW to HIGH", "LOW to HIGH, log", "LOW to HIGH, step STEP", "A | B | C" or one value'


@dataclass(frozen=True, slots=True)
class Range:
    """The values of one hyperparameter: `choices`, or the numbers from `low` to `high`, both of them included."""

    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    step: float = 0
    log: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether there is one value."""
        return len(self.choices) == 1

    def __str__(self) -> str:
        if self.choices:
            return " | ".join(_word(choice) for choice in self.choices)
        more = ", log" if self.log else f", step {self.step:.15g}" if self.step else ""
        return f"{_word(self.low)} to {_word(self.high)}{more}"


def parse_range(name: str, text: str) -> Range:
    """The range of a hyperparameter, written as above.

    Raises:
        SettingsError: when it is written otherwise, no such hyperparameter exists, or it does not take such a value.
    """
    if name != COST and STANDS_FOR.get(name, name) not in _KINDS:
        known = ", ".join(sorted({*_KINDS, *STANDS_FOR, COST}))
        raise SettingsError(f"The space has hyperparameters of TrainConfig. Received: {name}. Give one of {known}.")
    try:
        return _parsed(name, text.strip())
    except (ValueError, ConfigError) as error:
        raise SettingsError(f"{name} must be {_SYNTAX}. Received: {text}: {error}") from error


def read_space(path: Path) -> tuple[str, ...]:
    """The lines `NAME = RANGE` of a TOML file; a list stands for its choices, a single value for itself.

    Raises:
        SettingsError: when the file cannot be read, is no TOML, or holds something else.
    """
    lines = (f"{name} = {_text(value)}" for name, value in read_toml(path, "--space").items())
    return tuple(f"{name} = {value}" for name, value in parse_space(tuple(lines)).items())


def read_config(given: str) -> str:
    """A configuration in a TOML file, in a run's best.json or as JSON, as JSON of the fields that it sets.

    Raises:
        SettingsError: when the file cannot be read, or holds no configuration.
    """
    flag, path = "--add-config", Path(given)
    try:
        if path.suffix == ".json" or given.startswith("{"):
            values = json.loads(given if given.startswith("{") else path.read_text(encoding="utf-8"))
        else:
            values = read_toml(path, flag)
        config = TrainConfig.from_dict(values.get("config", values))
        return given if given.startswith("{") else json.dumps(config.differences())
    except SettingsError:
        raise
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise SettingsError(f"{flag} must name a configuration of the network. Received: {given}: {error}") from error


def parse_space(lines: Sequence[str]) -> dict[str, Range]:
    """The ranges of lines `NAME = RANGE`; of several for one name, the last.

    Raises:
        SettingsError: when a line is none.
    """
    ranges = {}
    for line in lines:
        name, equals, text = (part.strip() for part in line.partition("="))
        if not equals:
            raise SettingsError(f"A hyperparameter is set by NAME=VALUE. Received: {line}.")
        ranges[name] = parse_range(name, text)
    if COST in ranges and "base_filters" in ranges:
        raise SettingsError(f"base_filters follows from {COST}. Received: both. Give one of them.")
    return ranges


def _parsed(name: str, text: str) -> Range:
    kind = int if name == COST else _KINDS[STANDS_FOR.get(name, name)]
    match = _RANGE.fullmatch(text)
    if match is None:
        choices = tuple(_value(name, kind, word.strip()) for word in text.split("|"))
        return Range(tuple(dict.fromkeys(choices)))
    if kind in (bool, str):
        raise ValueError(f"{name} has no order")
    low, high = (_value(name, kind, match[end]) for end in ("low", "high"))
    step = kind(match["step"] or 0)
    if not (low < high and (0 < step < math.inf or not match["step"]) and (low > 0 or not match["log"])):
        raise ValueError("LOW must be less than HIGH, STEP a number above 0, and LOW more than 0 with log")
    return Range(low=low, high=high, step=step, log=bool(match["log"]))


def _value(name: str, kind: type, word: str) -> Any:
    value: Any = {"true": True, "false": False}.get(word.lower(), word) if kind is bool else kind(word)
    if name != COST:
        check_value(STANDS_FOR.get(name, name), value)
    return value


def _text(value: object) -> str:
    return " | ".join(map(_word, value)) if isinstance(value, list) else _word(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else f"{value:_}" if isinstance(value, int) else str(value)
