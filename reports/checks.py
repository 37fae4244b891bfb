"""Coded self-checks: what a careful reader would ask of the numbers before believing them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from reports.comparison import Comparison
from reports.history import SearchNumbers
from search.records import Predictions, SearchOutcome

Level = Literal["ok", "warning"]

SEEDS_WANTED: Final = 3
DOCUMENTED_EPOCHS: Final = 10
DOCUMENTED_IMAGES: Final = 60_000
PLAUSIBLE_ACCURACY: Final = 0.955
"""The best published result with at most a million parameters is about 95.4%."""
USUAL_TEST_GAP: Final = 0.02
"""The test set is about one point harder than a hold-out of the training images, with no selection at all."""
FAILED_SHARE: Final = 0.1
COMPLETE_WANTED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `code` is stable across versions, `rule` says what should hold, `found` what was found."""

    code: str
    level: Level
    rule: str
    found: str


def self_checks(
    outcome: SearchOutcome, predictions: Predictions, comparison: Comparison, search: SearchNumbers
) -> tuple[Check, ...]:
    """Every check, in the order of its code."""
    return (
        *_arithmetic_checks(outcome, predictions, comparison),
        *_fairness_checks(outcome, comparison),
        *_data_checks(outcome, predictions, comparison),
        *_search_checks(outcome, search),
        *_surprise_checks(comparison, search),
    )


def _check(code: str, holds: bool, rule: str, found: str) -> Check:
    return Check(code=code, level="ok" if holds else "warning", rule=rule, found=found)


def _arithmetic_checks(outcome: SearchOutcome, predictions: Predictions, comparison: Comparison) -> Sequence[Check]:
    runs = (*comparison.reference.runs, *comparison.best.runs)
    gap = max(abs(run.accuracy.value - run.recorded_accuracy) for run in runs) * comparison.images
    scores = np.stack([predictions.reference, predictions.best])
    finite = bool(np.isfinite(scores).all())
    off = float(np.abs(scores.sum(axis=-1, dtype=np.float64) - 1.0).max()) if finite else float("inf")
    digest = hashlib.sha256(predictions.labels.astype(np.uint8).tobytes()).hexdigest()
    return (
        _check(
            "A1", gap <= 1.0 + 1e-6,
            "Accuracies recomputed from the stored predictions equal those that the retrainings recorded.",
            f"largest gap {gap:.0f} of {comparison.images:,} images",
        ),
        _check("A2", finite and off < 1e-2, "Predictions are finite probabilities.", f"sums within {off:.1e} of 1"),
        _check(
            "A3", digest == outcome.data.test_sha256,
            "Both models were scored on the test labels whose hash the search recorded.",
            f"SHA-256 {digest[:12]}…, recorded {outcome.data.test_sha256[:12]}…",
        ),
    )  # fmt: skip


def _fairness_checks(outcome: SearchOutcome, comparison: Comparison) -> Sequence[Check]:
    seeds = {name: [run.train.seed for run in outcome.runs(name)] for name in ("reference", "best")}
    epochs = sorted({len(run.train.epochs) for run in outcome.finals})
    sizes = [sorted({run.train.parameters for run in outcome.runs(name)}) for name in ("reference", "best")]
    count = len(comparison.seeds)
    return (
        _check(
            "B1", seeds["reference"] == seeds["best"],
            "Reference and best were retrained on the same seeds.", f"{seeds['reference']} and {seeds['best']}",
        ),
        _check(
            "B2", len(epochs) == 1,
            "Reference and best were retrained for the same number of epochs.", f"{', '.join(map(str, epochs))} epochs",
        ),
        _check(
            "B3", count >= SEEDS_WANTED,
            f"At least {SEEDS_WANTED} seeds each, so that run-to-run spread is seen (5 or more is better).",
            f"{count} each" + ("; the interval covers image sampling only" if count == 1 else ""),
        ),
        _check(
            "B4", all(len(size) == 1 for size in sizes),
            "All runs of a model have the same number of parameters.", f"{sizes[0]} and {sizes[1]}",
        ),
    )  # fmt: skip


def _data_checks(outcome: SearchOutcome, predictions: Predictions, comparison: Comparison) -> Sequence[Check]:
    images = outcome.data.train_count + outcome.data.validation_count
    epochs = max(len(run.train.epochs) for run in outcome.finals)
    support = np.bincount(predictions.labels, minlength=10)
    return (
        _check(
            "C1", images == DOCUMENTED_IMAGES,
            f"All {DOCUMENTED_IMAGES:,} training images are used; fewer cannot be held against the document's claim.",
            f"{outcome.data.train_count:,} + {outcome.data.validation_count:,} images",
        ),
        _check(
            "C2", epochs == DOCUMENTED_EPOCHS,
            f"Retraining takes the documented {DOCUMENTED_EPOCHS} epochs.", f"{epochs} epochs",
        ),
        _check(
            "C3", int(support.min()) == int(support.max()) == 1000,
            "The test set has 1,000 images of each class.", f"{support.min():,} to {support.max():,} a class",
        ),
        _check(
            "C4", comparison.images == outcome.data.test_count,
            "Every test image was predicted.", f"{comparison.images:,} of {outcome.data.test_count:,}",
        ),
    )  # fmt: skip


def _search_checks(outcome: SearchOutcome, search: SearchNumbers) -> Sequence[Check]:
    references = [trial for trial in search.trials if trial.is_reference]
    asked = outcome.settings.get("trials")
    ended, failed = len(search.trials), search.counts.failed
    return (
        _check(
            "D1", [trial.status for trial in references].count("COMPLETE") == 1,
            "The reference ran to its end in the study, exactly once.",
            ", ".join(f"trial {trial.number} {trial.status}" for trial in references) or "not in the study",
        ),
        _check(
            "D2", not isinstance(asked, int) or ended >= asked,
            "As many trials ended as were asked for.",
            f"{ended} of {asked if isinstance(asked, int) else 'unrecorded'}",
        ),
        _check(
            "D3", failed <= FAILED_SHARE * ended,
            f"At most {FAILED_SHARE:.0%} of the trials failed.", f"{failed} of {ended}",
        ),
        _check(
            "D4", search.counts.complete >= COMPLETE_WANTED,
            f"At least {COMPLETE_WANTED} trials ran to their end, so that the winner was chosen among many.",
            f"{search.counts.complete} complete, {search.counts.pruned} pruned",
        ),
    )  # fmt: skip


def _surprise_checks(comparison: Comparison, search: SearchNumbers) -> Sequence[Check]:
    highest = max(comparison.reference.accuracy.value, comparison.best.accuracy.value)
    validation = search.winner.fresh_mean if search.winner.fresh_mean is not None else search.winner.search_value
    gap = None if validation is None else validation - search.winner.test_mean
    return (
        _check(
            "E1", highest <= PLAUSIBLE_ACCURACY,
            f"No accuracy above {PLAUSIBLE_ACCURACY:.1%}, which no published network of this size reaches.",
            f"highest {highest:.2%}",
        ),
        _check(
            "E2", gap is None or abs(gap) <= USUAL_TEST_GAP,
            f"The winner's validation and test accuracy differ by at most {100 * USUAL_TEST_GAP:.0f} pt "
            "(about 1 pt is usual for this data).",
            "no validation score recorded" if gap is None else f"{100 * gap:+.2f} pt",
        ),
    )  # fmt: skip
