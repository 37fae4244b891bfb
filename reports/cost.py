"""What it cost, and how busy the workers were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reports.machines import Machines, machines
from reports.privacy import WorkerNames, worker_names
from reports.trials import epochs_of
from search.records import SearchOutcome, Status, TrialRecord

_CLOCK_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """One stage. `images` is epochs × training images; None where nothing is trained."""

    name: str
    wall_seconds: float
    cpu_seconds: float | None
    epochs: int | None
    images: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One attempt at a trial on its worker, in seconds since the search's first start."""

    trial: int
    status: Status
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One worker's trials; `busy_share` is its busy time over the whole span."""

    worker: str
    bars: tuple[Bar, ...]
    busy_seconds: float
    busy_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """All lanes. `busy_share` is the trials' time over `peak` (most at once) × `span_seconds`."""

    span_seconds: float
    peak: int
    busy_share: float
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Wall time, CPU time, epochs and images by stage, their sums, the timeline of the search, and its machines.

    `lost_cpu_seconds` is the part of the search's CPU time that went into `lost` attempts, which were made again.
    """

    stages: tuple[StageCost, ...]
    total: StageCost
    cpu_hours: float
    gpus: float
    lost: int
    lost_cpu_seconds: float
    timeline: Timeline
    machines: Machines


def cost(outcome: SearchOutcome) -> Cost:
    """Every number of the cost. Finalists are taken to train as many epochs as the retrainings do."""
    stages = (
        StageCost(name="data", wall_seconds=outcome.times.data_seconds, cpu_seconds=None, epochs=None, images=None),
        _search(outcome),
        _finalists(outcome),
        _retrain(outcome),
    )
    total = StageCost(
        name="all stages",
        wall_seconds=sum(stage.wall_seconds for stage in stages),
        cpu_seconds=sum(stage.cpu_seconds or 0.0 for stage in stages),
        epochs=sum(stage.epochs or 0 for stage in stages),
        images=sum(stage.images or 0 for stage in stages),
    )
    attempts = (*outcome.trials, *outcome.lost)
    return Cost(
        stages=stages,
        total=total,
        cpu_hours=(total.cpu_seconds or 0.0) / 3600.0,
        gpus=outcome.environment.gpus,
        lost=len(outcome.lost),
        lost_cpu_seconds=_cpu_seconds(outcome.lost),
        timeline=timeline(attempts, worker_names(outcome.trials, outcome.lost)),
        machines=machines(outcome),
    )


def _search(outcome: SearchOutcome) -> StageCost:
    epochs = sum(epochs_of(trial) for trial in outcome.trials)
    return StageCost(
        name="search",
        wall_seconds=outcome.times.search_seconds,
        cpu_seconds=_cpu_seconds(outcome.trials) + _cpu_seconds(outcome.lost),
        epochs=epochs,
        images=epochs * outcome.data.train_count,
    )


def _cpu_seconds(trials: Sequence[TrialRecord]) -> float:
    return sum(trial.cpu_seconds for trial in trials)


def _finalists(outcome: SearchOutcome) -> StageCost:
    full = len(outcome.finals[0].train.epochs) if outcome.finals else 0
    epochs = full * sum(len(score.fresh_values) for score in outcome.finalists)
    return StageCost(
        name="finalists",
        wall_seconds=outcome.times.finalists_seconds,
        cpu_seconds=sum(score.cpu_seconds for score in outcome.finalists),
        epochs=epochs,
        images=epochs * outcome.data.train_count,
    )


def _retrain(outcome: SearchOutcome) -> StageCost:
    epochs = sum(len(run.train.epochs) for run in outcome.finals)
    return StageCost(
        name="retrain",
        wall_seconds=outcome.times.retrain_seconds,
        cpu_seconds=sum(run.train.cpu_seconds for run in outcome.finals),
        epochs=epochs,
        images=epochs * (outcome.data.train_count + outcome.data.validation_count),
    )


def timeline(trials: Sequence[TrialRecord], names: WorkerNames) -> Timeline:
    """Lanes by worker. A bar ends when its trial ended and lasts the trial's seconds on the worker."""
    taken = [trial for trial in trials if trial.worker and trial.ended]
    ends = {trial.number: datetime.fromisoformat(trial.ended).timestamp() for trial in taken}
    origin = min((ends[trial.number] - trial.seconds for trial in taken), default=0.0)
    span = max((end - origin for end in ends.values()), default=0.0)
    bars = {trial.number: _bar(trial, ends[trial.number] - origin) for trial in taken}
    lanes = tuple(
        _lane(names.label(worker), [bars[trial.number] for trial in taken if trial.worker == worker], span)
        for worker in names.workers
    )
    peak = _peak([bar for lane in lanes for bar in lane.bars])
    busy = sum(lane.busy_seconds for lane in lanes)
    return Timeline(
        span_seconds=span, peak=peak, busy_share=min(1.0, busy / (peak * span)) if peak and span else 0.0, lanes=lanes
    )


def _bar(trial: TrialRecord, end: float) -> Bar:
    return Bar(trial=trial.number, status=trial.status, start=max(0.0, end - trial.seconds), end=end)


def _lane(worker: str, bars: Sequence[Bar], span: float) -> Lane:
    busy = sum(bar.end - bar.start for bar in bars)
    ordered = tuple(sorted(bars, key=lambda bar: (bar.start, bar.trial)))
    return Lane(worker=worker, bars=ordered, busy_seconds=busy, busy_share=min(1.0, busy / span) if span else 0.0)


def _peak(bars: Sequence[Bar]) -> int:
    """Most bars at one moment, where an overlap of a second is none: ends are recorded to the second."""
    ends = [max(bar.start, bar.end - _CLOCK_SECONDS) for bar in bars]
    events = sorted([(bar.start, 1) for bar in bars] + [(end, -1) for end in ends])
    running = peak = 0
    for _, step in events:
        running += step
        peak = max(peak, running)
    return peak
