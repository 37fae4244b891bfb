"""The settings of a search: the command line, a file and the defaults resolved into one validated record.

Precedence: flag, then environment (RAY_ADDRESS), then --config file, then default.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args

SamplerName = Literal["tpe", "random", "cmaes", "gp", "qmc"]
PrunerName = Literal["halving", "hyperband", "median", "none"]
SAMPLERS: Final[tuple[SamplerName, ...]] = get_args(SamplerName)
PRUNERS: Final[tuple[PrunerName, ...]] = get_args(PrunerName)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LEAST_IMAGES: Final = 120  # two of each class to validate on
_MOST_IMAGES: Final = 59_990  # a stratified part must leave one of each class over


class SettingsError(ValueError):
    """A setting that breaks a rule, or settings that do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command was asked to do. Field names are the flags' names.

    `trials` counts the whole study; `train_size` None means all 60,000 images; resources None mean that the
    cluster decides (cluster/resources.py); `name` is never empty once resolved.

    Raises:
        SettingsError: when a value breaks its rule.
    """

    trials: int = 50
    epochs: int = 10
    local: bool = False
    train_size: int | None = None
    data_dir: str | None = None
    name: str
    output: str = "runs"
    overwrite: bool = False
    storage: str | None = None
    address: str | None = None
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "halving"
    seed: int = 0
    finalists: int = 3
    retrain_seeds: int = 5
    cpus_per_trial: float | None = None
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None

    def __post_init__(self) -> None:
        _require(_NAME.fullmatch(self.name), "name", self.name, "up to 64 letters, digits, dots, dashes or underscores")
        for field in ("trials", "epochs", "finalists", "retrain_seeds"):
            _require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        _require(0 <= self.seed < 2**32, "seed", self.seed, "from 0 to 4294967295")
        _require(self.sampler in SAMPLERS, "sampler", self.sampler, f"one of {', '.join(SAMPLERS)}")
        _require(self.pruner in PRUNERS, "pruner", self.pruner, f"one of {', '.join(PRUNERS)}")
        size = self.train_size
        sizes = f"from {_LEAST_IMAGES} to {_MOST_IMAGES} images, or left out for all 60000"
        _require(size is None or _LEAST_IMAGES <= size <= _MOST_IMAGES, "train-size", size, sizes)
        for field, least in (("cpus_per_trial", 0.5), ("gpus_per_trial", 0.0), ("max_concurrent", 1)):
            value = getattr(self, field)
            _require(value is None or value >= least, field.replace("_", "-"), value, f"at least {least:g}")
        _require(
            not (self.local and self.address), "address", self.address, "left out with --local, which uses no cluster"
        )

    def run_dir(self) -> Path:
        """The run folder."""
        return Path(self.output) / self.name

    def to_dict(self) -> dict[str, Any]:
        """Every setting by its name, with no password in it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"storage": self.storage and without_password(self.storage)}


def without_password(url: str) -> str:
    """A URL, or a text that ends in one, with its password hidden; any other text as it is."""
    if "://" not in url:
        return url
    scheme, rest = url.split("://", 1)
    account, at, place = rest.rpartition("@")
    user, colon, _ = account.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}{at}{place}"


def read_file(path: Path) -> dict[str, Any]:
    """The settings that a TOML file sets, by field name; flags' dashes may be dashes or underscores.

    Raises:
        SettingsError: when the file cannot be read, is not TOML, or names no such setting.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"--config must name a readable TOML file. Received: {path}: {error}.") from error
    values = {name.replace("-", "_"): value for name, value in values.items()}
    kinds = {field.name: str(field.type) for field in fields(Settings)}
    for name, value in values.items():
        if name not in kinds:
            raise SettingsError(f"{path} must only name settings. Received: {name}. See --print-config.")
        accepted = kinds[name].replace("SamplerName", "str").replace("PrunerName", "str")
        if type(value).__name__ not in accepted and not (isinstance(value, int) and "float" in accepted):
            raise SettingsError(f"{name} in {path} must be of type {accepted}. Received: {value!r}.")
    return values


def as_toml(settings: Settings) -> str:
    """The settings as a file that --config reads; what is not set is a comment."""
    lines = []
    for name, value in settings.to_dict().items():
        # JSON's strings, numbers, true and false are TOML's
        lines.append(f"# {name} =" if value is None else f"{name} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def _require(holds: object, name: str, value: object, rule: str) -> None:
    if not holds:
        raise SettingsError(f"--{name.replace('_', '-')} must be {rule}. Received: {value}.")
