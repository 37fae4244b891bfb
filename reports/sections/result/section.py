"""The first screen: whether tuning helped, by how much, what it costs, and what to do next."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from markupsafe import Markup

from reports.layout import svg
from reports.layout.section import Section, draw_section
from reports.numbers.comparison import Comparison
from reports.numbers.finished import Document, Finished
from reports.numbers.statistics import Estimate
from reports.numbers.wording import percent, percent_interval, plural, points, points_interval, ratio

_ICONS: Final = MappingProxyType({"better": "▲", "no reliable difference": "≈", "worse": "▼", "no verdict": "?"})
_NAMES: Final = MappingProxyType({"reference": "the reference", "best": "the tuned model"})


def result(finished: Finished) -> Section:
    """The page's first section, whose heading is the page's."""
    comparison = finished.comparison
    claim, advice, seen = claim_in_words(finished), next_step(finished), could_have_seen(comparison)
    numbers = {
        "verdict": comparison.verdict,
        "sentence": comparison.sentence,
        "claim": claim,
        "next": advice,
        "comparison.difference": comparison.difference,
        "comparison.same_configuration": comparison.same_configuration,
        "comparison.runner_up": comparison.runner_up,
        "comparison.practically_equivalent": comparison.practically_equivalent,
        "comparison.images": comparison.images,
        "comparison.seeds": comparison.seeds,
    }
    is_judged = comparison.verdict != "no verdict" and not comparison.same_configuration
    return draw_section(
        "sections/result/result.html", id="result", title="Result", heading=_heading(comparison), numbers=numbers,
        c=comparison, icon=_ICONS[comparison.verdict], price=_price(comparison),
        claim=claim, next=advice, seen=seen, is_judged=is_judged,
        chart=difference_interval(comparison) if is_judged else None,
    )  # fmt: skip


def _heading(comparison: Comparison) -> str:
    if failed := comparison.failed():
        return f"No verdict: {plural(len(failed), 'check')} {'does' if len(failed) == 1 else 'do'} not hold"
    if comparison.same_configuration:
        return "The search found nothing better than the reference"
    if comparison.verdict == "no reliable difference":
        return "Tuning made no reliable difference"
    word = "helped" if comparison.verdict == "better" else "hurt"
    return f"Tuning {word}: {points(comparison.difference.estimate.value)} pt test accuracy"


def could_have_seen(comparison: Comparison) -> str:
    """How small a difference the comparison could have told from none; empty where it told of none."""
    if comparison.same_configuration or len(comparison.seeds) < 2:
        return ""
    size = points(comparison.difference.detectable).lstrip("+")
    return f"This run could have seen a difference of {size} pt (in four cases of five)."


def claim_in_words(finished: Finished) -> str:
    """Where the document's claim lies beside the intervals; empty for images of one's own."""
    document, comparison = finished.document, finished.comparison
    if document is None:
        return ""
    places = [
        f"{_NAMES[name]}’s interval {_place(model.test_accuracy, document)}" for name, model in comparison.distinct()
    ]
    return f"The document claims {percent(document.test_accuracy, 0)}: {'; '.join(places)}.{_other_terms(finished)}"


def _place(accuracy: Estimate, document: Document) -> str:
    interval, claim = percent_interval(accuracy), document.test_accuracy
    if accuracy.low > claim:
        return f"({interval}) lies above it"
    return (
        f"({interval}) lies below it"
        if accuracy.high < claim
        else f"({interval}) contains it, so this run cannot tell whether the claim is met"
    )


def _other_terms(finished: Finished) -> str:
    data, document = finished.outcome.data, finished.document
    epochs = {len(run.train.epochs) for run in finished.outcome.finals}
    if document is None or (data.train_count + data.validation_count, epochs) == (
        document.training_images, {document.epochs},
    ):  # fmt: skip
        return ""
    return " The terms here are not the document’s (checks C1 and C2), so this is no test of its claim."


def next_step(finished: Finished) -> str:
    """What to do with the result."""
    comparison, outcome = finished.comparison, finished.outcome
    if failed := comparison.failed():
        return " ".join(dict.fromkeys(check.remedy for check in failed))
    if comparison.same_configuration:
        trials, asked = len(outcome.trials), outcome.settings.get("trials")
        is_short = isinstance(asked, int) and trials < asked
        least = plural(trials, "trial")
        how = f"with more time: {trials} of {asked} trials ended" if is_short else f"for more than {least}"
        return f"Keep the reference. To look further, search under a new --name {how}."
    if comparison.verdict == "better":
        return (
            f"If the gain is worth its cost, take the configuration of trial {outcome.best_trial} (best.json), or its "
            f"model of the first seed ({comparison.best.runs[0].model_file})."
        )
    if comparison.verdict == "worse":
        return "Keep the reference: what was best on the validation images is not on the test images."
    if comparison.practically_equivalent:
        return "Keep whichever is cheaper: a difference that matters is ruled out."
    more = 2 * len(comparison.seeds)
    return f"Keep the reference, or resume with --retrain-seeds {more} to see a smaller difference."


def _price(comparison: Comparison) -> str:
    if comparison.same_configuration:
        return "What the reference costs."
    reference, best = comparison.reference, comparison.best
    parts = [
        f"{ratio(best.parameters, reference.parameters)} the parameters",
        f"{ratio(best.train_seconds, reference.train_seconds)} the training time",
        f"{ratio(best.predict_seconds, reference.predict_seconds)} the prediction time",
    ]
    return f"The price: {parts[0]}, {parts[1]} and {parts[2]} of the reference."


def difference_interval(comparison: Comparison) -> Markup:
    """The primary difference as a point and a bar on a line with a mark at zero."""
    figure, (axes,) = svg.new_figure(1.05, width_inches=4.9)
    estimate = comparison.difference.estimate
    svg.draw_estimate(axes, estimate, 0.0, svg.sign_colour(estimate), width=5.0)
    axes.axvline(0.0, color=svg.INK, linewidth=1.2)
    reach = 1.25 * max(abs(estimate.low), abs(estimate.high), 0.002) * 100
    axes.set(
        xlim=(min(-0.2 * reach, estimate.low * 125), max(0.2 * reach, estimate.high * 125)), ylim=(-1, 1), yticks=[]
    )
    axes.set_xlabel("tuned minus reference, pt of test accuracy (0 = no difference)")
    text = f"{points(estimate.value)} pt, 95% interval {points_interval(estimate)} pt."
    return svg.to_svg(figure, name="delta", title="Difference in test accuracy", description=text)
