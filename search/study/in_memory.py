"""The study in memory: all trials, the sampler that draws the next point from them, the pruner that compares them.

Optuna's samplers and pruners read all trials for each parameter and each report. From memory that takes milliseconds,
from a database far longer. What happens to a trial is written to the database too (search/study/storage/durable.py),
and when the study is opened again, this one is filled from there.

A point that the space refuses for its cost is a failed trial here and no trial of the study, so a trial's number here
(its draw) may be larger than its number in the study.
"""

from __future__ import annotations

import copy
from bisect import insort
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from fashion_model.config import TrainConfig
from fashion_model.network import network_of
from search.study.attempts import CONFIG, DRAW, REFUSED, End
from search.study.internals import normal_for_arrays
from search.study.samplers import Strategy, directions
from search.study.space import RefusedPoint, Space

_MOST_GOOD: Final = 25  # of TPE's trials, however many there are: Optuna's default gamma
_NO_TRIAL: Final = optuna.trial.create_trial(state=TrialState.FAIL, user_attrs={REFUSED: "no trial"})


class InMemoryStudy:
    """The trials of a study, by the numbers that they have in it."""

    def __init__(self, name: str, strategy: Strategy, trials: Sequence[FrozenTrial], space: Space) -> None:
        self._space, self._has_cost = space, strategy.has_cost
        self._storage = _WindowedStorage(strategy.window)
        self._study = optuna.create_study(
            storage=self._storage,
            sampler=strategy.sampler,
            pruner=strategy.pruner,
            study_name=name,  # Hyperband makes its brackets from it
            directions=directions(has_cost=strategy.has_cost),
        )
        self._study_id = self._storage.get_study_id_from_name(name)
        self._draws: dict[int, int] = {}
        self._count = 0  # of draws
        for trial in trials:
            self._restore(trial)

    def trial(self, number: int) -> FrozenTrial:
        """A trial as it is now, with its number in the study."""
        trial = copy.copy(self._storage.get_trial(self._id(number)))
        trial.number = number
        return trial

    def cost(self, config: TrainConfig) -> int | None:
        """What a trial costs, in multiply-adds an image; None where trials are judged by their accuracy alone."""
        return network_of(config, self._space.task).multiply_adds if self._has_cost else None

    def trials(self) -> list[FrozenTrial]:
        """All of them, by number."""
        return [self.trial(number) for number in self._draws]

    def skip(self) -> None:
        """Leave out a number: its row in the database is no trial."""
        self._study.add_trial(_NO_TRIAL)
        self._draws[len(self._draws)] = self._count
        self._count += 1

    def draw(self) -> tuple[FrozenTrial, TrainConfig]:
        """A new running trial at a point that the sampler draws.

        Raises:
            RefusedPoint: when it costs more than a trial may; the study has no such trial then.
        """
        trial = self._study.ask()
        self._count += 1
        try:
            with self._storage.window(self._study_id), normal_for_arrays():
                config = self._space.suggest(trial)
        except RefusedPoint:
            self._study.tell(trial, state=TrialState.FAIL)
            raise
        return self._begun(trial, config, {}), config

    def draw_at(
        self, config: TrainConfig, attributes: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> tuple[FrozenTrial, TrainConfig]:
        """A new running trial with a configuration that is known, and has `parameters` unless they are to be found.

        One that is no point of the space has none, and no sampler sees it.
        """
        parameters = self._space.parameters_of(config) if parameters is None else parameters
        if parameters:
            self._study.enqueue_trial(dict(parameters))
        trial = self._study.ask()
        self._count += 1
        if parameters:
            self._space.suggest(trial)
        return self._begun(trial, config, attributes), config

    def add_complete(
        self, config: TrainConfig, values: Sequence[float], end: End, attributes: Mapping[str, Any]
    ) -> FrozenTrial:
        """A trial that was made elsewhere and has these values, at which the pruner has looked after each epoch.

        Raises:
            ValueError: when it is no point of the space.
        """
        point = self._space.point_of(config)
        if point is None:
            raise ValueError(f"A configuration must be a point of the space. Received: {config}.")
        self._study.add_trial(
            optuna.trial.create_trial(
                state=TrialState.RUNNING, params=point.params, distributions=point.distributions,
                user_attrs=self._attributes(config, self._count, {**attributes, **end.attributes()}),
            )
        )  # fmt: skip
        number = len(self._draws)
        self._draws[number], self._count = self._count, self._count + 1
        for epoch, value in enumerate(values, start=1):
            self.report(number, epoch, value)
            self.prune(number)
        self._storage.set_trial_state_values(self._id(number), TrialState.COMPLETE, end.objectives(values[-1]))
        return self.trial(number)

    def report(self, number: int, epoch: int, value: float) -> None:
        """Note the value of a trial after an epoch."""
        self._storage.set_trial_intermediate_value(self._id(number), epoch, value)

    def prune(self, number: int) -> tuple[bool, dict[str, Any]]:
        """Whether the pruner would stop a trial, and the attributes that it has set on it."""
        before = self._storage.get_trial(self._id(number))
        stops = self._study.pruner.prune(self._study, before)
        after = self._storage.get_trial(self._id(number)).system_attrs
        return stops, {key: after[key] for key in after.keys() - before.system_attrs.keys()}

    def play(self, number: int, values: Sequence[float], *, may_stop: bool) -> Iterator[float | None]:
        """A trial of which the value after each epoch is known, an epoch a step, until it is complete or the pruner
        stops it. The last step of a complete trial yields its value, every other None."""
        for epoch, value in enumerate(values, start=1):
            is_last = epoch == len(values)
            self.report(number, epoch, value)
            is_stopped = may_stop and not is_last and self.prune(number)[0]
            if is_last or is_stopped:
                self.end(number, TrialState.COMPLETE if is_last else TrialState.PRUNED, value if is_last else None, {})
            yield value if is_last else None
            if is_stopped:
                return

    def end(
        self, number: int, state: TrialState, values: float | Sequence[float] | None, attributes: Mapping[str, Any]
    ) -> FrozenTrial:
        """End a trial. Returns it."""
        for key, attribute in attributes.items():
            self._storage.set_trial_user_attr(self._id(number), key, attribute)
        self._study.tell(self._draws[number], values, state=state)
        return self.trial(number)

    def _begun(self, trial: optuna.Trial, config: TrainConfig, attributes: Mapping[str, Any]) -> FrozenTrial:
        own = self._attributes(config, trial.number, attributes)
        number = len(self._draws)
        self._draws[number] = trial.number
        for key, value in own.items():
            trial.set_user_attr(key, value)
        return self._storage.begun(self.trial(number), trial.number)

    def _attributes(self, config: TrainConfig, draw: int, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """What is stored of the next trial."""
        own = {DRAW: draw} if draw != len(self._draws) else {}
        return {CONFIG: config.to_dict()} | own | dict(attributes)

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, self._draws[number])

    def _restore(self, trial: FrozenTrial) -> None:
        """Add a trial of the study at its draw, after as many failed ones as points were refused before it."""
        draw = max(trial.user_attrs.get(DRAW, trial.number), self._count)
        for _ in range(draw - self._count):
            self._study.add_trial(_NO_TRIAL)
        # somebody else's: one that waits would be the next that is asked for, one that runs would be retried
        runs = trial.state is TrialState.RUNNING and CONFIG not in trial.user_attrs
        self._study.add_trial(_NO_TRIAL if runs or trial.state is TrialState.WAITING else trial)
        self._draws[trial.number], self._count = draw, draw + 1


class _WindowedStorage(optuna.storages.InMemoryStorage):
    """Optuna's storage in memory, which can show a sampler fewer trials than all: the best, the running and the latest.
    One that is no point of the space, and has no parameters, is not shown: it would be a point of no model.

    TPE takes longer the more trials it sees, and divides them into at most 25 good ones and the others. Without a
    `size`, all are shown.
    """

    def __init__(self, size: int | None) -> None:
        super().__init__()
        self._size = size
        self._shown: list[FrozenTrial] | None = None
        self._best: list[FrozenTrial] = []
        self._latest: list[FrozenTrial] = []  # by number, so that they are the same when the study is opened again
        self._running: dict[int, FrozenTrial] = {}  # by draw

    @contextmanager
    def window(self, study_id: int) -> Iterator[None]:
        """Show the trials that a sampler is to see, for the body: none that is no point of the space."""
        if self._size is not None:
            seen = {trial.number: trial for trial in (*self._best, *self._latest)} | self._running
            self._shown = [trial for _, trial in sorted(seen.items())]
        else:
            self._shown = [trial for trial in self.get_all_trials(study_id, deepcopy=False) if trial.params]
        try:
            yield
        finally:
            self._shown = None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """All trials by number, or those that a sampler is to see."""
        if self._shown is None:
            return super().get_all_trials(study_id, deepcopy, states)
        return [trial for trial in self._shown if states is None or trial.state in states]

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial; one that has ended enters the window."""
        trial_id = super().create_new_trial(study_id, template_trial)
        self._note(self.get_trial(trial_id))
        return trial_id

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Set a trial's state; one that has ended enters the window."""
        is_set = super().set_trial_state_values(trial_id, state, values)
        self._note(self.get_trial(trial_id))
        return is_set

    def begun(self, trial: FrozenTrial, draw: int) -> FrozenTrial:
        """Show a trial, whose point has been drawn, as running. Returns it as it is to be stored.

        Where there is a window, what the sampler noted on the trial is left out of both: TPE decodes it anew for each
        running trial and parameter, to find the parameters that the trial has anyway. It keeps nothing else.
        """
        if self._size is not None and trial.params:
            trial.system_attrs = {}
            self._running[draw] = shown = copy.copy(trial)
            shown.number = draw
        return trial

    def _note(self, trial: FrozenTrial) -> None:
        if not trial.state.is_finished():
            return
        self._running.pop(trial.number, None)
        if self._size is not None and trial.params and trial.state is not TrialState.FAIL:
            insort(self._latest, trial, key=lambda each: each.number)
            del self._latest[: -self._size]
            insort(self._best, trial, key=_rank)
            del self._best[_MOST_GOOD:]


def _rank(trial: FrozenTrial) -> tuple[float, ...]:
    """Lower is better, in TPE's order: complete trials by value, then pruned ones by their epochs and last value."""
    if trial.state is TrialState.COMPLETE:
        return 0.0, 0.0, -(trial.value or 0.0), trial.number
    epoch = trial.last_step or 0
    return 1.0, -epoch, -trial.intermediate_values.get(epoch, 0.0), trial.number
