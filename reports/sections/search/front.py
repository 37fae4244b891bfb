"""The Pareto front of a search for accuracy and low cost: its points, and the verdict for its knee."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fashion_model.network import network_of
from reports.layout.plot import Layer, Plot, Point, Scale, Tick, dots, steps
from reports.numbers.comparison import Verdict, verdict_of
from reports.numbers.finished import Finished
from reports.numbers.statistics import Estimate, accuracy_difference, mean_accuracy
from reports.numbers.wording import changed_settings, percent, plural, points, points_interval, ratio
from reports.records import FrontPoint, SearchOutcome, knee, points_of
from reports.sections.search.picture import ring, value_scale

_SAYS: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        "better": "is better than the reference",
        "no reliable difference": "does not reliably differ from the reference",
        "worse": "is worse than the reference",
        "no verdict": "has no verdict, as a check does not hold",
    }
)
_ROUND: Final = (1, 2, 5)  # times a power of ten: where a logarithmic axis has labels


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontRow:
    """A point of the front. `times` is its multiply-adds over the reference's, `changed` what sets it apart from it."""

    trial: int
    value: float
    multiply_adds: int
    times: float
    is_best: bool
    is_knee: bool
    is_reference: bool
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KneeNumbers:
    """The knee on the test images, retrained as reference and best were: its mean accuracy, and what it has more than
    either of them (fractions)."""

    accuracy: Estimate
    to_reference: Estimate
    to_best: Estimate
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The front, the cheapest first. `knee` is None where it was not retrained; `sentence` says why, or the verdict."""

    rows: tuple[FrontRow, ...]
    knee: KneeNumbers | None
    sentence: str


def front_of(finished: Finished) -> Front | None:
    """The front with its numbers; None for a search for accuracy alone."""
    outcome = finished.outcome
    if not outcome.front:
        return None
    at_knee, numbers = knee(outcome.front), _knee(finished)
    return Front(
        rows=tuple(_row(point, outcome, at_knee) for point in outcome.front),
        knee=numbers,
        sentence=_sentence(outcome, at_knee, numbers),
    )


def _row(point: FrontPoint, outcome: SearchOutcome, at_knee: FrontPoint | None) -> FrontRow:
    trial = next(trial for trial in outcome.trials if trial.number == point.trial)
    reference = network_of(outcome.reference_config, outcome.data.task).multiply_adds
    return FrontRow(
        trial=point.trial,
        value=point.value,
        multiply_adds=point.multiply_adds,
        times=point.multiply_adds / reference,
        is_best=point.trial == outcome.best_trial,
        is_knee=point == at_knee,
        is_reference=trial.config == outcome.reference_config,
        changed=changed_settings(outcome.reference_config, trial.config),
    )


def _knee(finished: Finished) -> KneeNumbers | None:
    if not finished.outcome.knee:
        return None
    right = finished.predictions.knee.argmax(axis=2) == finished.predictions.labels
    difference = accuracy_difference(finished.right["reference"], right)
    is_judged = finished.comparison.verdict != "no verdict"
    return KneeNumbers(
        accuracy=mean_accuracy(right),
        to_reference=difference.estimate,
        to_best=accuracy_difference(finished.right["best"], right).estimate,
        verdict=verdict_of(difference) if is_judged else "no verdict",
    )


def _sentence(outcome: SearchOutcome, at_knee: FrontPoint | None, numbers: KneeNumbers | None) -> str:
    if at_knee is None:
        return "The front has no knee: no point of it lies above the straight line between its ends."
    trial = next(trial for trial in outcome.trials if trial.number == at_knee.trial)
    if trial.config in (outcome.reference_config, outcome.best_config):
        same = "the reference" if trial.config == outcome.reference_config else "the tuned model"
        return f"The knee, trial {trial.number}, is {same} itself, so that its verdict is the page’s."
    if numbers is None:
        return f"The knee, trial {trial.number}, was not retrained: a training failed, or there was no time."
    reference, best = numbers.to_reference, numbers.to_best
    models = outcome.reference_config, outcome.best_config
    times = [ratio(at_knee.multiply_adds, network_of(each, outcome.data.task).multiply_adds) for each in models]
    accuracy, seeds = percent(numbers.accuracy.value), plural(len(outcome.knee), "seed")
    verdict = (
        f"The knee, trial {trial.number}, {_SAYS[numbers.verdict]}: {accuracy} on the test images, "
        f"{points(reference.value)} pt (95% interval {points_interval(reference)} pt; {seeds} each)."
    )
    cost = f"It needs {times[0]} the multiply-adds of the reference"
    if outcome.is_reference_best():
        return f"{verdict} {cost}."
    return (
        f"{verdict} Its accuracy differs from the tuned model’s by {points(best.value)} pt "
        f"({points_interval(best)} pt). {cost}, and {times[1]} those of the tuned model."
    )


def front_plot(outcome: SearchOutcome) -> Plot | None:
    """Every complete trial by its multiply-adds (logarithmic) and validation accuracy, the front as a line of steps."""
    if not outcome.front:
        return None
    every, at_knee = points_of(outcome.trials, outcome.data.task), knee(outcome.front)
    costs = [math.log10(point.multiply_adds) for point in every]
    x = Scale(low=min(costs) - 0.05, high=max(costs) + 0.05)
    y = value_scale([100 * point.value for point in every])

    def places(shown: Sequence[FrontPoint]) -> list[Point]:
        return [(x(math.log10(point.multiply_adds)), y(100 * point.value)) for point in shown]

    references = {trial.number for trial in outcome.trials if trial.is_reference}
    layers = dots(places(every), "dot complete", "complete")
    layers += (Layer(kind="line ink", path=steps(places(outcome.front)), label="front"),)
    layers += dots(places([point for point in every if point.trial in references]), "dot reference", "reference")
    layers += dots(places([at_knee]) if at_knee else [], "dot knee", "knee")
    layers += ring(places([point for point in every if point.trial == outcome.best_trial]), "chosen")
    return Plot(
        name="front", title="Accuracy and cost", layers=layers,
        description=f"{plural(len(outcome.front), 'trial')} of {len(every)} on the front.",
        x_ticks=_ticks(x), y_ticks=y.ticks(5),
        x_label="multiply-adds an image, million", y_label="validation accuracy, %",
    )  # fmt: skip


def _ticks(x: Scale) -> tuple[Tick, ...]:
    powers = range(math.floor(x.low), math.ceil(x.high) + 1)
    values = [digit * 10.0**power for power in powers for digit in _ROUND]
    inside = [value for value in values if x.low <= math.log10(value) <= x.high]
    ends = [float(f"{10**end:.3g}") for end in (x.low, x.high)]  # where all networks cost nearly the same
    return tuple(Tick(x(math.log10(value)), f"{value / 1e6:g}") for value in inside or ends)
