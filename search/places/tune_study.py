"""Ray Tune's three hooks, over the study: what to run next, when to stop it, what became of its worker.

They keep nothing but which Tune trial runs which trial of the study, and since when: all else is the study's, and
Tune's own state is never read back (`Tuner.restore` failed 3 of 3 times after an unclean end).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search.faults import Cause, Fault, SearchBroken, StorageError
from search.interrupt import is_pending
from search.places.ray_worker import REPLACE, UNSHARED, work_of
from search.study import SearchStudy
from search.trials.assignment import TrialPlan

METRIC: Final = "validation_accuracy"

# Ray's words for what ended a worker, in the order in which they are looked for. Unavailable is one whose machine does
# not answer, or is not yet known to be gone.
_SIGNS: Final[tuple[tuple[str, Cause], ...]] = (
    (r"running low on memory|OutOfMemoryError", Cause.HOST_MEMORY),
    (r"[Nn]ode .{0,200}(died|dead|terminated|preempt|unreachable)|NodeDiedError", Cause.NODE_LOST),
    (r"actor \w+ is unavailable", Cause.NODE_LOST),
)
# Ray kills several workers when a machine runs low on memory, and tells what each one used.
_KILLED: Final = re.compile(r"Selected to kill: \(Actor\((\w+)\).*?actual memory used=([\d.]+)GB")
_FAILED: Final = re.compile(r"TrialFailed: ([^:\n]+)(?:: ([^\n]*))?")
_TIMER_SLACK: Final = 0.9  # the worker's clock starts before the driver hears of it


@dataclass(slots=True)
class Assigned:
    """Which trial of the study each Tune trial runs, since when, on which actor, and what is known to have ended it.

    `unshared` is what a worker said whose machine does not reach the checkpoints.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    actors: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    unshared: str = ""

    def fault_of(self, trial_id: str) -> Fault:
        """What ended a Tune trial that ended without a result."""
        return self.faults.pop(trial_id, Fault(Cause.WORKER_DIED))

    def largest_killed(self, text: str) -> tuple[int, Fault] | None:
        """The trial of the study that used the most of a machine's memory when Ray ended workers there, by Ray's error.

        None where the error tells of no such thing, or of no trial under way.
        """
        under_way = {
            self.actors[trial_id]: number for trial_id, number in self.numbers.items() if trial_id in self.actors
        }
        killed = [(float(used), actor) for actor, used in _KILLED.findall(text) if actor in under_way]
        if not killed:
            return None
        used, actor = max(killed)
        return under_way[actor], Fault(Cause.HOST_MEMORY, f"it used {used:g} GB when its machine ran low")


class _NotSaved:
    """Ray pickles what it is given, to restore what is never restored; a study would hold a password."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class StudySearcher(_NotSaved, Searcher):
    """Hands out the study's trials, as many at a time as there is `room` for, and tells it how each ended."""

    def __init__(self, study: SearchStudy, assigned: Assigned, total: int, room: Callable[[], int]) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._study, self._assigned, self._total, self._room = study, assigned, total, room

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Accept what TuneConfig says: the study already knows it."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """The next trial, as the worker expects it; None while those under way may be enough."""
        if self._study.counts.ended() >= self._total:
            return Searcher.FINISHED
        if self._study.left(self._total) <= 0 or len(self._assigned.numbers) >= self._room():
            return None
        assignment = self._study.ask()
        self._assigned.numbers[trial_id] = assignment.number
        return {
            "number": assignment.number,
            "lineage": assignment.lineage,
            "config": assignment.config.to_dict(),
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tune says that a trial ended: at its last epoch, stopped by the scheduler, failed, or with its worker."""
        number = self._assigned.numbers.pop(trial_id)
        if error or result is None:
            self._study.fail(number, self._assigned.fault_of(trial_id))
        elif UNSHARED in result:  # StudyWatch ends the search: none of its trials is to blame
            self._assigned.unshared = result[UNSHARED]
            self._study.fail(number, Fault(Cause.INTERRUPTED))
        elif "failure" in result:
            self._study.fail(number, Fault(Cause(result["cause"]), result["failure"]), work_of(result))
        elif "epoch" not in result:
            self._study.fail(number, Fault(Cause.NO_VALUE, "the trial ended without a report"), work_of(result))
        else:
            _end(self._study, number, result)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: see _NotSaved."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see _NotSaved."""


def _end(study: SearchStudy, number: int, result: Mapping[str, Any]) -> None:
    # Tune keeps the last epoch's result (done) from the scheduler, so it is reported here
    if result["done_training"]:
        study.report(number, result["epoch"], result[METRIC])
    study.finish(number, work_of(result), pruned=not result["done_training"])


class StudyScheduler(_NotSaved, FIFOScheduler):
    """Stops the trials that the study's pruner would stop, and reads from Ray's error what ended a worker."""

    def __init__(self, study: SearchStudy, assigned: Assigned, plan: TrialPlan) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._study, self._assigned, self._plan = study, assigned, plan

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record the epoch and ask the pruner."""
        prune = self._study.report(trial.config["number"], result["epoch"], result[METRIC], work_of(result))
        return str(TrialScheduler.STOP if prune else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first that waits. Tune looks through all trials for it, at 5,000 of them 8% of the driver's time."""
        waiting = [trial for trial in tune_controller.get_live_trials() if trial.status == Trial.PENDING]
        return min(waiting, key=lambda trial: trial.config["number"], default=None)

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Have Tune end the worker, instead of handing it the next trial, when it says that it has grown too big.

        Tune has no word for one worker that is not to be reused: `reset_config` that returns False loses the next
        trial. So the switch for all of them is set before each one; Tune reads it in the same call, right after this.
        """
        tune_controller._reuse_actors = not result.get(REPLACE, False)

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Called before the searcher hears of it."""
        text = Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
        self._assigned.faults[trial.trial_id] = self._fault(trial, text)

    def _fault(self, trial: Trial, text: str) -> Fault:
        raised = _FAILED.search(text)
        if raised and raised[1] in set(Cause):
            return Fault(Cause(raised[1]), raised[2] or "")
        for sign, cause in _SIGNS:
            if re.search(sign, text):
                return Fault(cause)
        timeout = self._plan.timeout_seconds
        ran = time.monotonic() - self._assigned.started.get(trial.trial_id, time.monotonic())
        if timeout is not None and ran >= _TIMER_SLACK * timeout:
            return Fault(Cause.TIMED_OUT, f"more than {timeout:g} s")
        return Fault(Cause.WORKER_DIED)


class Stopped(Exception):
    """A signal waits to be raised: Tune ends its workers after an Exception, and after nothing else."""


class StudyWatch(_NotSaved, tune.Callback):
    """Notes when and where each trial starts, and ends a search that is to stop or for which no worker can be had."""

    def __init__(self, assigned: Assigned, patience_seconds: float) -> None:
        self._assigned, self._patience = assigned, patience_seconds
        self._idle_since: float | None = None

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Its worker is there."""
        self._assigned.started[trial.trial_id] = time.monotonic()
        if trial.temporary_state.ray_actor is not None:
            self._assigned.actors[trial.trial_id] = trial.temporary_state.ray_actor._actor_id.hex()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Called ten times a second.

        Raises:
            Stopped: when a signal has come.
            StorageError: when a machine does not reach the checkpoints.
            SearchBroken: when trials have waited too long, with not one running.
        """
        if is_pending():
            raise Stopped
        if self._assigned.unshared:
            raise StorageError(self._assigned.unshared)
        numbers = self._assigned.numbers
        # the last of them begin last: as a rule this ends at one of the first that it looks at, of 10,000
        under_way = (trial for trial in reversed(trials) if trial.trial_id in numbers)
        if not numbers or any(trial.status == Trial.RUNNING for trial in under_way):
            self._idle_since = None
            return
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        if now - self._idle_since > self._patience:
            raise SearchBroken(
                f"A trial must get its worker within {self._patience:g} s. Received: none, for {len(numbers)} "
                "waiting trials. Add machines, or lower --cpus-per-trial and --gpus-per-trial; see `ray status`."
            )
