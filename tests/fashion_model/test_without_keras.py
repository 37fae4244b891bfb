"""Reading data, configurations and the records of trainings loads no Keras."""

from __future__ import annotations

from ..processes import python

MODULES = ("config", "network", "training.result", "data.splits", "data.published", "data.own_file")


def test_all_but_building_and_training_needs_no_keras() -> None:
    imports = "; ".join(f"import fashion_model.{module}" for module in MODULES)
    done = python("-c", f"import sys; {imports}; print({{'keras', 'tensorflow', 'sklearn'}} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr
