"""Choose the portfolio of search/study/portfolio.py from the recorded learning curves, and print it.

    python -m benchmarks.portfolio

The best final accuracy first, of those that beat the documented network; at most two of one shape, so that a search
does not begin with eight variants of one idea. No test image has a part in it: see benchmarks/curves.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from benchmarks.curves import Curve, curves_file, read_curves
from search.study.space import Space

MOST: Final = 5  # none is stopped early: at full length five cost a CPU-hour
_OF_ONE_SHAPE: Final = 2


def choose(curves: Sequence[Curve]) -> Iterator[dict[str, Any]]:
    """The configurations of the portfolio, best first, as the fields in which they differ from the documented one."""
    space, shapes = Space(), Counter[tuple[Any, ...]]()
    reference = next(curve.values[-1] for curve in curves if not curve.config.differences())
    for curve in sorted(curves, key=lambda curve: (-curve.values[-1], curve.number)):
        config = curve.config
        shape = (config.conv_blocks, config.convs_per_block, config.residual, config.head, config.optimizer)
        if curve.values[-1] > reference and shapes[shape] < _OF_ONE_SHAPE and space.parameters_of(config):
            shapes[shape] += 1
            yield config.differences()
        if shapes.total() == MOST:
            return


if __name__ == "__main__":
    for chosen in choose(read_curves(curves_file())):
        print(f"    {chosen},")
