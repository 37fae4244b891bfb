"""The search space: which values are tried, and the way between Optuna's parameters and a TrainConfig.

Points are drawn define-by-run, so a parameter that another switches off does not exist for that trial. How wide the
network is follows from `multiply_adds`, the most that it may need, drawn up to what the size of the search allows: so
no point costs more than a trial may, and none is refused. Only what a user asks for may refuse a point: a limit
(`--max-params`, `--max-multiply-adds`) that even the narrowest network exceeds, or a width of their own.
"""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from optuna.trial import BaseTrial, FixedTrial

from fashion_model.config import REFERENCE, ConfigError, TrainConfig
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST, Task
from search.command.ranges import COST, Range, parse_space
from search.command.settings import Settings, SizeName

# The most multiply-adds an image, and parameters, of a trial's network on Fashion-MNIST. The reference has 2.6 million
# and 225,034. On one core, 10 million train at about 1,100 images a second.
LIMITS: Final[Mapping[SizeName, tuple[int, int]]] = {
    "small": (10_000_000, 1_000_000),
    "medium": (60_000_000, 4_000_000),
    "large": (300_000_000, 16_000_000),
}

# In the order in which they are drawn: a parameter comes after those that switch it on. Why these: docs/search-space.md
DEFAULT: Final = (
    "conv_blocks = 2 to 3",
    "convs_per_block = 1 to 2",
    "filter_growth = 1 to 2, step 1",
    "kernel_size = 3",
    "residual = false | true",
    "padding = valid | same",
    "pooling = max",
    "activation = relu | gelu | silu",
    "batch_norm = false | true",
    "head = flatten | global_average",
    "dense_layers = 0 to 1",
    "dense_units = 32 to 256, log",
    "multiply_adds = 1 to 2, log",  # replaced: from the reference's, or less, to the most that is allowed
    "conv_dropout = 0 to 0.3, step 0.05",
    "dense_dropout = 0 to 0.5, step 0.1",
    "optimizer = sgd | adam | adamw",
    "learning_rate = 0.0003 to 0.01, log",
    "sgd_learning_rate = 0.01 to 0.5, log",
    "momentum = 0.8 to 0.95, step 0.05",
    "weight_decay = 0.0001 to 0.1, log",
    "schedule = constant | cosine | one_cycle",
    "warmup_fraction = 0",
    "batch_size = 32 | 64 | 128",
    "label_smoothing = 0 to 0.1, step 0.05",
    "augmentation = none | flip | alternating_flip | cutout",
    "use_ema = false | true",
    "ema_momentum = 0.98 to 0.999",
    "precision = float32",
)
_CHEAPER: Final = 10  # times than the reference, where low cost is an objective
_FILTERS: Final = range(8, 513, 4)  # vector units and tensor cores take 4 to 16 numbers at a time

Values = Mapping[str, Any]
_CONDITIONS: Final[Mapping[str, Callable[[Values], bool]]] = {
    "padding": lambda drawn: not drawn["residual"],
    "dense_units": lambda drawn: drawn["dense_layers"] > 0,
    "dense_dropout": lambda drawn: drawn["dense_layers"] > 0,
    "learning_rate": lambda drawn: drawn["optimizer"] != "sgd",
    "sgd_learning_rate": lambda drawn: drawn["optimizer"] == "sgd",
    "momentum": lambda drawn: drawn["optimizer"] == "sgd",
    "weight_decay": lambda drawn: drawn["optimizer"] in ("sgd", "adamw"),
    "warmup_fraction": lambda drawn: drawn["schedule"] == "cosine",
    "ema_momentum": lambda drawn: drawn["use_ema"],
}


def usual_size(gpus: float) -> SizeName:
    """The size of a space that nobody has named, by the GPUs that a trial takes."""
    return "medium" if gpus else "small"


class RefusedPoint(ValueError):
    """A point of the space beyond a limit. Names the rule and what the point would need."""


class Space:
    """What a search tries: the ranges, the images that each network must fit, and what a network may cost.

    `lines` are ranges of the user's (search/command/ranges.py), which replace those of the same names. The limits are
    those of the size, as many times the reference's as for Fashion-MNIST, or the user's own where those are lower.
    `has_cost` says that low cost is an objective: then networks are tried that need less than the reference.
    """

    def __init__(
        self,
        task: Task = FASHION_MNIST,
        size: SizeName = "small",
        lines: Sequence[str] = (),
        *,
        max_params: int | None = None,
        max_multiply_adds: int | None = None,
        has_cost: bool = False,
    ) -> None:
        self.task = task
        ours, documented = network_of(REFERENCE, task), network_of(REFERENCE, FASHION_MNIST)
        most, most_parameters = LIMITS[size]
        share = ours.multiply_adds / documented.multiply_adds
        self.most_multiply_adds = min(int(most * share), max_multiply_adds or 2**62)
        self.most_parameters = min(most_parameters * ours.parameters // documented.parameters, max_params or 2**62)
        least = max(min(ours.multiply_adds // (_CHEAPER if has_cost else 1), self.most_multiply_adds - 1), 1)
        cost = Range(low=least, high=self.most_multiply_adds, log=True)
        self.ranges = _with_own(parse_space(DEFAULT) | {COST: cost}, parse_space(lines))

    @classmethod
    def of(cls, settings: Settings, task: Task) -> Space:
        """The space of a search with these settings, on images of this task."""
        return cls(
            task,
            settings.size or "small",
            settings.space,
            max_params=settings.max_params,
            max_multiply_adds=settings.max_multiply_adds,
            has_cost=settings.has_cost(),
        )

    def in_words(self) -> dict[str, str]:
        """Each parameter's range, and the two limits."""
        limits = {"most multiply-adds": self.most_multiply_adds, "most parameters": self.most_parameters}
        return {name: str(each) for name, each in self.ranges.items()} | {k: f"{v:,}" for k, v in limits.items()}

    def suggest(self, trial: BaseTrial) -> TrainConfig:
        """Draw one point.

        Raises:
            RefusedPoint: when it costs more than a trial may, or its network would vanish.
        """
        try:
            config = TrainConfig(**self._drawn(trial))
            self._check_cost(config)
        except ConfigError as error:
            raise RefusedPoint(str(error)) from error
        return config

    def _drawn(self, trial: BaseTrial) -> dict[str, Any]:
        drawn: dict[str, Any] = {}
        for name, values in self.ranges.items():
            if name in _CONDITIONS and not _CONDITIONS[name](drawn):
                drawn[name] = "same" if name == "padding" else 0
            elif name == "padding" and not values.is_fixed and not self._survives_valid(drawn):
                drawn[name] = "same"
            elif name == COST:
                drawn["base_filters"] = self._widest(drawn, _draw(trial, name, values))
            else:
                drawn[name] = _draw(trial, name, values)
        drawn["learning_rate"] += drawn.pop("sgd_learning_rate")  # one of the two is 0
        return drawn

    def parameters_of(self, config: TrainConfig) -> dict[str, Any] | None:
        """A configuration as parameters of the space; None when it is no point of it."""
        point = self.point_of(config)
        return None if point is None else point.params

    def point_of(self, config: TrainConfig) -> FixedTrial | None:
        """A configuration as a trial at its parameters, with their distributions; None when it is no point."""
        least = int(self.ranges[COST].low) if COST in self.ranges else 0  # the narrowest network may need less
        cost = min(max(network_of(config, self.task).multiply_adds, least), self.most_multiply_adds)
        trial = FixedTrial(config.to_dict() | {"sgd_learning_rate": config.learning_rate, COST: cost})
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what lies outside of a range
            try:
                return trial if self.suggest(trial) == config else None
            except (RefusedPoint, UserWarning, ValueError):
                return None

    def scaled(self, config: TrainConfig) -> TrainConfig | None:
        """A point of the default space, as much wider as this one allows more multiply-adds; None if it is no point."""
        default = Space(self.task)
        parameters = default.parameters_of(config)
        if parameters is None:
            return None
        cost = parameters[COST] * self.most_multiply_adds // default.most_multiply_adds
        parameters[COST] = max(cost, int(self.ranges[COST].low))
        try:
            scaled = self.suggest(FixedTrial(parameters))
        except (RefusedPoint, ValueError):
            return None
        return scaled if self.parameters_of(scaled) else None

    def _widest(self, drawn: Values, multiply_adds: int) -> int:
        """The most filters with which the network drawn so far has no more multiply-adds and parameters."""

        def is_too_much(filters: int) -> bool:
            network = network_of(TrainConfig(**drawn, base_filters=filters), self.task)
            return network.multiply_adds > multiply_adds or network.parameters > self.most_parameters

        return _FILTERS[max(bisect_left(_FILTERS, True, key=is_too_much) - 1, 0)]

    def _survives_valid(self, drawn: Values) -> bool:
        try:
            network_of(TrainConfig(**{**drawn, "padding": "valid"}), self.task)
        except ConfigError:
            return False
        return True

    def _check_cost(self, config: TrainConfig) -> None:
        network = network_of(config, self.task)
        for rule, cost, most in (
            ("multiply-adds an image", network.multiply_adds, self.most_multiply_adds),
            ("parameters", network.parameters, self.most_parameters),
        ):
            if cost > most:
                raise RefusedPoint(f"a trial may need at most {most:,} {rule}; this point needs {cost:,}")


def _with_own(ranges: dict[str, Range], own: dict[str, Range]) -> dict[str, Range]:
    """The ranges, with a user's own in the place of those that they replace."""
    if "base_filters" in own:
        ranges = {"base_filters" if name == COST else name: each for name, each in ranges.items()}
    if own.get("learning_rate", Range()).is_fixed:
        ranges["sgd_learning_rate"] = own["learning_rate"]
    if "same" not in own.get("padding", ranges["padding"]).choices:
        ranges["residual"] = Range((False,))
    return ranges | own


def _draw(trial: BaseTrial, name: str, values: Range) -> Any:
    if values.is_fixed:
        return values.choices[0]
    if values.choices:
        return trial.suggest_categorical(name, values.choices)
    if isinstance(values.low, int):
        return trial.suggest_int(name, values.low, int(values.high), step=int(values.step) or 1, log=values.log)
    return trial.suggest_float(name, values.low, values.high, step=values.step or None, log=values.log)
