"""Which sampler and which pruner find the most in so many epochs: searches replayed over the recorded curves.

    python -m benchmarks.replay [--searches 30] [--images 12000] [--rows tpe/halving random/none …]

No network is trained. A random forest (Breiman 2001) learns from the curves of
benchmarks/curves.py how the validation accuracy of any point of the space goes, epoch by epoch. A search then draws its
points with the service's own sampler and stops them with its own pruner, two trials at a time; each trial sees the
forest's curve and the errors that the forest made on one of the recorded curves, which stand for chance. What counts is
the accuracy that the forest gives, without those errors, to the configuration that the search would choose.

Half of the searches learn from one half of the curves, half from the other; a portfolio is chosen from the half that
does not judge. Every row has the same seeds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, Final, cast

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import RandomForestRegressor

from benchmarks.curves import EPOCHS, IMAGES, Curve, curves_file, read_curves
from benchmarks.portfolio import choose
from benchmarks.record import save, table
from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from search.command.settings import PrunerName, SamplerName
from search.study.in_memory import InMemoryStudy
from search.study.samplers import Strategy
from search.study.space import Space

BUDGETS: Final = tuple(range(20, 351, 10))  # epochs
SHOWN: Final = (100, 200, 350)
ROWS: Final = (
    *("tpe/halving", "tpe/none", "tpe/median", "tpe/hyperband"),
    *("random/none", "random/halving", "cmaes/halving", "qmc/halving"),
)
_SLOTS: Final = 2
_TREES: Final = 200

Floats = NDArray[np.float64]
Portfolio = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table: how points are drawn, when trials are stopped, and whether the portfolio comes first."""

    sampler: SamplerName
    pruner: PrunerName
    has_portfolio: bool = False

    def __str__(self) -> str:
        return f"{self.sampler}, {self.pruner}{', portfolio' if self.has_portfolio else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """For each budget in epochs, the accuracy of what was chosen: the mean over the searches, and half the width of its
    95% interval (Student's t)."""

    setting: str
    means: tuple[float, ...]
    margins: tuple[float, ...]

    def epochs_to(self, accuracy: float) -> str:
        """The first budget whose mean is at least so much."""
        return next((str(epochs) for epochs, mean in zip(BUDGETS, self.means, strict=True) if mean >= accuracy), "more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The rows, and how far the forest is off for curves that it has not seen: root mean squared error of the last
    epoch, and Spearman's rank correlation."""

    curves: int
    budgets: tuple[int, ...]
    searches: int
    rows: tuple[Row, ...]
    error: float
    rank_correlation: float


class Forest:
    """Learning curves of points that were not recorded."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self._trees = RandomForestRegressor(_TREES, oob_score=True, random_state=0)
        values = np.array([curve.values for curve in curves])
        self._trees.fit([_row(curve.config) for curve in curves], values)
        self.unseen: Floats = self._trees.oob_prediction_
        self.errors: Floats = values - self.unseen

    def curve(self, config: TrainConfig) -> Floats:
        """The validation accuracy after each epoch."""
        values: Floats = self._trees.predict([_row(config)])[0]
        return values


def _row(config: TrainConfig) -> tuple[float, ...]:
    network = network_of(config, FASHION_MNIST)
    return (*config.as_numbers(), network.multiply_adds, network.parameters)


class Search:
    """One search over a forest: its trials, and what it would choose after so many epochs."""

    def __init__(self, forest: Forest, setting: Setting, portfolio: Portfolio, seed: int) -> None:
        self._forest, self._space = forest, Space()
        self._chance = np.random.default_rng(seed)
        strategy = Strategy.of(setting.sampler, setting.pruner, EPOCHS, seed)
        self._study = InMemoryStudy("replay", strategy, [], self._space)
        self._known = [REFERENCE, *(TrainConfig(**each) for each in portfolio if setting.has_portfolio)]
        self._spent = 0
        self._chosen: list[tuple[int, float, float]] = []  # epochs spent, value reported, the forest's

    def chosen(self, budgets: Sequence[int]) -> tuple[float, ...]:
        """The forest's accuracy of the best complete trial, as it was reported, after each budget."""
        slots = [self._trial() for _ in range(_SLOTS)]
        while self._spent < max(budgets):
            for place, trial in enumerate(slots):
                self._spent += 1
                if not next(trial, False):
                    slots[place] = self._trial()
                    next(slots[place])
        found = []
        for budget in budgets:
            ended = [(value, true) for spent, value, true in self._chosen if spent <= budget]
            found.append(max(ended)[1] if ended else self._forest.curve(REFERENCE)[-1])
        return tuple(map(float, found))

    def _trial(self) -> Iterator[bool]:
        """A trial that trains an epoch for each step, and says True until it has ended."""
        is_known = bool(self._known)
        trial, config = self._study.draw_at(self._known.pop(0), {}) if is_known else self._study.draw()
        curve = self._forest.curve(config)
        seen = curve + self._forest.errors[self._chance.integers(len(self._forest.errors))]
        for value in self._study.play(trial.number, seen.tolist(), may_stop=not is_known):
            if value is not None:
                self._chosen.append((self._spent, value, float(curve[-1])))
            yield True


def halves(curves: Sequence[Curve]) -> tuple[list[Curve], list[Curve]]:
    """The curves in two halves, the documented network's in both."""
    reference = [curve for curve in curves if not curve.config.differences()]
    others = [curve for curve in curves if curve.config.differences()]
    order = np.random.default_rng(0).permutation(len(others))
    return tuple([*reference, *(others[place] for place in order[half::2])] for half in (0, 1))  # type: ignore[return-value]


def _search(
    seed: int, setting: Setting, forests: Sequence[Forest], portfolios: Sequence[Portfolio]
) -> tuple[float, ...]:
    """One half judges, and the portfolio is that of the other."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return Search(forests[seed % 2], setting, portfolios[1 - seed % 2], seed).chosen(BUDGETS)


def replay(curves: Sequence[Curve], settings: Sequence[Setting], searches: int) -> Replay:
    """Every setting with the same seeds."""
    rows, both = [], halves(curves)
    forests, portfolios = [Forest(half) for half in both], [list(choose(half)) for half in both]
    with get_context("forkserver").Pool(os.cpu_count()) as pool:
        for setting in settings:
            found = pool.map(partial(_search, setting=setting, forests=forests, portfolios=portfolios), range(searches))
            by_budget = np.array(found).T
            margins = stats.t.ppf(0.975, searches - 1) * stats.sem(by_budget, axis=1)
            rows.append(
                Row(
                    setting=str(setting),
                    means=tuple(by_budget.mean(axis=1).tolist()),
                    margins=tuple(margins.tolist()),
                )
            )
            print(rows[-1].setting, rows[-1].means, flush=True)
    forest = Forest(curves)
    last = np.array([curve.values[-1] for curve in curves])
    return Replay(
        curves=len(curves),
        budgets=BUDGETS,
        searches=searches,
        rows=tuple(rows),
        error=float(np.sqrt(np.mean(forest.errors[:, -1] ** 2))),
        rank_correlation=float(stats.spearmanr(last, forest.unseen[:, -1]).statistic),
    )


def as_table(found: Replay) -> str:
    """Markdown: a row a setting, a column a budget, and the epochs to what the first row has at the end."""
    header = ["sampler, pruner", *(f"{epochs} epochs" for epochs in SHOWN), "epochs to the first row's last"]
    rows = [
        [
            row.setting,
            *(f"{row.means[place]:.4f} ±{row.margins[place]:.4f}" for place in map(BUDGETS.index, SHOWN)),
            row.epochs_to(found.rows[0].means[-1]),
        ]
        for row in found.rows
    ]
    return table(header, rows)


def setting_of(name: str) -> Setting:
    """`tpe/halving`, or `portfolio/tpe/halving`."""
    *portfolio, sampler, pruner = name.split("/")
    return Setting(cast(SamplerName, sampler), cast(PrunerName, pruner), bool(portfolio))


def main() -> None:
    """Replay, print the table and keep it in docs/performance/replay.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=30)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--rows", nargs="+", default=ROWS)
    given = parser.parse_args()
    found = replay(read_curves(curves_file(given.images)), [setting_of(name) for name in given.rows], given.searches)
    print(
        f"{found.curves} curves; the forest's error {found.error:.4f}, rank correlation {found.rank_correlation:.2f}\n"
    )
    print(as_table(found))
    save("replay", found, as_table(found))


if __name__ == "__main__":
    main()
