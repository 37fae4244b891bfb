"""The comparison: reference and best, retrained on the same seeds, on the same test images. Records in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fashion_model.task import Task
from reports.numbers.checks import MODELS, Check, gating_checks
from reports.numbers.model_summary import Labels, ModelSummary, summarise
from reports.numbers.statistics import NO_DIFFERENCE, Difference, accuracy_difference
from reports.numbers.wording import percent, plural, points, points_interval
from reports.records import FinalRun, ModelName, Predictions, RecordError, SearchOutcome, best_finalist

Verdict = Literal["better", "no reliable difference", "worse", "no verdict"]

PRACTICALLY_EQUAL: Final = 0.003
"""A difference whose interval lies within ±0.3 pt is called practically equivalent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerUp:
    """The trial that came nearest to the reference where nothing beat it. Both values are validation accuracies: means
    over `fresh_seeds`, or as the search saw them where that is 0."""

    trial: int
    value: float
    reference: float
    fresh_seeds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the retrainings show. `sentence` is the verdict as plain text; accuracies are fractions.

    `difference` (best minus reference, mean over the seeds) is the primary quantity. It decides the verdict, unless one
    of the `checks` fails. `runner_up` is None unless the reference is the best.
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
    checks: tuple[Check, ...]
    runner_up: RunnerUp | None

    def failed(self) -> tuple[Check, ...]:
        """The checks that leave no verdict."""
        return tuple(check for check in self.checks if check.level == "fail")

    def models(self) -> tuple[tuple[ModelName, ModelSummary], ...]:
        """Both models by their names."""
        return ("reference", self.reference), ("best", self.best)

    def distinct(self) -> tuple[tuple[ModelName, ModelSummary], ...]:
        """Both models, or the one where the reference is the best."""
        return self.models()[:1] if self.same_configuration else self.models()


def compare(outcome: SearchOutcome, predictions: Predictions) -> Comparison:
    """Every number of the comparison.

    Raises:
        RecordError: when runs and arrays of the two files do not belong together.
    """
    for model in MODELS:
        _check_shapes(outcome.runs(model), outcome.data.task, predictions, model)
    if outcome.knee:
        _check_shapes(outcome.knee, outcome.data.task, predictions, "knee")
    _check_runs(outcome)
    labels, names = predictions.labels, outcome.data.task.class_names
    reference, best = (summarise(outcome.runs(model), predictions.of(model), labels, names) for model in MODELS)
    same = outcome.is_reference_best()
    # the reference is not trained twice: its runs stand on both sides, and nothing of their difference is chance
    right = [predictions.of(model).argmax(axis=2) == labels for model in MODELS]
    difference = NO_DIFFERENCE if same else accuracy_difference(*right)
    checks, second = gating_checks(outcome, predictions), runner_up(outcome) if same else None
    failed = [check for check in checks if check.level == "fail"]
    verdict: Verdict = "no verdict" if failed else verdict_of(difference)
    return Comparison(
        verdict=verdict,
        sentence=_failure(failed) if failed else _nothing(second) if same else _sentence(difference, outcome, labels),
        difference=difference,
        same_configuration=same,
        practically_equivalent=verdict == "no reliable difference" and _is_practically_equal(difference),
        images=len(labels),
        seeds=tuple(run.seed for run in reference.runs),
        reference=reference,
        best=best,
        checks=checks,
        runner_up=second,
    )


def runner_up(outcome: SearchOutcome) -> RunnerUp | None:
    """The best other trial: on fresh seeds if a finalist was scored on them, else in the search; None without one."""
    fresh = {score.trial: score for score in outcome.finalists}
    best = fresh.get(outcome.best_trial)
    others = [score for score in outcome.finalists if score.trial != outcome.best_trial]
    if best is not None and others:
        second = best_finalist(others)
        seeds = len(second.fresh_values)  # the first of those that the winner was scored on
        reference = sum(best.fresh_values[:seeds]) / seeds
        return RunnerUp(trial=second.trial, value=second.mean(), reference=reference, fresh_seeds=seeds)
    values = {trial.number: trial.value for trial in outcome.trials if trial.value is not None}
    own = values.pop(outcome.best_trial, None)
    if own is None or not values:
        return None
    number = max(values, key=lambda trial: values[trial])
    return RunnerUp(trial=number, value=values[number], reference=own, fresh_seeds=0)


def _check_shapes(finals: Sequence[FinalRun], task: Task, predictions: Predictions, model: ModelName) -> None:
    runs, images = len(finals), len(predictions.labels)
    scores = predictions.of(model)
    if runs < 1 or scores.shape != (runs, images, task.classes):
        raise RecordError(
            f"predictions.npz must hold (runs, images, {task.classes}) probabilities for {runs} {model} runs. "
            f"Received: {scores.shape} for {images} images. Take both files from one run folder."
        )
    height, width, channels = task.image_shape
    shapes = [(images, height, width, channels), *([(images, height, width)] if channels == 1 else [])]
    if predictions.images.shape not in shapes:
        raise RecordError(
            f"predictions.npz must hold the {images} test images, each of {height} × {width} × {channels}. "
            f"Received: {predictions.images.shape}. Take both files from one run folder."
        )


def _check_runs(outcome: SearchOutcome) -> None:
    reference, best = (len(outcome.runs(model)) for model in MODELS)
    seeds = [run.train.seed for run in outcome.runs("reference")]
    if outcome.knee and seeds != [run.train.seed for run in outcome.knee]:
        raise RecordError(f"The knee must be retrained on the seeds of the reference. Received: others than {seeds}.")
    if reference != best:
        raise RecordError(
            f"Reference and best must be retrained equally often. Received: {reference} and {best} runs. Retrain again."
        )


def verdict_of(difference: Difference) -> Verdict:
    """What a difference to the reference says, if all checks hold."""
    if difference.estimate.low <= 0.0 <= difference.estimate.high:
        return "no reliable difference"
    return "better" if difference.estimate.low > 0.0 else "worse"


def _is_practically_equal(difference: Difference) -> bool:
    return max(abs(difference.estimate.low), abs(difference.estimate.high)) <= PRACTICALLY_EQUAL


def _failure(failed: Sequence[Check]) -> str:
    first, more = failed[0], len(failed) - 1
    also = f" {plural(more, 'other check')} {'fails' if more == 1 else 'fail'} too." if more else ""
    return f"No verdict: a check does not hold. {first.rule} Found: {first.found}. {first.remedy}{also}"


def _nothing(second: RunnerUp | None) -> str:
    if second is None:
        return "Nothing better than the reference was found: no other trial ran to its end."
    where = f"on {plural(second.fresh_seeds, 'fresh seed')}" if second.fresh_seeds else "in the search"
    return (
        f"Nothing better than the reference was found: the runner-up, trial {second.trial}, reached "
        f"{percent(second.value)} on the validation images {where}, the reference {percent(second.reference)} "
        f"({points(second.value - second.reference)} pt)."
    )


def _sentence(difference: Difference, outcome: SearchOutcome, labels: Labels) -> str:
    estimate, runs, verdict = difference.estimate, len(outcome.runs("best")), verdict_of(difference)
    interval = f"95% interval {points_interval(estimate)} pt; {plural(runs, 'seed')} each, {len(labels):,} test images"
    if verdict == "no reliable difference":
        equal = " Practically equivalent: within ±0.3 pt." if _is_practically_equal(difference) else ""
        change = f"{points(estimate.value)} pt test accuracy ({interval})"
        return f"No reliable difference: tuned minus reference is {change}.{equal}"
    word = "beats" if verdict == "better" else "is worse than"
    size = points(abs(estimate.value)).lstrip("+")
    return f"The tuned model {word} the reference by {size} pt test accuracy (tuned minus reference: {interval})."
