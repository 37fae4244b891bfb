"""The private names of Optuna that the search uses, each for the driver's time, and each dispensable.

Where a name is gone, or is not what it was, the search goes on with what Optuna does by itself, and log.txt says so.
Figures: CPU milliseconds of the driver, 200 trials under way, two cores with AVX2.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from scipy.special import log_ndtr

_ARGUMENTS: Final = (
    "self",
    "session",
    "trial_id",
    "param_name",
    "param_value_internal",
    "distribution",
    "previous_distribution",
)


@contextmanager
def normal_for_arrays() -> Iterator[None]:
    """For the body, TPE takes the logarithm of the normal distribution from SciPy, for a whole array at once.

    Private: `optuna.samplers._tpe._truncnorm._log_ndtr`, which goes through the array in Python. A point takes 28 ms
    instead of 75. The values are the same to the last bits.
    """
    try:
        from optuna.samplers._tpe import _truncnorm

        theirs = _truncnorm._log_ndtr
    except (ImportError, AttributeError) as error:
        _say(f"TPE takes Optuna's own normal distribution, 50 ms longer a point: {error}")
        yield
        return
    _truncnorm._log_ndtr = log_ndtr
    try:
        yield
    finally:
        _truncnorm._log_ndtr = theirs


def storage(url: str, engine_arguments: dict[str, Any]) -> optuna.storages.RDBStorage:
    """Optuna's storage in a database, which inserts the parameters of a new trial at once.

    Private: `optuna.storages.RDBStorage._set_trial_param_without_commit`, which is overridden, because it asks the
    database two questions for each parameter; and `optuna.storages._rdb.models.TrialParamModel`, the row that it
    inserts. To begin a trial of 22 parameters takes 12 ms instead of 43. What is left out: whether the trial may be
    changed (it is new) and whether a parameter's range is as before (the study in memory has checked that).
    """
    try:
        from optuna.storages._rdb import models

        row = models.TrialParamModel
        arguments = tuple(inspect.signature(optuna.storages.RDBStorage._set_trial_param_without_commit).parameters)
    except (ImportError, AttributeError) as error:
        return _plain(url, engine_arguments, str(error))
    if arguments != _ARGUMENTS:
        return _plain(url, engine_arguments, f"_set_trial_param_without_commit takes {', '.join(arguments)}")

    class AllParametersAtOnce(optuna.storages.RDBStorage):
        def _set_trial_param_without_commit(
            self,
            session: Any,
            trial_id: int,
            param_name: str,
            param_value_internal: float,
            distribution: BaseDistribution,
            previous_distribution: BaseDistribution | None = None,
        ) -> None:
            session.add(
                row(
                    trial_id=trial_id,
                    param_name=param_name,
                    param_value=param_value_internal,
                    distribution_json=distribution_to_json(distribution),
                )
            )

    return AllParametersAtOnce(url, engine_kwargs=engine_arguments)


def _plain(url: str, engine_arguments: dict[str, Any], reason: str) -> optuna.storages.RDBStorage:
    _say(f"Optuna's storage writes a trial's parameters one by one, 30 ms longer a trial: {reason}")
    return optuna.storages.RDBStorage(url, engine_kwargs=engine_arguments)


@cache
def _say(what: str) -> None:
    logging.getLogger(__name__).warning(what)
