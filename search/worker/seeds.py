"""Every seed of a search, each a function of `--seed` and of what it is for, never of which worker runs it."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a seed is for. Streams are independent, so that no finalist or final repeats a trial's seed."""

    SAMPLER = 0
    TRIAL = 1
    FINALIST = 2
    FINAL = 3


def derive(seed: int, stream: Stream, index: int) -> int:
    """The seed (from 0, below 2^32) number `index` of a stream, mixed by NumPy's SeedSequence."""
    return int(np.random.SeedSequence((seed, stream, index)).generate_state(1)[0])


def derive_each(seed: int, stream: Stream, count: int) -> tuple[int, ...]:
    """The first `count` seeds of a stream."""
    return tuple(derive(seed, stream, index) for index in range(count))
