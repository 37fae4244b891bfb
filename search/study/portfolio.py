"""Configurations known to be good, tried after the reference before the sampler's own.

Chosen by `python -m benchmarks.portfolio` from recorded learning curves (docs/search-space.md), on training and
validation images alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from fashion_model.config import ConfigError, TrainConfig
from fashion_model.network import network_of
from search.command.settings import Settings, SettingsError
from search.study.space import Space
from search.study.study import KnownPoint

_ONE_CYCLE: Final = {
    **{"conv_blocks": 3, "padding": "same", "batch_norm": True},
    **{"schedule": "one_cycle", "batch_size": 64, "augmentation": "alternating_flip"},
}
_ADAMW: Final = {**_ONE_CYCLE, "optimizer": "adamw", "learning_rate": 5e-3, "weight_decay": 1e-3}
_DEEP: Final = {**_ADAMW, "convs_per_block": 2, "base_filters": 16}
PORTFOLIO: Final[tuple[dict[str, Any], ...]] = (
    {**_DEEP, "activation": "silu", "head": "global_average", "dense_layers": 0, "dense_units": 0},
    {**_ADAMW, "base_filters": 36, "activation": "gelu", "conv_dropout": 0.1},
    {
        **{**_ONE_CYCLE, "conv_dropout": 0.1, "label_smoothing": 0.1},
        **{"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
    },
    {**_DEEP, "residual": True},
    {**_DEEP, "base_filters": 24, "filter_growth": 1.0, "conv_dropout": 0.1},
)


def known_points(settings: Settings, space: Space) -> Iterator[KnownPoint]:
    """What to try after the reference: what the user adds, then the portfolio, as wide as the space allows.

    The portfolio is left out where its curves say nothing: on other images, or in a space of the user's own.

    Raises:
        SettingsError: when what the user adds is no network for these images.
    """
    for added in settings.add_config:
        own = TrainConfig.from_dict(json.loads(added))
        try:
            network_of(own, space.task)
        except ConfigError as error:
            raise SettingsError(f"--add-config must be a network for the images. Received: {added}: {error}") from error
        yield KnownPoint("added", own)
    if settings.start_with == "portfolio" and not settings.data and not settings.space:
        for good in PORTFOLIO:
            if config := space.scaled(TrainConfig(**good)):
                yield KnownPoint("portfolio", config)
