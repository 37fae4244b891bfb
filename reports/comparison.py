"""The comparison: reference and best, retrained on the same seeds, on the same test images. Records in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from reports.bootstrap import ScoreChanges, score_changes
from reports.images_changed import ChangedImages, ShownModels, changed_images
from reports.model_summary import Counts, ModelSummary, Probabilities, summarise
from reports.statistics import (
    NO_DIFFERENCE,
    Difference,
    McNemar,
    accuracy_difference,
    mcnemar,
    permutation_p,
    probability_better,
)
from reports.wording import points
from search.records import Predictions, RecordError, SearchOutcome

Verdict = Literal["better", "no reliable difference", "worse"]

PRACTICALLY_EQUAL: Final = 0.003
"""A difference whose interval lies within ±0.3 pt is called practically equivalent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the retrainings show. `sentence` is the verdict as plain text; accuracies are fractions.

    `difference` (best minus reference, mean over the seeds) is the primary quantity and alone decides the verdict.
    `permutation_p` is None for one seed. `mcnemar` and `confusion_difference` are of the two shown models.
    """

    verdict: Verdict
    sentence: str
    difference: Difference
    same_configuration: bool
    practically_equivalent: bool
    images: int
    seeds: tuple[int, ...]
    reference: ModelSummary
    best: ModelSummary
    permutation_p: float | None
    probability_better: float
    mcnemar: McNemar
    confusion_difference: Counts
    changes: ScoreChanges
    changed: ChangedImages


def compare(outcome: SearchOutcome, predictions: Predictions) -> Comparison:
    """Every number of the comparison.

    Raises:
        RecordError: when runs and arrays of the two files do not belong together.
    """
    _check_shapes(outcome, predictions)
    labels = predictions.labels
    reference = summarise("reference", outcome.runs("reference"), predictions.reference, labels)
    best = summarise("best", outcome.runs("best"), predictions.best, labels)
    right = {
        "reference": predictions.reference.argmax(axis=2) == labels,
        "best": predictions.best.argmax(axis=2) == labels,
    }
    same = outcome.best_config == outcome.reference_config
    # the reference is not trained twice: its runs stand on both sides, and nothing of their difference is chance
    difference = NO_DIFFERENCE if same else accuracy_difference(right["reference"], right["best"])
    verdict = _verdict(difference, same)
    correct = [run.correct for run in reference.runs], [run.correct for run in best.runs]
    return Comparison(
        verdict=verdict,
        sentence=_sentence(verdict, difference, outcome, len(labels)),
        difference=difference,
        same_configuration=same,
        practically_equivalent=_is_practically_equal(difference),
        images=len(labels),
        seeds=tuple(run.seed for run in reference.runs),
        reference=reference,
        best=best,
        permutation_p=permutation_p(*correct),
        probability_better=probability_better(*correct),
        mcnemar=mcnemar(right["reference"][reference.shown_run], right["best"][best.shown_run]),
        confusion_difference=_confusion_difference(reference, best),
        changes=score_changes(labels, predictions.reference.argmax(axis=2), predictions.best.argmax(axis=2)),
        changed=changed_images(_shown_models(predictions, reference, best)),
    )


def _check_shapes(outcome: SearchOutcome, predictions: Predictions) -> None:
    images = len(predictions.labels)
    for name, scores in (("reference", predictions.reference), ("best", predictions.best)):
        runs = sum(run.model == name for run in outcome.finals)
        if runs < 1 or scores.shape != (runs, images, 10) or len(predictions.images) != images:
            raise RecordError(
                f"predictions.npz must hold (runs, images, 10) probabilities for {runs} {name} runs. "
                f"Received: {scores.shape} for {images} images. Take both files from one run folder."
            )
    if len(outcome.runs("reference")) != len(outcome.runs("best")):
        raise RecordError(
            "Reference and best must be retrained equally often. "
            f"Received: {len(outcome.runs('reference'))} and {len(outcome.runs('best'))} runs. Retrain again."
        )


def _verdict(difference: Difference, same_configuration: bool) -> Verdict:
    if same_configuration or difference.estimate.low <= 0.0 <= difference.estimate.high:
        return "no reliable difference"
    return "better" if difference.estimate.low > 0.0 else "worse"


def _is_practically_equal(difference: Difference) -> bool:
    return max(abs(difference.estimate.low), abs(difference.estimate.high)) <= PRACTICALLY_EQUAL


def _sentence(verdict: Verdict, difference: Difference, outcome: SearchOutcome, images: int) -> str:
    estimate, runs = difference.estimate, len(outcome.runs("best"))
    seeds = f"{runs} seeds each" if runs > 1 else "1 seed each, so the interval covers image sampling only"
    interval = f"95% interval {points(estimate.low)} to {points(estimate.high)} pt; {seeds}, {images:,} test images"
    if outcome.best_config == outcome.reference_config:
        return (
            f"No reliable difference: among {len(outcome.trials)} trials the search found nothing better "
            "than the reference, so the reference itself stays the best."
        )
    if verdict == "no reliable difference":
        equal = " Practically equivalent: within ±0.3 pt." if _is_practically_equal(difference) else ""
        change = f"{points(estimate.value)} pt test accuracy ({interval})"
        return f"No reliable difference: tuned minus reference is {change}.{equal}"
    word = "beats" if verdict == "better" else "is worse than"
    size = points(abs(estimate.value)).lstrip("+")
    return f"The tuned model {word} the reference by {size} pt test accuracy (tuned minus reference: {interval})."


def _confusion_difference(reference: ModelSummary, best: ModelSummary) -> Counts:
    change = np.subtract(best.shown().confusion, reference.shown().confusion)
    return tuple(tuple(int(cell) for cell in row) for row in change)


def _shown_models(predictions: Predictions, reference: ModelSummary, best: ModelSummary) -> ShownModels:
    def right(scores: Probabilities) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        counted: np.ndarray[tuple[int], np.dtype[np.int64]] = (scores.argmax(axis=2) == predictions.labels).sum(axis=0)
        return counted

    return ShownModels(
        labels=predictions.labels,
        reference=predictions.reference[reference.shown_run],
        best=predictions.best[best.shown_run],
        right_reference=right(predictions.reference),
        right_best=right(predictions.best),
    )
