"""The line of JSON that a contender prints when its job is done, and that the benchmark reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Seconds of each configuration in its training (model, graph, epochs, validation).

    `seconds` replaces the wall time where that is not what is to be compared. Of a service with warm workers also:
    `gap_seconds`, the time between two trials of a worker, and `first_training`, when that began (seconds of the
    epoch).
    """

    training_seconds: tuple[float, ...]
    seconds: float | None = None
    gap_seconds: tuple[float, ...] = ()
    first_training: float | None = None

    @classmethod
    def read(cls, output: str) -> Told:
        """From a contender's standard output: its last line."""
        content = json.loads(output.strip().splitlines()[-1])
        lists = {name: tuple(content[name]) for name in ("training_seconds", "gap_seconds")}
        return cls(**(content | lists))


def tell(training_seconds: Sequence[float], **others: object) -> None:
    """Print the line."""
    print(json.dumps(asdict(Told(training_seconds=tuple(training_seconds), **others))), flush=True)  # type: ignore[arg-type]
