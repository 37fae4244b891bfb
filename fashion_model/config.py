"""One point of the model's space: what is built and how it is trained.

`TrainConfig` describes network, optimizer and training recipe completely, except for the number of epochs and the seed,
which `Budget` gives. `REFERENCE` is the documented model. Every rule is checked on construction, but for
one that depends on the images: network.py refuses a network whose feature map would vanish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Final, Literal, get_args, get_type_hints

Padding = Literal["valid", "same"]
Pooling = Literal["max", "average"]
Activation = Literal["relu", "elu", "gelu", "silu"]
OptimizerName = Literal["sgd", "rmsprop", "adam", "adamw"]
Schedule = Literal["constant", "cosine", "one_cycle"]
Head = Literal["flatten", "global_average"]
Augmentation = Literal["none", "flip", "alternating_flip", "flip_shift", "cutout"]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]

# field: (lowest, highest), both allowed
_BOUNDS: Final = MappingProxyType(
    {
        "conv_blocks": (1, 4),
        "convs_per_block": (1, 3),
        "base_filters": (1, 512),
        "filter_growth": (0.5, 4.0),
        "kernel_size": (1, 7),
        "conv_dropout": (0.0, 0.9),
        "dense_dropout": (0.0, 0.9),
        "dense_layers": (0, 3),
        "dense_units": (0, 4096),
        "learning_rate": (1e-8, 10.0),
        "momentum": (0.0, 0.999),
        "warmup_fraction": (0.0, 0.5),
        "weight_decay": (0.0, 1.0),
        "label_smoothing": (0.0, 0.5),
        "batch_size": (1, 4096),
        "ema_momentum": (0.0, 0.9999),
    }
)


class ConfigError(ValueError):
    """A TrainConfig that breaks a rule. The message states the rule, the value received and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Network, optimizer and recipe of one training.

    The network is `conv_blocks` blocks of `convs_per_block` convolutions and a 2×2 pooling; then the last feature map
    flat, or the mean of each channel (`head`); then `dense_layers` hidden layers of `dense_units`; then softmax over
    the classes. Block b (from 0) has `round(base_filters · filter_growth^b)` filters. With `residual`, a block adds its
    input to the output of its convolutions, before the last activation and the pooling (He et al. 2016,
    arXiv:1512.03385); the input goes through a 1×1 convolution where the number of channels changes. The defaults are
    the documented model.

    A value that another one switches off must stay at 0 (`momentum` without SGD, `warmup_fraction`
    without the cosine schedule, `ema_momentum` without `use_ema`, `weight_decay` with adam or
    rmsprop, `dense_units` and `dense_dropout` without `dense_layers`), so that two equal trainings are two equal
    configurations.

    Raises:
        ConfigError: when a field is of the wrong type, out of its bounds or choices, switched off and
            not 0, or for `residual` without 'same' padding.
    """

    conv_blocks: int = 2
    convs_per_block: int = 1
    base_filters: int = 32
    filter_growth: float = 2.0
    kernel_size: int = 3
    padding: Padding = "valid"
    pooling: Pooling = "max"
    activation: Activation = "relu"
    batch_norm: bool = False
    residual: bool = False
    head: Head = "flatten"
    conv_dropout: float = 0.0
    dense_dropout: float = 0.0
    dense_layers: int = 1
    dense_units: int = 128
    optimizer: OptimizerName = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    schedule: Schedule = "constant"
    warmup_fraction: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    batch_size: int = 32
    augmentation: Augmentation = "none"
    use_ema: bool = False
    ema_momentum: float = 0.0
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        for field in fields(self):
            check_value(field.name, getattr(self, field.name))
        self._check_switched_off()
        if self.dense_layers and not self.dense_units:
            raise ConfigError(
                "A hidden layer must have at least one unit. "
                f"Received: dense_layers={self.dense_layers}, dense_units=0. Set dense_units, or dense_layers to 0."
            )
        if self.residual and self.padding != "same":
            raise ConfigError(
                "A residual block adds its input to its output, so both must have the same size. "
                f"Received: residual=True, padding={self.padding!r}. Use padding='same'."
            )

    def _check_switched_off(self) -> None:
        switches = {
            "momentum": (self.optimizer == "sgd", "optimizer='sgd'"),
            "warmup_fraction": (self.schedule == "cosine", "schedule='cosine'"),
            "ema_momentum": (self.use_ema, "use_ema=True"),
            "weight_decay": (self.optimizer in ("sgd", "adamw"), "optimizer='sgd' or 'adamw'"),
            "dense_units": (self.dense_layers > 0, "dense_layers of at least 1"),
            "dense_dropout": (self.dense_layers > 0, "dense_layers of at least 1"),
        }
        for name, (is_on, condition) in switches.items():
            value = getattr(self, name)
            if value and not is_on:
                raise ConfigError(
                    f"`{name}` has an effect only with {condition}. Received: {name}={value}. Set it to 0."
                )

    def block_filters(self) -> tuple[int, ...]:
        """Filters of each block, first to last; at least 1."""
        return tuple(max(1, round(self.base_filters * self.filter_growth**b)) for b in range(self.conv_blocks))

    def to_dict(self) -> dict[str, Any]:
        """Every field by its name, as JSON-ready values."""
        return asdict(self)

    def as_numbers(self) -> tuple[float, ...]:
        """Every field as a number. A word is its place among its choices, which a tree splits as well as any order."""
        every = asdict(self).items()
        return tuple(float(_CHOICES[name].index(value) if name in _CHOICES else value) for name, value in every)

    def differences(self) -> dict[str, Any]:
        """The fields, by name, in which it differs from the documented configuration."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The configuration that `to_dict` wrote.

        Raises:
            ConfigError: when a name is unknown, or a value breaks a rule.
        """
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ConfigError(
                f"TrainConfig has no field of that name. Received: {', '.join(unknown)}. See fashion_model/config.py."
            )
        return cls(**values)


def check_value(name: str, value: Any) -> None:
    """Check the value of one field by itself.

    Raises:
        ConfigError: when it is of the wrong type, out of its bounds, or none of its choices.
    """
    expected, choices = _TYPES[name], _CHOICES.get(name)
    accepted = (int, float) if expected is float else (expected,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
        raise ConfigError(
            f"`{name}` must be of type {expected.__name__}. Received: {name}={value!r} ({type(value).__name__})."
        )
    if choices and value not in choices:
        raise ConfigError(f"`{name}` must be one of {', '.join(choices)}. Received: {name}={value!r}.")
    if name in _BOUNDS:
        low, high = _BOUNDS[name]
        if not low <= value <= high:  # NaN is not, either
            raise ConfigError(f"`{name}` must be from {low} to {high}. Received: {name}={value}.")


_CHOICES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {name: get_args(kind) for name, kind in get_type_hints(TrainConfig).items() if get_args(kind)}
)
_TYPES: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {field.name: type(field.default) for field in fields(TrainConfig)}
)
REFERENCE: Final = TrainConfig()
