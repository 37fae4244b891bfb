"""Names that Keras and TensorFlow do not document, each with what it buys. A training runs on where one is gone."""

from __future__ import annotations

import sys
from functools import cache


def forget_gradients() -> None:
    """Drop the gradients that graphs of earlier trainings registered.

    Each trace of `tf.nn.silu` registers one under a new name, and the registry keeps it, and the whole graph with it,
    for the life of the process. In a process that trains one configuration of the space after another this frees 13 MB
    of memory a trial (docs/log.md). Without the registry that memory is not freed, and a line on stderr says so.
    """
    try:
        from tensorflow.python.framework import ops

        registered = ops.gradient_registry._registry
    except (ImportError, AttributeError) as error:
        _say_once(f"Memory of earlier trainings cannot be freed: this TensorFlow has no such registry ({error}).")
        return
    for name in [name for name in registered if name.startswith("CustomGradient-")]:
        del registered[name]


@cache
def _say_once(text: str) -> None:
    """Print a line on stderr, which is log.txt in a search, once a process."""
    print(text, file=sys.stderr)
