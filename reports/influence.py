"""Which settings went with better values among complete trials. Descriptive: nobody randomised them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from fashion_model.config import TrainConfig
from search.records import TrialRecord

TRIALS_WANTED: Final = 20
SHOWN: Final = 8
_TREES: Final = 60
_REPEATS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """Drop of the forest's R² when this setting's values are shuffled: mean and deviation over the shuffles."""

    name: str
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInfluence:
    """The settings that mattered most, largest first. `explained` is the forest's R² on trials it had not seen.

    `ranking` holds those that matter at all, and is empty where the forest explains nothing (`explained` ≤ 0).
    """

    trials: int
    explained: float
    ranking: tuple[Influence, ...]


def setting_influence(trials: Sequence[TrialRecord]) -> SettingInfluence | None:
    """Permutation importances of a random forest over the COMPLETE trials (Breiman 2001, Machine Learning 45:5).

    None with fewer than 20 such trials, or where no setting varies: a ranking would be noise.
    """
    complete = [trial for trial in trials if trial.status == "COMPLETE" and trial.value is not None and trial.config]
    configs = [trial.config for trial in complete if trial.config is not None]
    names = [
        field.name for field in fields(TrainConfig) if len({getattr(config, field.name) for config in configs}) > 1
    ]
    if len(complete) < TRIALS_WANTED or not names:
        return None
    settings = np.column_stack([_as_numbers([getattr(config, name) for config in configs]) for name in names])
    values = np.array([trial.value for trial in complete], dtype=np.float64)
    return _rank(names, settings, values)


def _rank(names: Sequence[str], settings: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> SettingInfluence:
    # a second to load, and only this needs it
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    forest = RandomForestRegressor(n_estimators=_TREES, min_samples_leaf=2, oob_score=True, random_state=0, n_jobs=1)
    forest.fit(settings, values)
    explained = float(forest.oob_score_)
    if explained <= 0.0:
        return SettingInfluence(trials=len(values), explained=explained, ranking=())
    shuffled = permutation_importance(forest, settings, values, n_repeats=_REPEATS, random_state=0, n_jobs=1)
    rows = zip(names, shuffled.importances_mean, shuffled.importances_std, strict=True)
    ranked = sorted((Influence(name=n, mean=float(m), deviation=float(d)) for n, m, d in rows), key=lambda i: -i.mean)
    return SettingInfluence(
        trials=len(values), explained=explained, ranking=tuple(item for item in ranked[:SHOWN] if item.mean > 0.0)
    )


def _as_numbers(values: Sequence[object]) -> npt.NDArray[np.float64]:
    """Numbers as they are; words by their place in the alphabet, which a tree can split as well as any other order."""
    if isinstance(values[0], str):
        order = sorted({str(value) for value in values})
        return np.array([order.index(str(value)) for value in values], dtype=np.float64)
    return np.asarray(values, dtype=np.float64)
