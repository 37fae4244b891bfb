"""(c) KerasTuner's Bayesian optimization, one trial after another on all cores.

It draws every parameter each time; those that another one switches off are passed over. Until it has three times as
many trials as there are parameters, more than some minutes hold, it draws at random.
"""

import sys
import tempfile
from contextlib import suppress
from typing import Any

import keras_tuner
import optuna

from benchmarks.contenders.plain_fit import arrays, fit_network, network
from benchmarks.seekers.task import Task, tell
from fashion_model.config import REFERENCE, TrainConfig
from search.study.space import RefusedPoint, Space

_DRAWS_FOR_RANGES = 50
_MANY = 10**6


def ranges() -> dict[str, Any]:
    """Each parameter's distribution, found by drawing: some exist for some points only."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, study = Space(), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    found: dict[str, Any] = {}
    for _ in range(_DRAWS_FOR_RANGES):
        trial = study.ask()
        with suppress(RefusedPoint):
            space.suggest(trial)
        found |= trial.distributions
    return found


def draw(hp: Any, name: str, distribution: Any) -> Any:
    """One parameter in KerasTuner's words."""
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        choices = distribution.choices
        return hp.Boolean(name) if isinstance(choices[0], bool) else hp.Choice(name, list(choices))
    kind = hp.Int if isinstance(distribution, optuna.distributions.IntDistribution) else hp.Float
    if distribution.log:
        return kind(name, distribution.low, distribution.high, sampling="log")
    return kind(name, distribution.low, distribution.high, step=distribution.step)


class Oracle(keras_tuner.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """Begins with the documented network."""

    def populate_space(self, trial_id: str) -> Any:
        """See keras_tuner.Oracle."""
        if not self.end_order:
            return {
                "status": "RUNNING",
                "values": self.hyperparameters.values | (Space().parameters_of(REFERENCE) or {}),
            }
        return super().populate_space(trial_id)


class Network(keras_tuner.HyperModel):  # type: ignore[misc]
    """KerasTuner calls `build`, then `fit`."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._task, self._ranges, self._data = task, ranges(), arrays(task)

    def build(self, hp: Any) -> Any:
        """The compiled network."""
        values = {name: draw(hp, name, distribution) for name, distribution in self._ranges.items()}
        self._config = self._admitted(values)
        return network(self._config, self._task, len(self._data[0]))

    def _admitted(self, values: dict[str, Any]) -> TrainConfig:
        try:
            return Space().suggest(optuna.trial.FixedTrial(values))
        except RefusedPoint as refused:
            raise keras_tuner.errors.FailedTrialError(str(refused)) from refused

    def fit(self, hp: Any, model: Any, *arguments: Any, **options: Any) -> Any:
        """Train it."""
        accuracy = fit_network(model, self._config, self._task, self._data, options["callbacks"])
        tell(accuracy)
        return {"val_accuracy": accuracy}


def main(task: Task) -> None:
    """Search until killed."""
    oracle = Oracle("val_accuracy", max_trials=_MANY, seed=task.seed, max_consecutive_failed_trials=_MANY)
    keras_tuner.Tuner(oracle, Network(task), directory=tempfile.mkdtemp(), project_name="search").search(verbose=0)


if __name__ == "__main__":
    main(Task.of(sys.argv[1:]))
