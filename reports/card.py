"""A finished search in Markdown: the winner's model card, MODEL_CARD.md, and a summary for a pull request.

The card has the sections of Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv:1810.03993).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reports.layout.foreign import with_visible_controls
from reports.numbers.finished import Finished, finished_run
from reports.numbers.privacy import without_credentials, without_folders
from reports.numbers.wording import (
    changed_settings,
    count,
    duration,
    percent,
    percent_interval,
    plural,
    points,
    points_interval,
    ratio,
)


def summary(run_dir: Path) -> str:
    """The result of a finished search for a pull request: the verdict, what it rests on, what it costs.

    Raises:
        RecordError: when outcome.json or predictions.npz is missing, damaged, or they do not belong together.
    """
    numbers = finished_run(run_dir)
    comparison, outcome = numbers.comparison, numbers.outcome
    counts = numbers.trials.counts
    trials = f"{counts.complete} complete, {counts.pruned} stopped early, {counts.failed} failed"
    return (
        f"### {comparison.verdict.capitalize()}: {_text(without_folders(outcome.study))}\n\n"
        f"{_text(comparison.sentence)}\n\n{_both(numbers)}\n\n"
        f"Changed: {_changed(numbers)}.\n"
        f"Search: {plural(len(outcome.trials), 'trial')} ({trials}).\n\n"
        f"{textwrap.indent(without_credentials(outcome.command), '    ')}\n"
    )


def model_card(numbers: Finished) -> str:
    """The winner's card."""
    outcome, task, trainings = numbers.outcome, numbers.task, plural(len(numbers.comparison.seeds), "training")
    images = outcome.data.train_count + outcome.data.validation_count
    sections = [
        ("Model card: " + _text(f"{task.name}, {without_folders(outcome.study)}"), _text(numbers.comparison.sentence)),
        ("Model details", _details(numbers)),
        (
            "Intended use",
            f"Telling the {task.classes} classes of {_text(task.name)} apart, in images made as its training images "
            f"were: {' × '.join(map(str, task.image_shape))}, bytes divided by 255. It was made to compare two "
            "configurations on equal terms. It is not made for other images, nor for decisions about people.",
        ),
        (
            "Factors",
            "The class of the image is the only factor that the data names; accuracy by class is below. Nothing is "
            "known of other groups of images.",
        ),
        (
            "Metrics",
            f"Accuracy on the test images, the mean of {trainings}, with a 95% interval "
            "over test images and seeds. The class of the largest probability counts; there is no other threshold.",
        ),
        ("Evaluation data", _evaluation(numbers)),
        ("Training data", f"{count(images)} images; what they show is not described further."),
        ("Quantitative analyses", f"{_both(numbers)}\n\n{_by_class(numbers)}"),
        (
            "Ethical considerations",
            "Images of articles or objects hold no personal data unless the images of your own do. Mistakes are not "
            "spread evenly over the classes.",
        ),
        ("Caveats and recommendations", _caveats(numbers)),
    ]  # fmt: skip
    first, *rest = sections
    return f"# {first[0]}\n\n{first[1]}\n" + "".join(f"\n## {title}\n\n{body}\n" for title, body in rest)


def _details(numbers: Finished) -> str:
    outcome, best = numbers.outcome, numbers.comparison.best
    first = best.runs[0]
    commands = without_credentials(outcome.command).replace("\n", "`, then `")
    return "\n".join(
        (
            f"- Kind: convolutional network of {count(best.parameters)} parameters, "
            f"{plural(len(first.epochs), 'epoch')}",
            f"- Differs from the reference in: {_changed(numbers)}",
            f"- File: `{without_folders(first.model_file)}`, of the first seed: to pick the best of several "
            "would be to pick luck",
            f"- Its SHA-256: `{first.model_sha256}`",
            f"- Made: {outcome.ended[:10]}, by `{commands}`",
            *(f"- {name} {version}" for name, version in sorted(outcome.environment.versions.items())),
        )
    )


def _changed(numbers: Finished) -> str:
    outcome = numbers.outcome
    if outcome.is_reference_best():
        return "nothing"
    return _text(changed_settings(outcome.reference_config, outcome.best_config))


def _evaluation(numbers: Finished) -> str:
    data = numbers.outcome.data
    opened = next(check for check in numbers.comparison.checks if check.code == "C6")
    is_once = opened.level == "pass"
    when = ", opened once, after the winner had been chosen" if is_once else f". When they were opened: {opened.found}"
    return f"{count(data.test_count)} test images{when}. SHA-256 of their labels: `{data.test_sha256}`."


def _caveats(numbers: Finished) -> str:
    lines = [
        "One search and one test set: another search may find another winner.",
        f"Probabilities were not calibrated; the expected calibration error of the saved run is "
        f"{percent(numbers.comparison.best.runs[0].calibration_error)}.",
        "Measure again on images of your own use before relying on it.",
    ]
    if numbers.document is not None:
        lines.append(
            "Some labels are wrong, and about 1.6% of the test images have a near-twin among the training images."
        )
    return "\n".join(f"- {line}" for line in lines)


def _both(numbers: Finished) -> str:
    comparison = numbers.comparison
    reference, best, difference = comparison.reference, comparison.best, comparison.difference.estimate
    rows = [
        ("test accuracy", percent(reference.test_accuracy.value), percent(best.test_accuracy.value),
         f"{points(difference.value)} pt"),
        ("95% interval", percent_interval(reference.test_accuracy), percent_interval(best.test_accuracy),
         f"{points_interval(difference)} pt"),
        ("errors of 10,000", count(reference.errors_per_10000), count(best.errors_per_10000), ""),
        ("parameters", count(reference.parameters), count(best.parameters),
         ratio(best.parameters, reference.parameters)),
        ("training, CPU time", duration(reference.cpu_seconds), duration(best.cpu_seconds),
         ratio(best.cpu_seconds, reference.cpu_seconds)),
        (f"predicting {count(comparison.images)} images", duration(reference.predict_seconds),
         duration(best.predict_seconds), ratio(best.predict_seconds, reference.predict_seconds)),
    ]  # fmt: skip
    return _table(("", "reference", "tuned", "difference"), rows)


def _by_class(numbers: Finished) -> str:
    labels = numbers.predictions.labels
    rows = []
    for label, name in enumerate(numbers.task.class_names):
        of_class = np.flatnonzero(labels == label)
        recalls = numbers.right["best"][:, of_class].mean(axis=1).tolist() if len(of_class) else []
        mean = sum(recalls) / len(recalls) if recalls else None
        spread = f"{percent(min(recalls, default=None))} to {percent(max(recalls, default=None))}"
        rows.append((_text(name), percent(mean), spread, count(len(of_class))))
    return _table(("class", "found (recall), mean of the seeds", "lowest to highest seed", "images"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *(["---:"] * (len(head) - 1))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _text(value: str) -> str:
    """Foreign text as Markdown that means nothing but itself, in one line."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(with_visible_controls(value).split()))
