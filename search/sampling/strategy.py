"""How the next point is drawn (samplers) and which trials are stopped early (pruners): Optuna's, configured."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Final

import optuna

from search.sampling.halving import REDUCTION, HalvingPruner
from search.sampling.tpe import FastTPESampler
from search.settings import PrunerName, SamplerName


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


PRUNERS: Final[Mapping[PrunerName, Callable[[int], optuna.pruners.BasePruner]]] = {
    "halving": HalvingPruner,
    "hyperband": lambda epochs: optuna.pruners.HyperbandPruner(
        min_resource=1, max_resource=epochs, reduction_factor=REDUCTION
    ),
    "median": lambda epochs: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    "none": lambda epochs: optuna.pruners.NopPruner(),
}
