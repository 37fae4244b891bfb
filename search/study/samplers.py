"""How the next point is drawn (samplers) and which trials are stopped early (pruners): Optuna's, configured."""

from __future__ import annotations

import copy
import statistics
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import optuna
from optuna.study import StudyDirection

from search.command.settings import PrunerName, SamplerName
from search.study.attempts import CONFIG

_REDUCTION: Final = 3  # of the trials at a rung, one in three goes on; rungs after epochs 1, 3, 9 …


class EarlyHalvingPruner(optuna.pruners.SuccessiveHalvingPruner):
    """Asynchronous successive halving without rungs in the last two thirds of a trial, by what a trial may come to.

    With 10 epochs the rungs are after 1 and 3: one after 9 would save a tenth of a trial and lose its result. A falling
    learning rate gains most in the last epochs, a constant one in the first. So trials are compared by their value and
    what complete trials of the same schedule still gained from that epoch on, on average.

    Source: Li and others, A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (arXiv:1810.05934),
    algorithm 2, with Optuna's change for trials that cannot be paused: one is compared when it reaches a rung, once.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__(min_resource=1, reduction_factor=_REDUCTION)
        self._last_epoch = epochs // _REDUCTION

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Whether a trial is not among the best third of those that came to its rung so far."""
        epoch = trial.last_step
        if epoch is None or epoch > self._last_epoch:
            return False
        expected = copy.copy(trial)
        value = trial.intermediate_values[epoch] + _gain(study, trial, epoch)
        expected.intermediate_values = {**trial.intermediate_values, epoch: value}
        return super().prune(study, expected)


def _gain(study: optuna.Study, trial: optuna.trial.FrozenTrial, epoch: int) -> float:
    """What complete trials gained from an epoch to their end; those of the trial's schedule, if there are any."""
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    measured = [each for each in complete if epoch in each.intermediate_values]
    alike = [each for each in measured if _schedule(each) == _schedule(trial)] or measured
    return statistics.fmean(each.values[0] - each.intermediate_values[epoch] for each in alike) if alike else 0.0


def _schedule(trial: optuna.trial.FrozenTrial) -> object:
    return trial.user_attrs.get(CONFIG, {}).get("schedule")


def _tpe(seed: int) -> optuna.samplers.BaseSampler:
    # constant liar: points that are still running repel new ones, so that parallel trials differ
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


def _qmc(seed: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # since 3.0, and the user chose it
        return optuna.samplers.QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


# The sampler then sees the 25 best trials, the running ones and this many of the latest. TPE takes ceil(a tenth) of
# the trials that ended, at most 25, as good: of 250 or more, the good ones are the same as if it saw all.
WINDOWS: Final[Mapping[SamplerName, int]] = {"tpe": 250}

SAMPLERS: Final[Mapping[SamplerName, Callable[[int], optuna.samplers.BaseSampler]]] = {
    "tpe": _tpe,
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    # parameters that CMA-ES and QMC cannot draw (choices, conditional ones) are drawn at random, as documented
    "cmaes": lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "gp": lambda seed: optuna.samplers.GPSampler(seed=seed),
    "qmc": _qmc,
}

PRUNERS: Final[Mapping[PrunerName, Callable[[int], optuna.pruners.BasePruner]]] = {
    "halving": EarlyHalvingPruner,
    "hyperband": lambda epochs: optuna.pruners.HyperbandPruner(
        min_resource=1, max_resource=epochs, reduction_factor=_REDUCTION
    ),
    "median": lambda epochs: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    "none": lambda epochs: optuna.pruners.NopPruner(),
}


@dataclass(frozen=True, slots=True)
class Strategy:
    """How points are drawn, which trials are stopped early, how many of the latest trials the sampler sees (None: all),
    and whether a trial is judged by its cost, too."""

    sampler: optuna.samplers.BaseSampler
    pruner: optuna.pruners.BasePruner
    window: int | None = None
    has_cost: bool = False

    @classmethod
    def of(
        cls, sampler: SamplerName, pruner: PrunerName, epochs: int, seed: int, *, has_cost: bool = False
    ) -> Strategy:
        """The strategy of these names, for full trials of `epochs` epochs."""
        window = None if has_cost else WINDOWS.get(sampler)  # of two objectives, none says which 25 are best
        return cls(SAMPLERS[sampler](seed), PRUNERS[pruner](epochs), window, has_cost)


def directions(*, has_cost: bool) -> list[StudyDirection]:
    """What a study does with the values of a trial: its accuracy, and its cost where that counts."""
    return [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE][: 1 + has_cost]
