"""Which machine and which GPU did what, when, and how busy each was during the search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from search.records import FinalRun, SearchOutcome, TrialRecord

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU, or a machine without one, in seconds since the search's first start.

    A trial that was lost and made again counts wherever it was. `spans` are the times when at least one was on it,
    `at_once` how many there were then on average, and `busy_share` these times' part of the whole search: a machine
    that came late or was taken away was not busy before or after.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """All devices, by node in the order of first use. `busy_share` is their mean over the search."""

    span_seconds: float
    nodes: int
    gpus: int
    busy_share: float
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class _Ran:
    """A training on one device. `node` is what the records call it, and `gpu` is empty on a machine without."""

    node: str
    gpu: str
    span: Span
    is_trial: bool


def machines(outcome: SearchOutcome) -> Machines:
    """Every number. What the records of older runs lack, the machine's identifier, the worker's host stands in for."""
    attempts = (*outcome.trials, *outcome.lost)
    every = [*_all_that_ran(attempts, is_trial=True), *_all_that_ran(_finals(outcome), is_trial=False)]
    trials = [ran for ran in every if ran.is_trial]
    origin = min((ran.span[0] for ran in trials), default=0.0)
    span = max((ran.span[1] for ran in trials), default=origin) - origin
    nodes = list(dict.fromkeys(ran.node for ran in sorted(every, key=lambda ran: ran.span)))
    keys = sorted({(nodes.index(ran.node), ran.gpu) for ran in every}, key=lambda key: (key[0], len(key[1]), key[1]))
    devices = tuple(
        _device(number, gpu, [ran for ran in every if (ran.node, ran.gpu) == (nodes[number], gpu)], (origin, span))
        for number, gpu in keys
    )
    return Machines(
        span_seconds=span,
        nodes=len(nodes),
        gpus=sum(bool(gpu) for _, gpu in keys),
        busy_share=sum(device.busy_share for device in devices) / len(devices) if devices else 0.0,
        devices=devices,
    )


def _finals(outcome: SearchOutcome) -> list[FinalRun]:
    """The retrainings, each once: the reference's are listed again as the best's where nothing was better."""
    return list({(run.worker, run.started): run for run in outcome.finals}.values())


def _all_that_ran(records: Iterable[TrialRecord | FinalRun], *, is_trial: bool) -> Iterator[_Ran]:
    for record in records:
        if record.worker and record.started:
            node = record.node or record.worker.rpartition(":")[0] or record.worker
            for gpu in record.gpus or ("",):
                yield _Ran(node, gpu, _span(record), is_trial)


def _span(record: TrialRecord | FinalRun) -> Span:
    """When it ran, by the clock of its machine."""
    start = datetime.fromisoformat(record.started).timestamp()
    if isinstance(record, TrialRecord):
        return start, start + record.seconds
    return start, datetime.fromisoformat(record.ended).timestamp()


def _device(number: int, gpu: str, ran: Sequence[_Ran], search: Span) -> Device:
    origin, whole = search
    of_trials = [(each.span[0] - origin, each.span[1] - origin) for each in ran if each.is_trial]
    spans = _united(of_trials)
    busy = sum(end - start for start, end in spans)
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
