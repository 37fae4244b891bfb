"""What all are given: the images and the epochs. And the line that tells of a trial."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.jobs import Job
from fashion_model.data.published import find_source
from fashion_model.data.splits import TrainingSplits, load_training


@dataclass(frozen=True, slots=True)
class Task(Job):
    """Search with this seed; of `images` images one in six is validated on."""

    seed: int = 0

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Task:
        """From a command line: SEED IMAGES EPOCHS."""
        seed, images, epochs = map(int, arguments)
        return cls("search", configs=0, epochs=epochs, images=images, seed=seed)

    def arguments(self) -> list[str]:
        """What `of` takes."""
        return [str(self.seed), str(self.images), str(self.epochs)]

    def splits(self) -> TrainingSplits:
        """The very images that `python -m search.run --split-seed … --train-size …` trains and validates on."""
        return load_training(find_source(), seed=self.seed, size=self.images)


@dataclass(frozen=True, slots=True)
class Ended:
    """A trial that has had all its epochs: when it ended, in seconds of the epoch, and its validation accuracy."""

    ended: float
    accuracy: float


def tell(accuracy: float) -> None:
    """Print the line of a trial that has just had its last epoch: in one write, since several processes may."""
    print(json.dumps(asdict(Ended(time.time(), accuracy))) + "\n", end="", flush=True)


def read(output: str) -> tuple[Ended, ...]:
    """The lines in a standard output, among whatever else there is; the last may have been torn by the end."""
    lines = (line for line in output.splitlines() if line.startswith('{"ended"') and line.endswith("}"))
    return tuple(Ended(**json.loads(line)) for line in lines)
