"""Loads Ray Tune and TensorFlow into a worker, so that its first training need not: see startup.py.

TensorFlow and Keras load in 2.2 s so, where a plain import takes 4.2. Keras imports matplotlib and scikit-learn where
they are installed, for plots and for scikit-learn's interface, which takes 1.0 s: they are hidden from it.
"""

import sys

from cluster.connect import uncollected

_HIDDEN = {package: None for package in ("matplotlib", "sklearn") if package not in sys.modules}
sys.modules.update(_HIDDEN)  # type: ignore[arg-type]  # None is Python's own word for a module that is not there
try:
    with uncollected():
        import fashion_model.training.training  # noqa: F401
finally:
    for package in _HIDDEN:
        del sys.modules[package]
