"""What a run costs, stage by stage, and how long it still takes: by the trainings that were measured so far.

The one model of it, for the time left, the time budget and the forecast of --dry-run. A stage is a list of trainings,
each given to the first place that is free. How long one takes is known of configurations that were measured; of others
it follows from their multiply-adds.
"""

from __future__ import annotations

import heapq
import itertools
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import VALIDATION_SHARE
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST, Task
from reports.records import TrialRecord
from search.command.settings import Settings
from search.command.terminal.progress import Left, StageProgress

if TYPE_CHECKING:
    from search.study.played import PlayedTrial  # with Optuna, which loads while Ray starts

REPORT_SECONDS: Final = 10.0  # on two busy cores
RACE_SEEDS: Final = 4  # at most, of each finalist
FIRST_SEEDS: Final = 2  # of each finalist as a race begins
_USUAL_SEEDS: Final = 3  # of a race that ends early
_ABLATION_STEPS: Final = 3
_ABLATION_SEEDS: Final = 2
_ABLATION_SHARE: Final = 0.1  # of the run's epochs, where --ablate is not given
EQUAL_COMPUTE_SEEDS: Final = 2  # at most, so that it costs no more than two retrainings of the best
_MOST_TIMES_THE_EPOCHS: Final = 10  # of the reference, for equal compute
_WITH_VALIDATION: Final = VALIDATION_SHARE / (VALIDATION_SHARE - 1)  # retraining uses all images
_TRIAL_SPREAD: Final = 0.8  # of the seconds of single trials over their mean, before there are several
_FULL_SPREAD: Final = 0.3  # of the mean of full trainings that are not yet known, over what is expected
_TRUSTED: Final = 2  # as many ended trials as the first spread counts for
_TRUSTED_SHARE: Final = 1 / 3  # of a stage's trainings: from then on only they say how long it takes


@dataclass(frozen=True, slots=True)
class Terms:
    """On how many seeds the finalists are scored at most, and each of the two models is retrained; and whether there
    are equal compute and an ablation that nobody asked for, which no verdict needs."""

    finalist_seeds: int
    retrain_seeds: int
    has_extras: bool = True


@dataclass(frozen=True, slots=True)
class Ablation:
    """How many steps are trained, each on how many seeds."""

    steps: int
    seeds: int

    def trainings(self, changes: int, known: int = 1) -> int:
        """The winner needs none, and the reference has so many values from the search."""
        return min(self.steps, changes - 1) * self.seeds + self.seeds - known if self.steps else 0


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage, and for how many wall seconds each of its trainings has a place of its own."""

    name: str
    trainings: tuple[float, ...]

    def wall(self, places: int) -> float:
        """Seconds on so many places, the next training beginning where one is free first."""
        free = [0.0] * places
        for seconds in self.trainings:
            heapq.heapreplace(free, free[0] + seconds)
        return max(free)


@dataclass(slots=True)
class RunCost:
    """What is known of a run's trainings. `places` trainings run at a time."""

    settings: Settings
    task: Task = FASHION_MNIST
    places: int = 1
    _seconds: list[float] = field(default_factory=list)  # of each trial
    _epochs: list[float] = field(default_factory=list)  # the same
    _paces: dict[TrainConfig, float] = field(default_factory=dict)  # seconds of an epoch
    _values: dict[TrainConfig, float] = field(default_factory=dict)  # accuracies of complete trials
    _began: dict[int, float] = field(default_factory=dict)
    _drawn: list[float] = field(default_factory=list)  # seconds of each trial that the sampler drew
    _played: list[PlayedTrial] = field(default_factory=list)
    _fitted: tuple[int, tuple[float, float, float]] = (-1, (0.0, 0.0, 0.0))  # see _line; by how many trials

    def expect(self, trials: Iterable[PlayedTrial]) -> None:
        """Trials that may come: by them goes what is said of those that have not ended."""
        self._played = list(trials)

    def began(self, trial: int) -> None:
        """A trial begins."""
        self._began.setdefault(trial, time.monotonic())
        self.places = max(self.places, len(self._began))

    def gone(self, trial: int) -> None:
        """A trial has ended, perhaps without a result."""
        self._began.pop(trial, None)

    def ended(self, record: TrialRecord) -> None:
        """A trial has ended with a result."""
        self.gone(record.number)
        if seconds := whole_seconds(record):
            self.measured(record.config, seconds, len(record.measurements), record.value)
            if record.origin == "sampler":
                self._drawn.append(seconds)

    def measured(self, config: TrainConfig | None, seconds: float, epochs: float, value: float | None) -> None:
        """A trial of so many epochs took so long; `value` is None where it was not trained to its end."""
        if config is not None and epochs:
            self._paces[config] = seconds / epochs
            if value is not None:
                self._values[config] = value
        self._epochs.append(epochs)
        self._seconds.append(seconds)  # last: whoever counts them in another thread finds their paces

    def has_complete(self) -> bool:
        """Whether a trial was trained to its end."""
        return bool(self._values)

    def training(self, config: TrainConfig) -> float:
        """Seconds of a full training on the images of the search; 0 where nothing was measured."""
        pace = self._paces.get(config)
        if pace is None:
            slope, start, least = self._line()
            pace = max(slope * self._multiply_adds(config) + start, least)
        return self.settings.epochs * pace

    def search(self) -> Stage:
        """Every trial, those that are not measured being as those that are."""
        return Stage("search", tuple(itertools.islice(itertools.cycle(self._seconds), self.settings.trials)))

    def after(self, terms: Terms, best: TrainConfig | None = None) -> tuple[Stage, ...]:
        """The stages after the search. While `best` is not known, it is taken to be the dearest of the finalists."""
        count = min(self.settings.finalists, self.settings.trials)
        best = REFERENCE if self.settings.trials == 1 else best
        known = sorted(values := dict(self._values), key=lambda config: -values[config])[:count]
        known = known or [max(dict(self._paces), key=self.training, default=REFERENCE)]
        seeds = min(terms.finalist_seeds, most_seeds(count))
        race = [self.training(config) for config in itertools.islice(itertools.cycle(known), count)] * seeds
        winner = best or max(known, key=self.training)
        pair = [REFERENCE] if best == REFERENCE else [REFERENCE, winner]
        if terms.has_extras and self.settings.has_cost():
            pair.append(winner)  # the front's knee costs no more
        finals = [self.training(config) * _WITH_VALIDATION for config in pair] * terms.retrain_seeds
        steps, epochs = (0, 0) if best == REFERENCE else self._extras(winner, count * seeds, terms)
        between = (self.training(REFERENCE) + self.training(winner)) / 2
        longer = self.training(REFERENCE) * _WITH_VALIDATION * epochs / self.settings.epochs
        again = [longer] * (min(EQUAL_COMPUTE_SEEDS, terms.retrain_seeds) if epochs else 0)
        return (
            Stage("finalists", tuple(race)),
            Stage("ablation", (between,) * steps),
            Stage("retrain", (*finals, *again)),
            Stage("report", (REPORT_SECONDS,)),
        )

    def usual(self, terms: Terms) -> tuple[Stage, ...]:
        """The stages after the search, as they are to be expected: most races end early."""
        return self.after(Terms(min(terms.finalist_seeds, _USUAL_SEEDS), terms.retrain_seeds, terms.has_extras))

    def left(self, stage: str, progress: StageProgress, terms: Terms) -> Left | None:
        """How long the run still takes from a stage on; None before anything is known of how long a training takes."""
        if not self._seconds:
            return None
        stages = self.usual(terms)
        names = [each.name for each in stages]
        place = names.index(stage) + 1 if stage in names else 0
        rest = sum(each.wall(self.places) for each in stages[place:])
        if not place:
            return self._left_in_search(int(progress.trainings - progress.done), rest)
        here = stages[place - 1]
        expected = here.wall(self.places) * progress.trainings / max(1, len(here.trainings))
        share = progress.done / progress.trainings
        trusted = min(1.0, share / _TRUSTED_SHARE) if expected else 1.0
        whole = (1 - trusted) * expected + trusted * (progress.seconds / share if share else 0.0)
        left = max((1 - share) * whole - progress.since, 0.0)
        rest *= whole / expected if expected else 1.0
        return Left.of(left + rest, ((1 - share) * _FULL_SPREAD * left) ** 2 + (_FULL_SPREAD * rest) ** 2)

    def _left_in_search(self, unended: int, rest: float) -> Left:
        known = [self._seconds_of(each) for each in self._played if each.is_known]
        drawn = [self._seconds_of(each) for each in self._played if not each.is_known]
        known_left = known[self.settings.trials - unended :]  # they are tried first
        drawn_left = unended - len(known_left)
        # what is expected counts as much as a few trials; where nothing is, all that ended are taken for drawn ones
        seconds, trusted = (list(self._drawn), _TRUSTED) if drawn else (list(self._seconds), 0)
        mean = (trusted * statistics.fmean(drawn or [0.0]) + sum(seconds)) / (trusted + len(seconds))
        first = (_TRIAL_SPREAD * mean) ** 2
        variance = (_TRUSTED * first + sum((each - mean) ** 2 for each in seconds)) / (_TRUSTED + len(seconds) - 1)
        now, usual = time.monotonic(), dict(enumerate(known))
        spent = sum(min(now - began, usual.get(number, mean)) for number, began in list(self._began.items()))
        at_a_time = max(1, min(self.places, unended))
        work = max(0.0, sum(known_left) + drawn_left * mean - spent) / at_a_time
        spread = drawn_left * variance + drawn_left**2 * variance / (trusted + len(seconds))
        spread += (_FULL_SPREAD * sum(known_left)) ** 2
        return Left.of(work + rest, spread / at_a_time**2 + (_FULL_SPREAD * rest) ** 2)

    def _seconds_of(self, trial: PlayedTrial) -> float:
        return self.training(trial.config) * trial.epochs / self.settings.epochs

    def _extras(self, winner: TrainConfig, race: int, terms: Terms) -> tuple[int, int]:
        """How many trainings the ablation of a winner will make, and for how many epochs equal compute trains. An
        ablation that was asked for is made on whatever terms."""
        asked = self.settings.ablate
        mean = sum(self._epochs) / max(1, len(self._epochs))
        outside = race + 2 * self.settings.retrain_seeds
        changes = max(_ABLATION_STEPS, asked or 0) + 1
        size = ablation_size(self.settings, changes, self.settings.trials * mean / self.settings.epochs + outside)
        trainings = size.trainings(changes) if terms.has_extras or asked else 0
        return trainings, equal_compute_epochs(self.settings.epochs, winner, self.task) if terms.has_extras else 0

    def _line(self) -> tuple[float, float, float]:
        """What an epoch takes by its multiply-adds: slope and start of a line in seconds, and the least of all.

        Fitted anew only once another trial was measured: every second the time left asks for hundreds of points.
        """
        count = len(self._seconds)
        if self._fitted[0] != count:
            self._fitted = count, self._fit(dict(self._paces))
        return self._fitted[1]

    def _fit(self, paces: dict[TrainConfig, float]) -> tuple[float, float, float]:
        if not paces:
            return 0.0, 0.0, 0.0
        sizes, seconds = [self._multiply_adds(each) for each in paces], list(paces.values())
        slope, start = statistics.fmean(seconds) / statistics.fmean(sizes), 0.0
        if len(set(sizes)) > 1:
            slope, start = statistics.linear_regression(sizes, seconds)
        return slope, start, min(seconds)

    def _multiply_adds(self, config: TrainConfig) -> int:
        return network_of(config, self.task).multiply_adds


def whole_seconds(record: TrialRecord) -> float:
    """Wall seconds that all epochs of a trial take, also where its last attempt loaded some of them."""
    work, trained = record.work, record.work.trained_epochs
    if not trained:  # not known of older records
        return work.seconds
    loaded = max(0, len(record.measurements) - trained)
    return work.seconds + loaded * (work.seconds - work.compile_seconds) / trained


def ablation_size(settings: Settings, changes: int, trainings: float, known: int = 1) -> Ablation:
    """What --ablate asks for; else as much as a tenth of the run's epochs allows, up to three steps on two seeds.

    The run's epochs are those of so many full `trainings`.
    """
    if settings.ablate is not None:
        return Ablation(min(settings.ablate, changes), _ABLATION_SEEDS)
    allowed = (each for each in _sizes(changes) if each.trainings(changes, known) <= _ABLATION_SHARE * trainings)
    return next(allowed, Ablation(0, 0)) if changes else Ablation(0, 0)


def _sizes(changes: int) -> Iterator[Ablation]:
    yield Ablation(min(_ABLATION_STEPS, changes), _ABLATION_SEEDS)
    yield from (Ablation(min(steps, changes), 1) for steps in range(_ABLATION_STEPS, 0, -1))


def most_seeds(finalists: int) -> int:
    """How many seeds each of so many finalists is trained on at most: there is no race with one alone, whose value on a
    seed that it was not chosen by is told all the same."""
    return RACE_SEEDS if finalists > 1 else 1


def equal_compute_epochs(epochs: int, best: TrainConfig, task: Task) -> int:
    """For how many epochs the reference trains so that it costs what the best does in `epochs`, in multiply-adds, and
    at most ten times as many, after which it has long overfitted; 0 where the best costs no more."""
    ratio = network_of(best, task).multiply_adds / network_of(REFERENCE, task).multiply_adds
    longer = round(epochs * min(ratio, _MOST_TIMES_THE_EPOCHS))
    return longer if longer > epochs else 0
