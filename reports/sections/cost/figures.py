"""What each stage cost, and which worker ran which trial when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from reports.numbers.privacy import WorkerNames, worker_names
from reports.numbers.trials import epochs_of
from reports.records import SearchOutcome, Status, TrialRecord
from reports.sections.cost.machines import Machines, machines

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
    """All lanes. `busy_share` is the trials' time over `peak` (most at once) × `span_seconds`; `gap_seconds` the mean
    time from the end of a trial to the start of the worker's next, None where no worker had two."""

    span_seconds: float
    peak: int
    busy_share: float
    gap_seconds: float | None
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What all machines together cost an hour, who says so, and what the stages took at that price, in USD."""

    usd_per_hour: float
    source: str
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Wall time, CPU time, epochs and images by stage, their sums, the timeline of the search, and its machines.

    `gpu_hours` are what the cluster's GPUs cost, busy or not: their number × the wall time. `lost` attempts ended
    without a result, as in SearchOutcome; `lost_cpu_seconds` is their part of the search's CPU time.
    """

    stages: tuple[StageCost, ...]
    total: StageCost
    cpu_hours: float
    gpus: float
    gpu_hours: float
    lost: int
    lost_cpu_seconds: float
    timeline: Timeline
    machines: Machines


def cost_of(outcome: SearchOutcome) -> Cost:
    """Every number of the cost. Finalists are taken to train as many epochs as the retrainings do."""
    times, data = outcome.times, outcome.data
    every, full = data.train_count + data.validation_count, len(outcome.finals[0].train.epochs)
    stages = (
        StageCost(name="data", wall_seconds=times.data_seconds, cpu_seconds=None, epochs=None, images=None),
        _training_stage(
            "search",
            times.search_seconds,
            _cpu_seconds(outcome.trials_and_lost()),
            sum(epochs_of(trial) for trial in outcome.trials),
            data.train_count,
        ),
        _training_stage(
            "finalists",
            times.finalists_seconds,
            sum(score.cpu_seconds for score in outcome.finalists),
            full * sum(len(score.fresh_values) for score in outcome.finalists),
            data.train_count,
        ),
        *_ablation(outcome, full),
        _training_stage(
            "retrain",
            times.retrain_seconds,
            sum(run.train.cpu_seconds for run in outcome.retrainings()),
            sum(len(run.train.epochs) for run in outcome.retrainings()),
            every,
        ),
    )
    total = _total(stages)
    return Cost(
        stages=stages,
        total=total,
        cpu_hours=(total.cpu_seconds or 0.0) / 3600.0,
        gpus=outcome.environment.gpus,
        gpu_hours=outcome.environment.gpus * total.wall_seconds / 3600.0,
        lost=len(outcome.lost),
        lost_cpu_seconds=_cpu_seconds(outcome.lost),
        timeline=timeline(outcome.trials_and_lost(), worker_names(outcome.trials, outcome.lost)),
        machines=machines(outcome),
    )


def price_of(outcome: SearchOutcome, total: StageCost) -> Price | None:
    """The price that the search was given; None where it was given none, and in older runs."""
    price = outcome.settings.get("price_per_hour")
    if price is None:
        return None
    source = outcome.settings.get("price_source") or "--price-per-hour"
    return Price(usd_per_hour=price, source=source, usd=price * total.wall_seconds / 3600)


def _ablation(outcome: SearchOutcome, epochs: int) -> tuple[StageCost, ...]:
    steps, seconds = outcome.ablation, outcome.times.ablation_seconds
    if not steps:
        return ()
    cpu_seconds, trainings = sum(step.cpu_seconds for step in steps), sum(step.trainings for step in steps)
    return (_training_stage("ablation", seconds, cpu_seconds, epochs * trainings, outcome.data.train_count),)


def _training_stage(name: str, wall_seconds: float, cpu_seconds: float, epochs: int, image_count: int) -> StageCost:
    return StageCost(
        name=name, wall_seconds=wall_seconds, cpu_seconds=cpu_seconds, epochs=epochs, images=epochs * image_count
    )


def _total(stages: Sequence[StageCost]) -> StageCost:
    return StageCost(
        name="all stages",
        wall_seconds=sum(stage.wall_seconds for stage in stages),
        cpu_seconds=sum(stage.cpu_seconds or 0.0 for stage in stages),
        epochs=sum(stage.epochs or 0 for stage in stages),
        images=sum(stage.images or 0 for stage in stages),
    )


def _cpu_seconds(trials: Sequence[TrialRecord]) -> float:
    return sum(trial.work.cpu_seconds for trial in trials)


def timeline(trials: Sequence[TrialRecord], names: WorkerNames) -> Timeline:
    """Lanes by worker. A bar ends when its trial ended, and is as long as the trial ran on the worker."""
    taken = [trial for trial in trials if trial.work.worker and trial.ended]
    ends = {trial.number: datetime.fromisoformat(trial.ended).timestamp() for trial in taken}
    origin = min((ends[trial.number] - trial.work.seconds for trial in taken), default=0.0)
    span = max((end - origin for end in ends.values()), default=0.0)
    bars = {trial.number: _bar(trial, ends[trial.number] - origin) for trial in taken}
    lanes = tuple(
        _lane(names.label(worker), [bars[trial.number] for trial in taken if trial.work.worker == worker], span)
        for worker in names.workers
    )
    peak = _peak([bar for lane in lanes for bar in lane.bars])
    busy = sum(lane.busy_seconds for lane in lanes)
    between = [max(0.0, later.start - bar.end) for lane in lanes for bar, later in pairwise(lane.bars)]
    return Timeline(
        span_seconds=span,
        peak=peak,
        busy_share=min(1.0, busy / (peak * span)) if peak and span else 0.0,
        gap_seconds=sum(between) / len(between) if between else None,
        lanes=lanes,
    )


def _bar(trial: TrialRecord, end: float) -> Bar:
    return Bar(trial=trial.number, status=trial.status, start=max(0.0, end - trial.work.seconds), end=end)


def _lane(worker: str, bars: Sequence[Bar], span: float) -> Lane:
    busy = sum(bar.end - bar.start for bar in bars)
    ordered = tuple(sorted(bars, key=lambda bar: (bar.start, bar.trial)))
    return Lane(worker=worker, bars=ordered, busy_seconds=busy, busy_share=min(1.0, busy / span) if span else 0.0)


def _peak(bars: Sequence[Bar]) -> int:
    """The largest number of bars at one moment. Ends are recorded to the second, so shorter overlaps do not count; bars
    that are themselves shorter are one at a time."""
    ends = [max(bar.start, bar.end - _CLOCK_SECONDS) for bar in bars]
    events = sorted([(bar.start, 1) for bar in bars] + [(end, -1) for end in ends])
    running, peak = 0, min(1, len(bars))
    for _, step in events:
        running += step
        peak = max(peak, running)
    return peak
