"""Each step from the reference to the winner: what it changed, and what it gained on the validation images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from markupsafe import Markup
from scipy import stats

from reports.layout import svg
from reports.layout.section import Section, draw_section
from reports.numbers.finished import Finished
from reports.numbers.statistics import Estimate
from reports.numbers.wording import ParameterRow, parameter_rows, points
from reports.records import AblationStep, FinalistScore, seed_spread

_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A point of the path. `changed` and `gain` are over the point before; `accuracy` is None if nothing trained.
    `label` is the name in short, for a row."""

    name: str
    label: str
    changed: tuple[ParameterRow, ...]
    accuracy: float | None
    seeds: int
    gain: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """The path with its gains (fractions). `freedom` are the degrees of freedom of the spread from seed to seed; where
    there are none, no interval can be said. `trainings` were made for the path alone."""

    steps: tuple[Step, ...]
    total: Estimate
    freedom: int
    trainings: int


def ablation(finished: Finished) -> Section:
    """Which change mattered, where it was measured."""
    outcome, same = finished.outcome, finished.comparison.same_configuration
    configs = [step.config for step in outcome.ablation[:-1]]
    on_path = {trial.number for trial in outcome.trials if trial.config in configs}
    others = [score for score in outcome.finalists if score.trial not in on_path]
    numbers = ablation_of(outcome.ablation, others) if outcome.ablation else None
    return draw_section(
        "sections/ablation/ablation.html", id="ablation", title="Changes", heading=_heading(numbers, same),
        numbers={"ablation": numbers}, a=numbers, same=same, chart=gains(numbers) if numbers else None,
    )  # fmt: skip


def ablation_of(path: Sequence[AblationStep], finalists: Sequence[FinalistScore]) -> Ablation:
    """The gains with their intervals. The spread is pooled over the path and the `finalists`: the winner, which is the
    last of the path, and those that are not on it.

    The intervals of the steps hold together (Bonferroni), since the heading names the largest of them.
    """
    groups = [step.values for step in path[:-1]] + [score.fresh_values for score in finalists]
    spread, freedom = seed_spread(groups)
    looks = len(path) - 1
    half, half_of_all = (float(stats.t.ppf(1 - 0.025 / each, freedom)) * spread if freedom else 0.0
                         for each in (looks, 1))  # fmt: skip
    steps = [
        Step(
            name="reference",
            label="reference",
            changed=(),
            accuracy=_mean(path[0]),
            seeds=len(path[0].values),
            gain=None,
        )
    ]
    steps += [_step(before, after, half) for before, after in pairwise(path)]
    total = _gain(path[0], path[-1], half_of_all) or Estimate(0.0, 0.0, 0.0)
    return Ablation(steps=tuple(steps), total=total, freedom=freedom, trainings=sum(step.trainings for step in path))


def _step(before: AblationStep, after: AblationStep, half: float) -> Step:
    changed = tuple(row for row in parameter_rows(before.config, after.config) if row.differs)
    names = [row.name.replace("_", " ") for row in changed]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED + 1 else ""
    return Step(
        name=", ".join(names[:_NAMED] if more else names) + more,
        label=names[0] + (f" + {len(names) - 1} more" if len(names) > 1 else ""),
        changed=changed,
        accuracy=_mean(after),
        seeds=len(after.values),
        gain=_gain(before, after, half),
    )


def _gain(before: AblationStep, after: AblationStep, half: float) -> Estimate | None:
    old, new = _mean(before), _mean(after)
    if old is None or new is None:
        return None
    width = half * math.sqrt(1 / len(before.values) + 1 / len(after.values))
    return Estimate(new - old, new - old - width, new - old + width)


def _mean(step: AblationStep) -> float | None:
    return sum(step.values) / len(step.values) if step.values else None


def _heading(numbers: Ablation | None, same: bool) -> str:
    if numbers is None:
        return "The winner is the reference" if same else "Which change mattered was not measured"
    measured = [(step.gain, step.name) for step in numbers.steps if step.gain]
    if not measured:
        return "Which change mattered was not measured"
    if not numbers.freedom:
        return "Which change mattered cannot be told from chance: one training each"
    best, name = max(measured, key=lambda each: each[0].value)
    if best.low <= 0.0:
        return "No change is reliably better than none"
    gain = f"{points(best.value)} pt on the validation images"
    return f"{name[0].upper()}{name[1:]} helped most: {gain}, all changes {points(numbers.total.value)} pt"


def gains(numbers: Ablation) -> Markup:
    """One row a step, from the reference down to the tuned model: its gain with its interval."""
    steps = [step for step in numbers.steps if step.gain]
    figure, (axes,) = svg.new_figure(0.7 + 0.4 * max(1, len(steps)))
    for row, step in enumerate(steps):
        if step.gain:
            colour = svg.sign_colour(step.gain) if numbers.freedom else svg.REFERENCE
            svg.draw_estimate(axes, step.gain, row, colour, width=6)
    axes.axvline(0, color=svg.MUTED, linewidth=1)
    svg.name_rows(axes, [step.label for step in steps])
    axes.set_ylim(max(1, len(steps)) - 0.5, -0.5)
    axes.set_xlabel("gain in validation accuracy, pt")
    text = "; ".join(f"{step.name}: {points(step.gain.value)} pt" for step in steps if step.gain)
    return svg.to_svg(figure, name="ablation", title="Gain of each change", description=text or "No step trained.")
