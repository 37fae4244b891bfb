"""A configuration in words: its settings beside the reference's, and what sets it apart."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fashion_model.config import TrainConfig


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
    """What sets a configuration apart from the reference, in one line."""
    if config is None:
        return "no valid configuration"
    rows = [row for row in parameter_rows(reference, config) if row.differs]
    return ", ".join(f"{row.name} {row.best}" for row in rows) or "the reference"
