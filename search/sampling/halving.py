"""Asynchronous successive halving, as Optuna's pruner decides, without reading every trial at every report.

At 5,000 trials Optuna's took 15% of the driver's time, and more with each trial: it collects the values of a rung anew
from all trials. Here they are kept in order. The attributes on the trials are the same, so that a study that was begun
with one goes on with the other.
"""

from __future__ import annotations

import math
from bisect import insort
from collections import defaultdict
from typing import Final

import optuna
from optuna.trial import FrozenTrial

REDUCTION: Final = 3  # of the trials at a rung, one in three goes on; rungs after epochs 1, 3, 9 …
_RUNG: Final = "completed_rung_{}"  # Optuna's name of the attribute


class HalvingPruner(optuna.pruners.BasePruner):
    """For one study, whose values are maximized and whose trials report after each epoch.

    No rung lies in the last third of a trial. With 10 epochs they are after 1 and 3: one after 9 would save a tenth
    of a trial and lose its result.

    Source: Li and others, A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (arXiv:1810.05934),
    algorithm 2, with Optuna's change for trials that cannot be paused: one is compared when it reaches a rung, once.
    """

    def __init__(self, epochs: int) -> None:
        self._last_epoch = epochs // REDUCTION
        self._values: defaultdict[int, list[float]] | None = None  # of each rung, in ascending order

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the last value of a trial is not among the best third of those at its rung so far."""
        epoch = trial.last_step
        if epoch is None or epoch > self._last_epoch:
            return False
        if self._values is None:
            self._values = _values_of(study)
        value, rung = trial.intermediate_values[epoch], _next_rung(trial)
        while epoch >= REDUCTION**rung:
            if math.isnan(value):
                return True
            study._storage.set_trial_system_attr(trial._trial_id, _RUNG.format(rung), value)
            insort(self._values[rung], value)
            if value < _least_to_go_on(self._values[rung]):
                return True
            rung += 1
        return False


def _next_rung(trial: FrozenTrial) -> int:
    attributes, rung = trial.system_attrs, 0
    while _RUNG.format(rung) in attributes:
        rung += 1
    return rung


def _values_of(study: optuna.Study) -> defaultdict[int, list[float]]:
    values: defaultdict[int, list[float]] = defaultdict(list)
    for trial in study.get_trials(deepcopy=False):
        for rung in range(_next_rung(trial)):
            insort(values[rung], float(trial.system_attrs[_RUNG.format(rung)]))
    return values


def _least_to_go_on(values: list[float]) -> float:
    """The worst value of the best third; the best one while there are fewer than three."""
    return values[-max(len(values) // REDUCTION, 1)]
