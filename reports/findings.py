"""Headings that say what was found, so that reading them alone tells the story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fashion_model.config import CLASS_NAMES
from reports.checks import Check
from reports.comparison import Comparison
from reports.cost import Cost
from reports.history import SearchNumbers
from reports.wording import count, duration, percent, plural, points, ratio, signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """One heading a section, `headline` for the page, `price` for what a difference costs."""

    headline: str
    price: str
    checks: str
    seeds: str
    confusion: str
    classes: str
    pairs: str
    curves: str
    search: str
    winner: str
    parameters: str
    timeline: str
    machines: str
    cost: str


def findings(comparison: Comparison, search: SearchNumbers, spent: Cost, checks: Sequence[Check]) -> Findings:
    """Every heading, from the numbers."""
    return Findings(
        headline=_headline(comparison),
        price=_price(comparison),
        checks=_checks(checks),
        seeds=_seeds(comparison),
        confusion=_confusion(comparison),
        classes=_classes(comparison),
        pairs=_pairs(comparison),
        curves=_curves(comparison),
        search=_search(search),
        winner=_winner(search),
        parameters=_parameters(comparison, search),
        timeline=_timeline(spent),
        machines=_machines(spent),
        cost=_cost(spent),
    )


def _headline(comparison: Comparison) -> str:
    if comparison.same_configuration:
        return "The search found nothing better than the reference"
    if comparison.verdict == "no reliable difference":
        return "Tuning made no reliable difference"
    word = "helped" if comparison.verdict == "better" else "hurt"
    return f"Tuning {word}: {points(comparison.difference.estimate.value)} pt test accuracy"


def _price(comparison: Comparison) -> str:
    if comparison.same_configuration:
        return "Both are the same configuration, so they cost the same."
    reference, best = comparison.reference, comparison.best
    parts = [
        f"{ratio(best.parameters, reference.parameters)} the parameters",
        f"{ratio(best.train_seconds, reference.train_seconds)} the training time",
        f"{ratio(best.predict_seconds, reference.predict_seconds)} the prediction time",
    ]
    return f"The price: {parts[0]}, {parts[1]} and {parts[2]} of the reference."


def _checks(checks: Sequence[Check]) -> str:
    warnings = sum(check.level == "warning" for check in checks)
    if not warnings:
        return f"All {len(checks)} self-checks passed"
    return f"{plural(warnings, 'self-check')} of {len(checks)} {'needs' if warnings == 1 else 'need'} a look"


def _seeds(comparison: Comparison) -> str:
    seeds, share = len(comparison.seeds), comparison.probability_better
    if comparison.same_configuration:
        return "One set of runs: the best configuration is the reference"
    if seeds == 1:
        return "One run each: the spread between runs is not known"
    if share in (0.0, 1.0):
        winner, loser = ("tuned", "reference") if share == 1.0 else ("reference", "tuned")
        return f"Every {winner} run beats every {loser} run"
    return f"A tuned run beats a reference run in {share:.0%} of the {seeds * seeds} pairings"


def _confusion(comparison: Comparison) -> str:
    diagonal = [comparison.confusion_difference[i][i] for i in range(len(CLASS_NAMES))]
    total = sum(diagonal)
    largest = max(range(len(diagonal)), key=lambda index: abs(diagonal[index]))
    if not any(diagonal):
        return "Both shown models recognise as many images in every class"
    change = f"{abs(total):,} {'more' if total > 0 else 'fewer'} images right" if total else "As many images right"
    return f"{change}; {CLASS_NAMES[largest]} changes most ({signed(diagonal[largest])})"


def _classes(comparison: Comparison) -> str:
    changes = [change.f1 for change in comparison.changes.classes]
    up, down = sum(change.low > 0 for change in changes), sum(change.high < 0 for change in changes)
    if not up and not down:
        return "F1 changes reliably in no class"
    fallen = f"lower in {down}" if down else "lower in none"
    return f"F1 is reliably higher in {up} of {len(changes)} classes, {fallen}"


def _pairs(comparison: Comparison) -> str:
    pairs = comparison.changed.pairs
    if not pairs:
        return "No pair of classes is confused more or less often"
    first = pairs[0]
    return f"{first.true} taken for {first.predicted}: {first.before} → {first.after} images"


def _curves(comparison: Comparison) -> str:
    ends = [
        [run.epochs[-1].train_accuracy for run in model.runs if run.epochs]
        for model in (comparison.reference, comparison.best)
    ]
    if not all(ends):
        return "Learning curves"
    reference, best = (sum(values) / len(values) for values in ends)
    return f"On training images the reference ends at {percent(reference, 1)}, the tuned model at {percent(best, 1)}"


def _search(search: SearchNumbers) -> str:
    best = max((point.best_so_far for point in search.trials if point.best_so_far is not None), default=None)
    trials = plural(len(search.trials), "trial")
    if best is None:
        return f"{trials}, none of which ran to its end"
    return f"{trials} reached at best {percent(best)} on the validation images"


def _winner(search: SearchNumbers) -> str:
    seen, fresh, test = search.winner.search_value, search.winner.fresh_mean, search.winner.test_mean
    if seen is None or fresh is None:
        return f"The winner was not scored again before the test; there it has {percent(test)}"
    became = f"{percent(fresh)} on fresh seeds and {percent(test)} on the test set"
    return f"The winner’s {percent(seen)} in the search became {became}"


def _parameters(comparison: Comparison, search: SearchNumbers) -> str:
    differing = sum(row.differs for row in search.parameters)
    if comparison.same_configuration:
        return "The winner is the reference"
    return f"The winner differs from the reference in {differing} of {len(search.parameters)} settings"


def _timeline(spent: Cost) -> str:
    line = spent.timeline
    if not line.lanes:
        return "No worker took a trial"
    return f"Up to {plural(line.peak, 'trial')} at once, busy {line.busy_share:.0%} of the time"


def _machines(spent: Cost) -> str:
    ran = spent.machines
    what = f"{plural(ran.gpus, 'GPU')} of {plural(ran.nodes, 'machine')}" if ran.gpus else plural(ran.nodes, "machine")
    return f"{what}, busy {ran.busy_share:.0%} of the search on average"


def _cost(spent: Cost) -> str:
    gpus = f"{spent.gpus:g} GPU{'s' if spent.gpus != 1 else ''}" if spent.gpus else "no GPU"
    hours = f"{spent.cpu_hours:.2f}" if spent.cpu_hours < 10 else count(spent.cpu_hours)
    return f"{duration(spent.total.wall_seconds)} of wall time, {hours} CPU-hours, {gpus}"
