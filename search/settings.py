"""The settings of a search: the command line, a file and the defaults resolved into one validated record.

Precedence: flag, then environment (RAY_ADDRESS), then --config file, then default.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args

SamplerName = Literal["tpe", "random", "cmaes", "gp", "qmc"]
PrunerName = Literal["halving", "hyperband", "median", "none"]
SAMPLERS: Final[tuple[SamplerName, ...]] = get_args(SamplerName)
PRUNERS: Final[tuple[PrunerName, ...]] = get_args(PrunerName)

_STORAGE: Final = re.compile(r"sqlite:///.+|postgresql(\+\w+)?://.+", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LEAST: Final[Mapping[str, float]] = {
    "cpus_per_trial": 0.5,
    "gpus_per_trial": 0.0,
    "max_concurrent": 1,
    "trial_timeout": 1,
    "time_budget": 1,
}
_LEAST_IMAGES: Final = 120  # two of each class to validate on
_MOST_IMAGES: Final = 59_990  # a stratified part must leave one of each class over


class SettingsError(ValueError):
    """A setting that breaks a rule, or settings that do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command was asked to do. Field names are the flags' names.

    `trials` counts the whole study; `train_size` None means all 60,000 images; resources None mean that the
    cluster decides (cluster/resources.py), and how many share a GPU is measured (search/places/packing.py). `name` is
    never empty once resolved. `trial_timeout` and `time_budget` are wall seconds, None meaning no limit;
    `max_failures` is how many trials in a row may fail.

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
    storage_path: str | None = None
    address: str | None = None
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "halving"
    seed: int = 0
    finalists: int = 3
    retrain_seeds: int = 5
    cpus_per_trial: float | None = None
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None
    trial_timeout: float | None = None
    time_budget: float | None = None
    max_failures: int = 10

    def __post_init__(self) -> None:
        _require(_NAME.fullmatch(self.name), "name", self.name, "up to 64 letters, digits, dots, dashes or underscores")
        for field in ("trials", "epochs", "finalists", "retrain_seeds", "max_failures"):
            _require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        _require(0 <= self.seed < 2**32, "seed", self.seed, "from 0 to 4294967295")
        _require(self.sampler in SAMPLERS, "sampler", self.sampler, f"one of {', '.join(SAMPLERS)}")
        _require(self.pruner in PRUNERS, "pruner", self.pruner, f"one of {', '.join(PRUNERS)}")
        size = self.train_size
        sizes = f"from {_LEAST_IMAGES} to {_MOST_IMAGES} images, or left out for all 60000"
        _require(size is None or _LEAST_IMAGES <= size <= _MOST_IMAGES, "train-size", size, sizes)
        for field, least in _LEAST.items():
            value = getattr(self, field)
            _require(value is None or value >= least, field, value, f"at least {least:g}")
        gpus = self.gpus_per_trial
        whole = gpus is None or gpus <= 1 or gpus == int(gpus)
        _require(whole, "gpus-per-trial", gpus, "a share of one GPU, or a whole number of them")
        url = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        shown = without_password(self.storage or "")
        _require(self.storage is None or _STORAGE.fullmatch(self.storage), "storage", shown, url)
        _require(
            not (self.local and self.address), "address", self.address, "left out with --local, which uses no cluster"
        )

    def run_dir(self) -> Path:
        """The run folder."""
        return Path(self.output) / self.name

    def resume_command(self) -> str:
        """The command that goes on with this run."""
        words = ["python", "-m", "search.run", "--resume", str(self.run_dir())]
        if self.storage and without_password(self.storage) != self.storage:
            words += ["--storage", without_password(self.storage)]
        return shlex.join(words)

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
    return _checked({name.replace("-", "_"): value for name, value in values.items()}, path)


def read_run(config_file: Path) -> dict[str, Any]:
    """The settings that a run folder's config.json holds, those that are not set left out.

    Raises:
        SettingsError: when the file cannot be read, is not JSON, or holds other settings.
    """
    try:
        values = json.loads(config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"A run's settings must be readable. Received: {config_file}: {error}.") from error
    if not isinstance(values, dict):
        raise SettingsError(f"A run's settings must be a JSON object. Received: {config_file}: {values!r}.")
    return _checked({name: value for name, value in values.items() if value is not None}, config_file)


def _checked(values: dict[str, Any], path: Path) -> dict[str, Any]:
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
