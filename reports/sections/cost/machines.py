"""Which machine and which GPU did what, when, and how busy each was during the search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reports.records import FinalRun, SearchOutcome, TrialRecord, Work

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU, or a machine without one. Times are in seconds since the search's first start.

    An attempt that was lost counts on the device that it ran on. `spans` are the times with at least one trial on the
    device, `at_once` is the mean number of trials during these times, and `busy_share` the part of the whole search
    that these times make up: a machine is not busy before it joins or after it leaves. `images_a_second` is what its
    trials trained on in these times, each image once an epoch; None where the records are older.
    """

    node: str
    name: str
    trials: int
    retrainings: int
    first: float
    last: float
    at_once: float
    busy_seconds: float
    busy_share: float
    spans: tuple[Span, ...]
    images_a_second: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialTime:
    """Where the time of the trials went, as fractions: making programs (`compiling`), passing over the training images
    (`training`), and `other`: building networks, validation, checkpoints, waiting for one another."""

    compiling: float
    training: float
    other: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """All devices, by node in the order of first use. `busy_share` is their mean over the search. `trial_time` is None
    where the records are older."""

    span_seconds: float
    nodes: int
    gpus: int
    busy_share: float
    devices: tuple[Device, ...]
    trial_time: TrialTime | None


@dataclass(frozen=True, slots=True)
class _Ran:
    """A training on one device. `node` is the records' identifier, and `gpu` is empty on a machine without GPUs."""

    host: str
    node: str
    gpu: str
    span: Span
    is_trial: bool
    images: float


def machines(outcome: SearchOutcome) -> Machines:
    """Every number. Older runs have no identifiers of machines; there the worker's host identifies the machine."""
    attempts = outcome.trials_and_lost()
    images = outcome.data.train_count
    every = [*_all_that_ran(attempts, images, is_trial=True), *_all_that_ran(outcome.retrainings(), 0, is_trial=False)]
    trials = [ran for ran in every if ran.is_trial]
    origin = min((ran.span[0] for ran in trials), default=0.0)
    span = max((ran.span[1] for ran in trials), default=origin) - origin
    machine = _machines_of(every)
    nodes = list(dict.fromkeys(machine.values()))
    keys = sorted({(nodes.index(machine[ran.node]), ran.gpu) for ran in every}, key=lambda k: (k[0], len(k[1]), k[1]))
    devices = tuple(
        _device(number, gpu, [r for r in every if (machine[r.node], r.gpu) == (nodes[number], gpu)], (origin, span))
        for number, gpu in keys
    )
    return Machines(
        span_seconds=span,
        nodes=len(nodes),
        gpus=sum(bool(gpu) for _, gpu in keys),
        busy_share=sum(device.busy_share for device in devices) / len(devices) if devices else 0.0,
        devices=devices,
        trial_time=_trial_time([record.work for record in attempts if record.work.trained_epochs]),
    )


def _machines_of(every: Sequence[_Ran]) -> dict[str, str]:
    """The first identifier of each node's machine, in the order of first use. Ray gives a machine another one each time
    it starts there, as for a run that goes on: of one host, what begins after the last one's end is the same."""
    first: dict[str, str] = {}
    latest: dict[str, str] = {}
    ends: dict[str, float] = {}
    for ran in sorted(every, key=lambda ran: ran.span):
        before = latest.get(ran.host, ran.node)
        if ran.node not in first:
            first[ran.node] = first[before] if before in first and ends[before] <= ran.span[0] else ran.node
            latest[ran.host] = ran.node
        ends[ran.node] = max(ends.get(ran.node, 0.0), ran.span[1])
    return first


def _trial_time(works: Sequence[Work]) -> TrialTime | None:
    whole = sum(work.seconds for work in works)
    if not whole:
        return None
    compiling, passing = sum(work.compile_seconds for work in works), sum(work.train_seconds for work in works)
    return TrialTime(compiling=compiling / whole, training=(passing - compiling) / whole, other=1 - passing / whole)


def _all_that_ran(records: Iterable[TrialRecord | FinalRun], images: int, *, is_trial: bool) -> Iterator[_Ran]:
    for record in records:
        if record.work.worker and record.work.started:
            host = record.work.worker.rpartition(":")[0] or record.work.worker
            node, gpus = record.work.node or host, record.work.gpus or ("",)
            each = images * record.work.trained_epochs / len(gpus)
            for gpu in gpus:
                yield _Ran(host, node, gpu, _span(record.work), is_trial, each)


def _span(work: Work) -> Span:
    """Start and end, by the clock of the machine that ran the training."""
    start = datetime.fromisoformat(work.started).timestamp()
    return start, start + work.seconds


def _device(number: int, gpu: str, ran: Sequence[_Ran], search: Span) -> Device:
    origin, whole = search
    of_trials = [(each.span[0] - origin, each.span[1] - origin) for each in ran if each.is_trial]
    spans = _united(of_trials)
    busy = sum(end - start for start, end in spans)
    images = sum(each.images for each in ran)
    return Device(
        node=f"node {number + 1}",
        name=f"GPU {gpu}" if gpu.isdigit() else gpu or "CPU",
        trials=len(of_trials),
        retrainings=len(ran) - len(of_trials),
        first=spans[0][0] if spans else 0.0,
        last=spans[-1][1] if spans else 0.0,
        at_once=sum(end - start for start, end in of_trials) / busy if busy else 0.0,
        busy_seconds=busy,
        busy_share=min(1.0, busy / whole) if whole else 0.0,
        spans=spans,
        images_a_second=images / busy if images else None,
    )


def _united(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The times that lie in at least one of the spans, in order."""
    united: list[Span] = []
    for start, end in sorted(spans):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return tuple(united)
