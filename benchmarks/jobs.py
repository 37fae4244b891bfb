"""The jobs that every contender does: the same configurations, images and epochs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.published import find_source
from fashion_model.data.splits import TrainingSplits, load_training
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST

_IMAGES_OF_AN_EPOCH: Final = 60_000  # a trial-epoch, the unit of every figure, is one pass over so many images
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Job:
    """Train `configs` first points of a fixed list, the reference among them, for `epochs` over `images` images."""

    name: str
    configs: int
    epochs: int
    images: int

    def trial_epochs(self) -> float:
        """The work in it, in passes over 60,000 images."""
        return self.configs * self.epochs * self.images / _IMAGES_OF_AN_EPOCH

    def gflop(self) -> float:
        """The multiply-adds of the networks in it, forward and twice backward, in 10^9 operations."""
        images = self.epochs * self.images
        return sum(6 * network_of(point, FASHION_MNIST).multiply_adds * images for point in self.points()) / 1e9

    def points(self) -> tuple[TrainConfig, ...]:
        """The configurations: the reference, then random points of the space."""
        return _POINTS[: self.configs]

    def splits(self) -> TrainingSplits:
        """The images to train on and a fifth as many to validate on."""
        return load_training(find_source(), seed=_SEED, size=self.images * 6 // 5)


# Random points of the space, drawn once and kept: a change of the space or of the way it is drawn changes no job. They
# are without what plain `model.fit` on arrays has no word for: augmentation, smoothed labels, averaged weights.
_POINTS: Final = (
    REFERENCE,
    TrainConfig(
        conv_blocks=1, base_filters=16, filter_growth=1.0, pooling="average", activation="gelu", conv_dropout=0.1,
        dense_dropout=0.6, dense_units=75, optimizer="sgd", learning_rate=0.009432515809078577, momentum=0.75,
        schedule="cosine", warmup_fraction=0.1, weight_decay=0.002334359420826885, batch_size=256,
    ),
    TrainConfig(
        conv_blocks=1, filter_growth=1.0, pooling="average", activation="silu", batch_norm=True, conv_dropout=0.1,
        dense_dropout=0.15, dense_units=77, learning_rate=0.008392140711648054,
    ),
    TrainConfig(
        conv_blocks=1, base_filters=40, filter_growth=1.0, padding="same", pooling="average", activation="elu",
        conv_dropout=0.1, dense_dropout=0.2, dense_layers=2, dense_units=43, optimizer="adamw",
        learning_rate=0.003609032490888623, weight_decay=0.012871532197504183, batch_size=64,
    ),
    TrainConfig(
        padding="same", activation="gelu", conv_dropout=0.35, dense_dropout=0.6, dense_layers=2, dense_units=34,
        optimizer="rmsprop", learning_rate=0.00030202336833953797, schedule="cosine", batch_size=128,
    ),
    TrainConfig(
        conv_blocks=3, filter_growth=1.5, activation="silu", conv_dropout=0.05, dense_dropout=0.4, dense_units=77,
        optimizer="sgd", learning_rate=0.00830697848048517, momentum=0.6, schedule="cosine",
        weight_decay=3.343650877198827e-05, batch_size=64,
    ),
    TrainConfig(
        conv_blocks=3, base_filters=16, filter_growth=1.5, kernel_size=5, padding="same", pooling="average",
        activation="elu", batch_norm=True, conv_dropout=0.3, dense_units=127, optimizer="adamw",
        learning_rate=0.007978205565731542, weight_decay=8.583828298080399e-05, batch_size=64,
    ),
    TrainConfig(
        conv_blocks=1, base_filters=16, kernel_size=5, padding="same", activation="gelu", batch_norm=True,
        conv_dropout=0.1, dense_dropout=0.25, dense_units=90, optimizer="adamw", learning_rate=0.0006508286934499158,
        schedule="one_cycle", weight_decay=0.001615522856314797, batch_size=256,
    ),
)  # fmt: skip

JOBS: Final[Mapping[str, Job]] = {
    job.name: job
    for job in (
        Job("tiny", configs=3, epochs=1, images=3_000),
        Job("short", configs=8, epochs=2, images=12_000),  # what pruned trials are like
        Job("long", configs=4, epochs=3, images=50_000),
    )
}
