"""One point of the model's space: what is built and how it is trained.

`TrainConfig` describes network, optimizer and training recipe completely, except for the number of
epochs and the seed, which belong to the one who calls `train`. `REFERENCE` is the documented model.
A TrainConfig that exists can be built: every rule is checked on construction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

Padding = Literal["valid", "same"]
Pooling = Literal["max", "average"]
Activation = Literal["relu", "elu", "gelu", "silu"]
OptimizerName = Literal["sgd", "rmsprop", "adam", "adamw"]
Schedule = Literal["constant", "cosine", "one_cycle"]
Augmentation = Literal["none", "flip", "flip_shift", "cutout"]
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]

IMAGE_SIDE: Final = 28
CLASS_NAMES: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_CHOICES: Final = MappingProxyType(
    {
        "padding": get_args(Padding),
        "pooling": get_args(Pooling),
        "activation": get_args(Activation),
        "optimizer": get_args(OptimizerName),
        "schedule": get_args(Schedule),
        "augmentation": get_args(Augmentation),
        "precision": get_args(Precision),
    }
)

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
        "dense_layers": (1, 3),
        "dense_units": (1, 4096),
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

    The network is `conv_blocks` blocks of `convs_per_block` convolutions and a 2×2 pooling, then
    `dense_layers` hidden layers of `dense_units`, then softmax over the ten classes. Block b
    (from 0) has `round(base_filters · filter_growth^b)` filters. The defaults are the documented model.

    A value that another one switches off must stay at 0 (`momentum` without SGD, `warmup_fraction`
    without the cosine schedule, `ema_momentum` without `use_ema`, `weight_decay` with adam or
    rmsprop), so that two equal trainings are two equal configurations.

    Raises:
        ConfigError: when a field is of the wrong type, out of its bounds or choices, switched off and
            not 0, or when the feature map of the network would vanish.
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
            _check_type(field.name, getattr(self, field.name), type(field.default))
        for name, choices in _CHOICES.items():
            _check_choice(name, getattr(self, name), choices)
        for name, (low, high) in _BOUNDS.items():
            _check_bounds(name, getattr(self, name), low, high)
        self._check_switched_off()
        for _ in self.conv_shapes():
            pass  # walking the blocks raises if the feature map vanishes

    def _check_switched_off(self) -> None:
        switches = {
            "momentum": (self.optimizer == "sgd", "optimizer='sgd'"),
            "warmup_fraction": (self.schedule == "cosine", "schedule='cosine'"),
            "ema_momentum": (self.use_ema, "use_ema=True"),
            "weight_decay": (self.optimizer in ("sgd", "adamw"), "optimizer='sgd' or 'adamw'"),
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

    def conv_shapes(self) -> Iterator[tuple[int, int, int]]:
        """Yield (output side, input channels, output channels) of each convolution, first to last.

        Raises:
            ConfigError: when a convolution or pooling would leave an empty feature map.
        """
        side, channels = IMAGE_SIDE, 1
        for block, filters in enumerate(self.block_filters()):
            for _ in range(self.convs_per_block):
                side = self._require_side(side if self.padding == "same" else side - self.kernel_size + 1, block)
                yield side, channels, filters
                channels = filters
            side = self._require_side(side // 2, block)

    def _require_side(self, side: int, block: int) -> int:
        if side < 1:
            raise ConfigError(
                f"The feature map must keep at least one pixel, but vanishes in block {block + 1} of "
                f"{self.conv_blocks}. "
                f"Received: padding={self.padding!r}, kernel_size={self.kernel_size}, "
                f"convs_per_block={self.convs_per_block}. "
                "Use padding='same', fewer blocks or a smaller kernel."
            )
        return side

    def multiply_adds(self) -> int:
        """Multiply-adds of one image's forward pass through convolutions and dense layers."""
        convolutions = sum(
            side**2 * self.kernel_size**2 * inputs * outputs for side, inputs, outputs in self.conv_shapes()
        )
        return convolutions + sum(inputs * outputs for inputs, outputs in self._dense_shapes())

    def weights(self) -> int:
        """Weights of convolutions and dense layers, without offsets and normalization."""
        convolutions = sum(self.kernel_size**2 * inputs * outputs for _, inputs, outputs in self.conv_shapes())
        return convolutions + sum(inputs * outputs for inputs, outputs in self._dense_shapes())

    def _dense_shapes(self) -> Iterator[tuple[int, int]]:
        *_, (side, _, filters) = self.conv_shapes()
        inputs = (side // 2) ** 2 * filters
        for units in (*[self.dense_units] * self.dense_layers, len(CLASS_NAMES)):
            yield inputs, units
            inputs = units

    def to_dict(self) -> dict[str, Any]:
        """Every field by its name, as JSON-ready values."""
        return asdict(self)

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


def _check_type(name: str, value: object, expected: type) -> None:
    accepted = (int, float) if expected is float else (expected,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and expected is not bool):
        raise ConfigError(
            f"`{name}` must be of type {expected.__name__}. Received: {name}={value!r} ({type(value).__name__})."
        )


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"`{name}` must be one of {', '.join(choices)}. Received: {name}={value!r}.")


def _check_bounds(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN is not, either
        raise ConfigError(f"`{name}` must be from {low} to {high}. Received: {name}={value}.")


REFERENCE: Final = TrainConfig()
