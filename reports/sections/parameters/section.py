"""Every setting of both models, and which settings went with better values among the trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from fashion_model.config import TrainConfig
from reports.layout import svg
from reports.layout.section import Section, draw_section
from reports.numbers.finished import Finished
from reports.numbers.trials import epochs_of
from reports.numbers.wording import parameter_rows
from reports.records import TrialRecord

TRIALS_WANTED: Final = 20
SHOWN: Final = 8
EXPLAINED_WANTED: Final = 0.1
_TREES: Final = 30
_REPEATS: Final = 4
_RESAMPLES: Final = 60
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """Drop of the forest's R² when this setting's values are shuffled, with its 95% interval: the bootstrap's, over the
    trials."""

    name: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInfluence:
    """The settings that mattered most, largest first, among `trials` at the `epoch` that they share.

    `explained` is the forest's R² on trials it had not seen; `resamples` are the bootstrap's.
    `ranking` holds those that matter at all, and is empty where the forest explains nothing (`explained` ≤ 0).
    """

    trials: int
    epoch: int
    explained: float
    resamples: int
    ranking: tuple[Influence, ...]


def parameters(finished: Finished) -> Section:
    """Settings in two halves, and the ranking where there is one."""
    outcome = finished.outcome
    rows, influence = parameter_rows(outcome.reference_config, outcome.best_config), setting_influence(outcome.trials)
    differing = sum(row.differs for row in rows)
    heading = f"The winner differs from the reference in {differing} of {len(rows)} settings"
    return draw_section(
        "sections/parameters/parameters.html", id="parameters", title="Parameters",
        heading="The winner is the reference" if finished.comparison.same_configuration else heading,
        numbers={"search.parameters": rows, "search.influence": influence}, rows=rows, influence=influence,
        is_one=finished.comparison.same_configuration, influence_heading=influence_heading(influence),
        chart=influence_ranking(influence) if influence and influence.ranking else None,
    )  # fmt: skip


def influence_heading(numbers: SettingInfluence | None) -> str:
    """Names a setting only where the forest can tell the trials apart by it."""
    if numbers is None or not numbers.ranking:
        return ""
    first = numbers.ranking[0]
    if numbers.explained < EXPLAINED_WANTED or first.low <= 0.0:
        return "Among the trials, no setting clearly predicts the accuracy better than the others"
    return f"Among the trials, {first.name.replace('_', ' ')} predicts the accuracy best"


def influence_ranking(numbers: SettingInfluence) -> Markup:
    """Permutation importance of each setting, largest on top, with its bootstrap interval."""
    figure, (axes,) = svg.new_figure(0.7 + 0.27 * len(numbers.ranking))
    names = [item.name.replace("_", " ") for item in numbers.ranking]
    means = [item.mean for item in numbers.ranking]
    axes.barh(range(len(names)), means, height=0.6, color=svg.BEST)
    rows = range(len(names))
    axes.hlines(rows, [i.low for i in numbers.ranking], [i.high for i in numbers.ranking], color=svg.MUTED)
    svg.name_rows(axes, names)
    axes.invert_yaxis()
    axes.set_xlabel("loss of explained variance when shuffled")
    text = "; ".join(f"{name} {mean:.2f}" for name, mean in zip(names, means, strict=True))
    return svg.to_svg(figure, name="influence", title="Influence of the settings", description=text)


def setting_influence(trials: Sequence[TrialRecord]) -> SettingInfluence | None:
    """Permutation importances of a random forest (Breiman 2001, Machine Learning 45:5) over complete and pruned trials,
    each with its value after the latest epoch that 20 of them share.

    None where so many share no epoch, or where no setting varies: a ranking would be noise.
    """
    ended = [trial for trial in trials if trial.status != "FAIL" and trial.config]
    reached = sorted((epochs_of(trial) for trial in ended), reverse=True)
    epoch = reached[TRIALS_WANTED - 1] if len(reached) >= TRIALS_WANTED else 0
    shared = [
        (trial.config.as_numbers(), dict(trial.measurements)[epoch])
        for trial in ended
        if trial.config and epoch in dict(trial.measurements)
    ]
    settings, values = np.array([row for row, _ in shared]), np.array([value for _, value in shared])
    varying = [index for index, column in enumerate(settings.T) if len(set(column)) > 1]
    if not epoch or not varying:
        return None
    names = [fields(TrainConfig)[index].name for index in varying]
    return _rank(names, settings[:, varying], values, epoch)


def _rank(names: Sequence[str], settings: _Floats, values: _Floats, epoch: int) -> SettingInfluence:
    rng = np.random.default_rng(0)
    importances, explained = _importances(settings, values, rng)
    resampled = []
    for _ in range(_RESAMPLES if explained > 0.0 else 0):
        drawn = rng.integers(0, len(values), len(values))
        resampled.append(_importances(settings[drawn], values[drawn], rng)[0])
    low, high = np.percentile(resampled, (2.5, 97.5), axis=0) if resampled else (importances, importances)
    rows = zip(names, importances, low, high, strict=True)
    ranked = sorted(
        (Influence(name=n, mean=float(m), low=float(a), high=float(b)) for n, m, a, b in rows), key=lambda i: -i.mean
    )
    return SettingInfluence(
        trials=len(values), epoch=epoch, explained=explained, resamples=_RESAMPLES,
        ranking=tuple(item for item in ranked[:SHOWN] if item.mean > 0.0) if explained > 0.0 else (),
    )  # fmt: skip


def _importances(settings: _Floats, values: _Floats, rng: np.random.Generator) -> tuple[_Floats, float]:
    """By how much R² falls when a setting's values are shuffled, for each setting; and R² on trials not seen."""
    from sklearn.ensemble import RandomForestRegressor  # a second to load, and only this needs it

    forest = RandomForestRegressor(n_estimators=_TREES, min_samples_leaf=2, oob_score=True, random_state=0, n_jobs=1)
    forest.fit(settings, values)
    count, width = settings.shape
    shuffled = np.tile(settings, (_REPEATS * width + 1, 1, 1))  # the last one stays as it is
    for index, copy in enumerate(shuffled[:-1]):
        copy[:, index % width] = rng.permutation(copy[:, index % width])
    errors = ((forest.predict(shuffled.reshape(-1, width)).reshape(-1, count) - values) ** 2).sum(axis=1)
    lost = (errors[:-1] - errors[-1]).reshape(_REPEATS, width).mean(axis=0)
    variance = ((values - values.mean()) ** 2).sum()
    return lost / variance if variance else np.zeros(width), float(forest.oob_score_)
