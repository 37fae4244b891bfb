"""What must hold for a verdict: rules on the records, what was found, and what to do where one does not hold.

A check passes, is a note (read the result with it in mind), or fails: then there is no verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np

from reports.numbers.wording import plural
from reports.records import DataRecord, ModelName, Predictions, SearchOutcome

Level = Literal["pass", "note", "fail"]
SEEDS_WANTED: Final = 3
FAILED_NOTED: Final = 0.1
FAILED_MOST: Final = 0.5
SHARED_MOST: Final = 0.01
CLOCK_SECONDS: Final = 60.0
"""By how much the clocks of two machines may differ."""
MODELS: Final[tuple[ModelName, ...]] = ("reference", "best")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `code` is stable across versions, `rule` says what should hold, `found` what was found.

    `remedy` says what to do where it fails.
    """

    code: str
    level: Level
    rule: str
    found: str
    remedy: str = ""


def level(*, fails: bool, notes: bool = False) -> Level:
    """The level of a check that fails, or else is a note, or else passes."""
    return "fail" if fails else "note" if notes else "pass"


def gating_checks(outcome: SearchOutcome, predictions: Predictions) -> tuple[Check, ...]:
    """Every check that can stop a verdict, in the order of its code."""
    return (
        *_arithmetic(outcome, predictions),
        *_fairness(outcome),
        *_test_set(outcome, predictions),
        _failed_trials(outcome),
    )


def _arithmetic(outcome: SearchOutcome, predictions: Predictions) -> Sequence[Check]:
    images = len(predictions.labels)
    right = np.stack([predictions.of(model).argmax(axis=2) == predictions.labels for model in MODELS]).mean(axis=2)
    recorded = [[run.test_accuracy for run in outcome.runs(model)] for model in MODELS]
    gap = float(np.abs(right - recorded).max()) * images
    scores = np.stack([predictions.reference, predictions.best])
    broken = int((~np.isfinite(scores)).any(axis=3).sum())
    off = float(np.abs(np.nan_to_num(scores, nan=0.0).sum(axis=3, dtype=np.float64) - 1.0).max())
    digest = hashlib.sha256(predictions.labels.astype(np.uint8).tobytes()).hexdigest()
    return (
        Check(
            code="A1", level=level(fails=gap > 1.0 + 1e-6),
            rule="Accuracies computed from the stored predictions equal those that the retrainings recorded.",
            found=f"largest gap {gap:.0f} of {images:,} images",
            remedy="Take outcome.json and predictions.npz from one run.",
        ),
        Check(
            code="A2", level=level(fails=bool(broken) or off > 1e-2),
            rule="Predictions are finite probabilities whose sum is 1.",
            found=f"{broken:,} of {scores[..., 0].size:,} predictions are not finite" if broken
            else f"sums within {off:.1e} of 1",
            remedy="A retraining diverged, or its numbers are damaged: retrain with other seeds (another --seed).",
        ),
        Check(
            code="A3", level=level(fails=digest != outcome.data.test_sha256),
            rule="Both models were scored on the test labels whose hash the search recorded.",
            found=f"SHA-256 {digest[:12]}…, recorded {outcome.data.test_sha256[:12]}…",
            remedy="Take outcome.json and predictions.npz from one run.",
        ),
    )  # fmt: skip


def _fairness(outcome: SearchOutcome) -> Sequence[Check]:
    seeds = {name: [run.train.seed for run in outcome.runs(name)] for name in MODELS}
    epochs = sorted({len(run.train.epochs) for run in outcome.finals})
    sizes = [sorted({run.train.parameters for run in outcome.runs(name)}) for name in MODELS]
    count = len(set(seeds["reference"]))
    return (
        Check(
            code="B1", level=level(fails=seeds["reference"] != seeds["best"]),
            rule="Reference and tuned model were retrained on the same seeds.",
            found=f"{plural(count, 'seed')}, the same" if seeds["reference"] == seeds["best"]
            else f"{seeds['reference']} and {seeds['best']}", remedy="Retrain both on the same seeds.",
        ),
        Check(
            code="B2", level=level(fails=len(epochs) != 1),
            rule="Reference and tuned model were retrained for the same number of epochs.",
            found=f"{', '.join(map(str, epochs))} epoch{'' if epochs == [1] else 's'}",
            remedy="Retrain both for the same number of epochs.",
        ),
        Check(
            code="B3", level=level(fails=count < 2 and not outcome.is_reference_best(), notes=count < SEEDS_WANTED),
            rule=f"Each model was retrained on several seeds, so that run-to-run spread is seen: 2 at least, "
            f"{SEEDS_WANTED} for an interval of use, 5 or more for a narrow one.",
            found=f"{plural(count, 'seed')} each",
            remedy="Resume with --retrain-seeds 5: what is trained already is kept.",
        ),
        Check(
            code="B4", level=level(fails=any(len(size) != 1 for size in sizes)),
            rule="All runs of a model have the same number of parameters.",
            found=" and ".join(", ".join(f"{number:,}" for number in size) for size in sizes) + " parameters",
            remedy="The runs are of several networks. Retrain.",
        ),
    )  # fmt: skip


def _test_set(outcome: SearchOutcome, predictions: Predictions) -> Sequence[Check]:
    data, images = outcome.data, len(predictions.labels)
    return (
        Check(
            code="C4", level=level(fails=images != data.test_count), rule="Every test image was predicted.",
            found=f"{images:,} of {data.test_count:,}", remedy="Take outcome.json and predictions.npz from one run.",
        ),
        _disjoint(data),
        _opened_last(outcome),
    )  # fmt: skip


def _disjoint(data: DataRecord) -> Check:
    known = data.repeated_validation is not None and data.repeated_test is not None
    held_out = (data.repeated_validation or 0, data.validation_count), (data.repeated_test or 0, data.test_count)
    return Check(
        code="C5",
        level=level(
            fails=any(same > SHARED_MOST * of for same, of in held_out), notes=not known or any(s for s, _ in held_out)
        ),
        rule="No validation or test image is also trained on; a hundredth of them would blur what is compared.",
        found=f"{held_out[0][0]:,} validation and {held_out[1][0]:,} test images equal a training image"
        if known else "not recorded by the version that ran the search",
        remedy="Remove the repeated images from the data, and search again.",
    )  # fmt: skip


def _opened_last(outcome: SearchOutcome) -> Check:
    """Finals are scored on the test images as soon as they are trained. Older runs do not say when that was.

    A finished run that is taken further has opened them before. Nothing in it reads that score: trials are chosen on
    validation images, and finals are compared as ever. But whoever goes on only where the first result did not please
    looks twice, and twice as often finds what is not there. So it is a note, which says so, and no reason for silence.
    """
    started = [_seconds(run.work.started) for run in outcome.finals if run.work.started]
    ended = [_seconds(trial.ended) for trial in outcome.trials]
    early = sum(end > min(started) + CLOCK_SECONDS for end in ended) if started else 0
    found = (
        "retraining began after the last trial had ended"
        if started
        else "not recorded by the version that ran the search"
    )
    if early:
        found = (
            f"a first retraining was scored before {early} of {len(ended)} trials had ended. No trial saw its result; "
            "if the search was continued because of it, a false difference is up to twice as likely"
        )
    return Check(
        code="C6", level=level(fails=False, notes=not started or early > 0),
        rule="The test images were opened once, after the last trial had ended.", found=found,
    )  # fmt: skip


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _failed_trials(outcome: SearchOutcome) -> Check:
    count, failed = len(outcome.trials), sum(trial.status == "FAIL" for trial in outcome.trials)
    return Check(
        code="D3", level=level(fails=failed > FAILED_MOST * count, notes=failed > FAILED_NOTED * count),
        rule=f"At most {FAILED_NOTED:.0%} of the trials failed; if more than half did, nothing was searched.",
        found=f"{failed} of {count} failed", remedy="Read why they failed, mend it. Search again in a new run folder.",
    )  # fmt: skip
