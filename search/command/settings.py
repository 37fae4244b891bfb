"""The settings of a search: the command line, a file and the defaults resolved into one validated record.

Precedence: flag, then environment (RAY_ADDRESS), then --config file, then default.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, get_args

SamplerName = Literal["tpe", "random", "cmaes", "gp", "qmc"]
SizeName = Literal["small", "medium", "large"]
StartWith = Literal["portfolio", "reference"]
ObjectiveName = Literal["accuracy", "accuracy,cost"]
PrunerName = Literal["halving", "hyperband", "median", "none"]
SAMPLERS: Final[tuple[SamplerName, ...]] = get_args(SamplerName)
SIZES: Final[tuple[SizeName, ...]] = get_args(SizeName)
PRUNERS: Final[tuple[PrunerName, ...]] = get_args(PrunerName)
OBJECTIVES: Final[tuple[ObjectiveName, ...]] = get_args(ObjectiveName)

# As SQLAlchemy reads one: what follows a server's colon is a port
_STORAGE: Final = re.compile(
    r"sqlite:///.+|postgresql(\+\w+)?://(?=.)([^:/]*(:[^@]*)?@)?(\[[^/?]+\]|[^/:?]+)?(:\d+)?([/?].*)?", re.DOTALL
)
_SQLITE: Final = "sqlite:///"
_PATHS: Final = ("output", "data", "data_dir", "storage", "storage_path")
# A parameter of a URL that is a password or a key. SQLAlchemy decodes its name, so any letter may stand there as %70.
HIDDEN_PASSWORD: Final = re.compile(r":\*{3}@|=\*{3}")  # as `without_password` leaves it
_SECRET: Final = re.compile(r"([?&;][^=&;]*(?:pass|pwd|secret|token|%)[^=&;]*=)[^&;]+", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_SECONDS: Final = 3650 * 86_400  # a timer of the system takes no more than 292 years
_BOUNDS: Final[Mapping[str, tuple[float, int]]] = {
    "ablate": (0, 100),
    "cpus_per_trial": (0.5, 10_000),
    "gpus_per_trial": (0, 10_000),
    "max_concurrent": (1, 1_000_000),
    "max_params": (1, 2**62),
    "max_multiply_adds": (1, 2**62),
    "trial_timeout": (1, _MOST_SECONDS),
    "time_budget": (1, _MOST_SECONDS),
    "price_per_hour": (0, 1_000_000),
}
DURATIONS: Final = frozenset({"trial_timeout", "time_budget"})
_DURATION: Final = re.compile(
    r"(?:(N)d)?(?:(N)h)?(?:(N)m)?(?:(N)s)?|(N)".replace("N", r"\d+(?:\.\d+)?"), flags=re.ASCII
)
_UNITS: Final = (86_400, 3600, 60, 1, 1)
# Of Fashion-MNIST: two of each class to validate on; and one of each class must be left over
_LEAST_IMAGES: Final = 120
_MOST_IMAGES: Final = 59_990


class SettingsError(ValueError):
    """A setting that breaks a rule, or settings that do not go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command was asked to do. Field names are the flags' names.

    `add_config` holds configurations to try, each as JSON of the fields in which it differs from the documented one.
    `warm_start` names the folders of earlier runs. `space` holds the user's own ranges, a line NAME = RANGE each
    (search/command/ranges.py); `size` None means small on CPUs and medium on GPUs. `trials` counts the whole study;
    `train_size` None means all images, and another size of images of one's own (`data`) is checked when they are read;
    resources None mean that the cluster decides (cluster/resources.py), and how many trials share a GPU is measured
    (search/places/ray/packing.py). `name` is never empty once resolved. `ablate` None means as many steps as a tenth of
    the run's epochs allows. `trial_timeout` and `time_budget` are wall seconds, None meaning no limit; `max_failures`
    is how many trials in a row may fail. All machines together cost `price_per_hour` USD, as `price_source` says.

    Raises:
        SettingsError: when a value breaks its rule.
    """

    trials: int = 50
    epochs: int = 10
    local: bool = False
    train_size: int | None = None
    data: str | None = None
    data_dir: str | None = None
    split_seed: int = 0
    name: str
    output: str = "runs"
    overwrite: bool = False
    storage: str | None = None
    storage_path: str | None = None
    address: str | None = None
    objective: ObjectiveName = "accuracy"
    sampler: SamplerName = "tpe"
    pruner: PrunerName = "halving"
    size: SizeName | None = None
    space: tuple[str, ...] = ()
    start_with: StartWith = "portfolio"
    add_config: tuple[str, ...] = ()
    warm_start: tuple[str, ...] = ()
    max_params: int | None = None
    max_multiply_adds: int | None = None
    seed: int = 0
    finalists: int = 3
    ablate: int | None = None
    retrain_seeds: int = 5
    cpus_per_trial: float | None = None
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None
    trial_timeout: float | None = None
    time_budget: float | None = None
    max_failures: int = 10
    price_per_hour: float | None = None
    price_source: str | None = None

    def __post_init__(self) -> None:
        name = "up to 64 letters, digits, dots, dashes or underscores, the first a letter or digit"
        _require(_NAME.fullmatch(self.name), "name", self.name, name)
        for field in ("trials", "epochs", "finalists", "retrain_seeds", "max_failures"):
            _require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        for field in ("seed", "split_seed"):
            _require(0 <= getattr(self, field) < 2**32, field, getattr(self, field), "from 0 to 4294967295")
        _require(self.sampler in SAMPLERS, "sampler", self.sampler, f"one of {', '.join(SAMPLERS)}")
        _require(self.pruner in PRUNERS, "pruner", self.pruner, f"one of {', '.join(PRUNERS)}")
        _require(self.objective in OBJECTIVES, "objective", self.objective, f"one of {' or '.join(OBJECTIVES)}")
        if self.has_cost():
            _require(self.pruner == "none", "pruner", self.pruner, f"none with --objective {self.objective}")
            _require(self.sampler != "cmaes", "sampler", self.sampler, "one for two objectives: tpe, gp, qmc, random")
        _require(self.start_with in get_args(StartWith), "start-with", self.start_with, "portfolio or reference")
        _require(self.size is None or self.size in SIZES, "size", self.size, f"one of {', '.join(SIZES)}")
        size = self.train_size
        sizes = f"from {_LEAST_IMAGES} to {_MOST_IMAGES} images, or left out for all 60000"
        _require(size is None or self.data or _LEAST_IMAGES <= size <= _MOST_IMAGES, "train-size", size, sizes)
        _require(
            not (self.data and self.data_dir), "data-dir", self.data_dir, "left out with --data, which names all images"
        )
        for field, (least, most) in _BOUNDS.items():
            value = getattr(self, field)
            unit = " seconds" if field in DURATIONS else ""
            _require(value is None or least <= value <= most, field, value, f"from {least} to {most}{unit}")
        gpus = self.gpus_per_trial
        whole = gpus is None or gpus <= 1 or gpus == int(gpus)
        _require(whole, "gpus-per-trial", gpus, "a share of one GPU, or a whole number of them")
        has_price = self.price_source is None or self.price_per_hour is not None
        _require(has_price, "price-source", self.price_source, "given with --price-per-hour, which it explains")
        url = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        shown = without_password(self.storage or "")
        _require(self.storage is None or _STORAGE.fullmatch(self.storage), "storage", shown, url)
        _require(
            not (self.local and self.address), "address", self.address, "left out with --local, which uses no cluster"
        )

    def run_dir(self) -> Path:
        """The run folder."""
        return Path(self.output) / self.name

    def in_words(self) -> str:
        """What is about to be done, in a line."""
        trials, epochs = counted(self.trials, "trial"), counted(self.epochs, "epoch")
        return f"{self.name}: {trials} of at most {epochs}, in {self.run_dir()}"

    def resume_command(self) -> str:
        """The command that goes on with this run."""
        words = ["python", "-m", "search.run", "--resume", str(self.run_dir())]
        for name, url in (("--storage", self.storage), ("--storage-path", self.storage_path)):
            if url and without_password(url) != url:
                words += [name, without_password(url)]
        return shlex.join(words)

    def kept_words(self, folder: Path) -> str:
        """Where what an ended command has found is kept, and how to go on with it."""
        return f"kept: {folder}\ngo on with: {self.resume_command()}"

    def has_cost(self) -> bool:
        """Whether low cost is an objective, too."""
        return self.objective == "accuracy,cost"

    def from_anywhere(self) -> Settings:
        """These settings as they are true in every working directory.

        Raises:
            SettingsError: when a path, or the working directory, has bytes that are no text.
        """
        values = {field: getattr(self, field) for field in _PATHS}
        local = {field: value for field, value in values.items() if value and "://" not in value}
        paths: dict[str, Any] = {field: str(Path(value).absolute()) for field, value in local.items()}
        if self.storage and self.storage.startswith(_SQLITE):
            paths["storage"] = f"{_SQLITE}{Path(self.storage.removeprefix(_SQLITE)).absolute()}"
        for field, value in paths.items():
            _require(value.isprintable(), field, ascii(value), "of printable characters, in UTF-8")
        return replace(self, **paths)

    def to_dict(self) -> dict[str, Any]:
        """Every setting by its name, with no password in it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        hidden = {field: without_password(values[field]) for field in ("storage", "storage_path") if values[field]}
        return values | hidden


def counted(number: float, noun: str) -> str:
    """A number and what it counts, in the plural where it is not one."""
    return f"{number:.9g} {noun}{'' if number == 1 else 's'}"


def without_password(url: str) -> str:
    """A URL, or a text that ends in one, with its passwords hidden; any other text as it is."""
    if "://" not in url:
        return url
    scheme, rest = url.split("://", 1)
    account, at, place = _SECRET.sub(r"\1***", rest).rpartition("@")
    user, colon, _ = account.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}{at}{place}"


def seconds_of(duration: str) -> float:
    """A duration such as 90, 90s, 15m, 1h30m or 1d, in seconds.

    Raises:
        SettingsError: when it is written otherwise.
    """
    match = _DURATION.fullmatch(duration)
    if not duration or match is None:
        raise SettingsError(f"A duration must be like 90, 90s, 15m, 2h, 1h30m or 1d. Received: {duration}.")
    return sum(float(number or 0) * unit for number, unit in zip(match.groups(), _UNITS, strict=True))


def flag_of(name: str) -> str:
    """The flag that sets a setting."""
    return f"--{name.replace('_', '-')}"


def flags_in_words(names: Iterable[str]) -> str:
    """The flags of these settings, as a message lists them."""
    return ", ".join(map(flag_of, sorted(names)))


def did_you_mean(received: str, known: Iterable[str]) -> str:
    """A sentence that names the most similar of what is known; empty where nothing is similar."""
    return "".join(f" Did you mean {name}?" for name in get_close_matches(received, list(known), n=1))


def _require(holds: object, name: str, value: object, rule: str) -> None:
    if not holds:
        raise SettingsError(f"{flag_of(name)} must be {rule}. Received: {value}.")
