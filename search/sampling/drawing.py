"""The study in memory: all its trials, the sampler that draws the next one from them, the pruner that compares them.

Optuna's samplers and pruners read all trials for each parameter and each report, and keep what they must remember in
attributes of the trials. Here they do so in memory; the rows (search/storage/rows.py) are written beside, and when the
study is opened again this is filled from them. A point that the space refuses is dropped here, and has no row.
"""

from __future__ import annotations

import copy
from bisect import insort
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import TrainConfig
from search.space import RefusedPoint, suggest
from search.storage.stored import CONFIG

_STUDY: Final = 0  # the only one in the storage
_MOST_GOOD: Final = 25  # of TPE's trials, however many there are: Optuna's default gamma
# what a sampler keeps only until all parameters are drawn
_OF_THE_DRAW: Final = ("fixed_params", "tpe:relative_params", "gp:relative_params")


@dataclass(frozen=True, slots=True)
class Strategy:
    """How points are drawn and which trials are stopped early. The sampler sees the best trials, those under way and
    so many of the latest; None means all."""

    sampler: optuna.samplers.BaseSampler
    pruner: optuna.pruners.BasePruner
    latest: int | None


class Drawing:
    """The trials of a study, numbered as their rows are."""

    def __init__(self, study_name: str, strategy: Strategy, trials: Sequence[FrozenTrial]) -> None:
        self._trials = _Trials(strategy.latest)
        self._study = optuna.create_study(
            storage=self._trials,
            sampler=strategy.sampler,
            pruner=strategy.pruner,
            study_name=study_name,  # Hyperband makes its brackets from it
            direction="maximize",
        )
        for trial in trials:
            self._trials.create_new_trial(_STUDY, trial)

    def trial(self, number: int) -> FrozenTrial:
        """A trial as it is now."""
        return self._trials.get_trial(number)

    def trials(self) -> list[FrozenTrial]:
        """All of them, by number."""
        return self._study.get_trials(deepcopy=False)

    def begin(
        self, attributes: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> tuple[FrozenTrial, TrainConfig]:
        """A new trial under way: at the point that `parameters` name, or else at one that the sampler draws.

        Raises:
            RefusedPoint: when it costs more than a trial may; there is no such trial then.
        """
        fixed = {"fixed_params": dict(parameters)} if parameters is not None else {}
        template = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs=dict(attributes), system_attrs=fixed)
        with self._trials.some():
            trial = optuna.Trial(self._study, self._trials.create_new_trial(_STUDY, template))
            try:
                config = suggest(trial)
            except RefusedPoint:
                self._trials.take_back()
                raise
        trial.set_user_attr(CONFIG, config.to_dict())
        return self._trials.drawn(trial.number), config

    def report(self, number: int, epoch: int, value: float) -> None:
        """Note the value of a trial after an epoch."""
        self._trials.set_trial_intermediate_value(number, epoch, value)

    def prune(self, number: int) -> tuple[bool, dict[str, Any]]:
        """Whether the pruner would stop a trial, and the attributes that it has set on it."""
        before = self.trial(number)
        stops = self._study.pruner.prune(self._study, before)
        after = self.trial(number).system_attrs
        return stops, {key: after[key] for key in after.keys() - before.system_attrs.keys()}

    def end(self, number: int, state: TrialState, value: float | None, attributes: Mapping[str, Any]) -> FrozenTrial:
        """End a trial. Returns it."""
        for key, attribute in attributes.items():
            self._trials.set_trial_user_attr(number, key, attribute)
        self._study.tell(number, value, state=state)
        return self.trial(number)


class _Trials(optuna.storages.InMemoryStorage):
    """Optuna's storage in memory; a trial's id is its number. What a sampler sees of it may be less than all: TPE takes
    longer the more it sees, and splits them into at most 25 good ones and the rest."""

    def __init__(self, latest: int | None) -> None:
        super().__init__()
        self._some: list[FrozenTrial] | None = None
        self._best: list[tuple[tuple[float, ...], int]] = []
        self._latest: list[int] = []  # by number, so that they are the same when the study is opened again
        self._under_way: set[int] = set()
        self._limit = latest

    @contextmanager
    def some(self) -> Iterator[None]:
        """Show those that a sampler is to see, for the body; no trial that begins in it is one of them."""
        if self._limit is not None:
            numbers = self._under_way.union(self._latest, (number for _, number in self._best))
            self._some = [self.get_trial(number) for number in sorted(numbers)]
        try:
            yield
        finally:
            self._some = None

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial, and note how it ended."""
        number = super().create_new_trial(study_id, template_trial)
        self._under_way.add(number)
        self._note(number)
        return number

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """End a trial, and note how."""
        is_set = super().set_trial_state_values(trial_id, state, values)
        self._note(trial_id)
        return is_set

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """All trials by number, or those that a sampler is to see."""
        if self._some is None:
            return super().get_all_trials(study_id, deepcopy, states)
        return [trial for trial in self._some if states is None or trial.state in states]

    def take_back(self) -> None:
        """Forget the last trial that was added: its number is free again."""
        number = self._studies[_STUDY].trials.pop().number
        del self._trial_id_to_study_id_and_number[number]
        self._max_trial_id -= 1
        self._under_way.discard(number)

    def drawn(self, number: int) -> FrozenTrial:
        """Forget what only served to draw a trial. Returns it."""
        trial = copy.copy(self.get_trial(number))
        trial.system_attrs = {key: kept for key, kept in trial.system_attrs.items() if not key.startswith(_OF_THE_DRAW)}
        self._set_trial(number, trial)
        return trial

    def _note(self, number: int) -> None:
        trial = self.get_trial(number)
        if trial.state is TrialState.RUNNING:
            return
        self._under_way.discard(number)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            insort(self._latest, number)
            del self._latest[: -(self._limit or 1)]
            insort(self._best, (_rank(trial), number))
            del self._best[_MOST_GOOD:]


def _rank(trial: FrozenTrial) -> tuple[float, ...]:
    """Lower is better, in TPE's order: complete trials by value, then pruned ones by their epochs and last value."""
    if trial.state is TrialState.COMPLETE:
        return 0.0, 0.0, -(trial.value or 0.0)
    epoch = trial.last_step or 0
    return 1.0, -epoch, -trial.intermediate_values.get(epoch, 0.0)
