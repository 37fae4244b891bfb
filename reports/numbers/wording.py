"""Numbers as text, one rule each: % for accuracies, pt for their differences, seconds as people say them; and a
configuration in words: its settings, and how they differ from the reference's."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from fashion_model.config import TrainConfig

if TYPE_CHECKING:  # it would load SciPy, which a report of a search under way has no time for
    from reports.numbers.statistics import Estimate, Interval

MINUS = "\N{MINUS SIGN}"


def points(value: float) -> str:
    """A difference of fractions as signed percentage points, with a true minus sign."""
    return signed(100 * value, 2)


def percent(value: float | None, digits: int = 2) -> str:
    """A fraction as a percentage: 0.8961 as 89.61%; a dash where there is none."""
    return "—" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}%"


def percent_interval(estimate: Estimate | Interval) -> str:
    """The interval alone: 89.02% to 90.18%."""
    return f"{percent(estimate.low)} to {percent(estimate.high)}"


def points_interval(estimate: Estimate) -> str:
    """The interval alone, signed, in pt."""
    return f"{points(estimate.low)} to {points(estimate.high)}"


def points_or_dash(value: float | None) -> str:
    """A difference of fractions in pt; a dash where there is none."""
    return "—" if value is None else points(value)


def fixed(value: float) -> str:
    """Four decimals, as scikit-learn's report with digits=4."""
    return f"{value:.4f}"


def signed(value: float, digits: int = 0) -> str:
    """A number with its sign and a true minus: +133, −0.0123; 0 has no sign."""
    text = f"{value:+,.{digits}f}".replace("-", MINUS)
    return text if text.strip(f"+{MINUS}0.,") else text[1:]


def signed_images(mean: float) -> str:
    """A mean count of images with its sign: +12.4, −9.0, 0."""
    return "0" if round(mean, 1) == 0 else signed(mean, 1)


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return "—" if value is None else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """0.48 s, 12.4 s, 3 min 20 s, 1 h 52 min."""
    if seconds is None:
        return "—"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def moment(text: str) -> str:
    """ISO-8601 in UTC, as records have it, to the minute."""
    return f"{text[:16].replace('T', ' ')} UTC"


def ratio(best: float, reference: float) -> str:
    """How many times as much: 2.1×; a dash where the reference has none."""
    if reference <= 0:
        return "—"
    return f"{best / reference:.2g}×" if best / reference < 9.95 else f"{best / reference:,.0f}×"


def p_value(value: float | None) -> str:
    """p to three decimals, or an upper bound."""
    if value is None:
        return "—"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def plural(number: int, noun: str) -> str:
    """1 trial, 2 trials."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRow:
    """One field of the configuration, as text, for both models."""

    name: str
    reference: str
    best: str
    differs: bool


def parameter_rows(reference: TrainConfig, best: TrainConfig) -> tuple[ParameterRow, ...]:
    """Every field of both configurations, in the order of TrainConfig."""
    return tuple(
        ParameterRow(name=field.name, reference=value_text(before), best=value_text(after), differs=before != after)
        for field in fields(TrainConfig)
        for before, after in [(getattr(reference, field.name), getattr(best, field.name))]
    )


def value_text(value: object) -> str:
    """A parameter's value in few characters: 0.00123, 5e-05, yes, adam."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def changed_settings(reference: TrainConfig, config: TrainConfig | None) -> str:
    """The settings that differ from the reference's, in one line."""
    if config is None:
        return "no valid configuration"
    rows = [row for row in parameter_rows(reference, config) if row.differs]
    return ", ".join(f"{row.name} {row.best}" for row in rows) or "the reference"
