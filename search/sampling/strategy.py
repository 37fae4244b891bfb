"""How the next point is drawn (samplers) and which trials are stopped early (pruners): Optuna's own, configured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Final

import optuna

from search.sampling.tpe import FastTPESampler
from search.settings import PrunerName, SamplerName

_REDUCTION: Final = 3  # of the trials at a rung, one in three goes on; rungs after epochs 1, 3, 9 …


def _qmc(seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # since 3.0, and the user chose it
        return optuna.samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


# The sampler then sees the 25 best trials, those under way and so many of the latest. TPE takes ceil(a tenth) of the
# trials that ended, at most 25, for good: of 250 or more the good ones are the same as if it saw all.
LATEST: Final[Mapping[SamplerName, int]] = {"tpe": 250}

SAMPLERS: Final[Mapping[SamplerName, Callable[[int], optuna.samplers.BaseSampler]]] = {
    "tpe": FastTPESampler,
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    # parameters that CMA-ES and QMC cannot draw (choices, conditional ones) are drawn at random, as documented
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "qmc": _qmc,
}


class _Halving(optuna.pruners.BasePruner):
    """Optuna's successive halving, without a rung in the last third of a trial.

    With 10 epochs the rungs are after 1 and 3. One after 9 would save a tenth of a trial and lose its result.
    """

    def __init__(self, epochs: int) -> None:
        self._last_rung = epochs // _REDUCTION
        self._halving = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=_REDUCTION)

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        epoch = trial.last_step
        return epoch is not None and epoch <= self._last_rung and self._halving.prune(study, trial)


PRUNERS: Final[Mapping[PrunerName, Callable[[int], optuna.pruners.BasePruner]]] = {
    "halving": _Halving,
    "hyperband": lambda epochs: optuna.pruners.HyperbandPruner(
        min_resource=1, max_resource=epochs, reduction_factor=_REDUCTION
    ),
    "median": lambda epochs: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    "none": lambda epochs: optuna.pruners.NopPruner(),
}
