"""Changes class by class, recomputed with scikit-learn and a bootstrap over images and seeds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from fashion_model.task import FASHION_MNIST
from reports.numbers.changes import Changes, changes, class_scores
from reports.numbers.statistics import accuracy_difference
from tests.reports.conftest import Plan, finish

NAMES = FASHION_MNIST.class_names
Said = npt.NDArray[np.int64]


def runs(labels: npt.NDArray[np.uint8], seeds: int, hard: float, spread: float, rng: np.random.Generator) -> Said:
    """Predictions of a model that is wrong in `hard` of the images; each run has a bias of its own by class."""
    chance = np.clip(hard + spread * rng.standard_normal((seeds, 10))[:, labels], 0, 1)
    wrong = rng.random((seeds, len(labels))) < chance
    return np.where(wrong, (labels + rng.integers(1, 3, wrong.shape)) % 10, labels).astype(np.int64)


@pytest.fixture(scope="module")
def made() -> tuple[npt.NDArray[np.uint8], Said, Said, Changes]:
    rng = np.random.default_rng(8)
    labels = rng.integers(0, 10, 600).astype(np.uint8)
    reference, best = runs(labels, 4, 0.25, 0.05, rng), runs(labels, 4, 0.15, 0.05, rng)
    return labels, reference, best, changes(labels, (reference, best), NAMES)


def test_the_changes_are_the_seed_means_of_scikit_learns_scores() -> None:
    predictions = finish(Plan()).predictions
    models = predictions.reference.argmax(2), predictions.best.argmax(2)
    found = changes(predictions.labels, models, NAMES)
    means = [
        np.mean([precision_recall_fscore_support(predictions.labels, run, zero_division=0)[:3] for run in of], axis=0)
        for of in models
    ]
    kinds = ("precision", "recall", "f1")
    values = np.array([[getattr(each, kind).estimate.value for each in found.classes] for kind in kinds])
    assert values == pytest.approx(means[1] - means[0], abs=1e-9)
    assert np.array([[getattr(e.best, k) for e in found.classes] for k in kinds]) == pytest.approx(means[1])
    matrices = [np.mean([confusion_matrix(predictions.labels, run) for run in of], axis=0) for of in models]
    cells = np.array([cell.change.estimate.value for cell in found.cells])
    assert cells == pytest.approx((matrices[1] - matrices[0]).ravel())


def test_standard_errors_are_those_of_a_bootstrap_over_images_and_seeds(
    made: tuple[npt.NDArray[np.uint8], Said, Said, Changes],
) -> None:
    """Images drawn with all seeds kept, and seeds drawn with all images kept: k − 1 of k, which leaves the variance of
    their mean unshrunk (Rao & Wu 1988, JASA 83:231)."""
    labels, reference, best, found = made
    rng, draws = np.random.default_rng(2), 1500

    def statistics(images: npt.NDArray[np.int64], before: Said, after: Said) -> npt.NDArray[np.float64]:
        y = labels[images]
        every = []
        for model in (before, after):
            matrices = np.array([np.bincount(10 * y.astype(int) + run[images], minlength=100) for run in model])
            square = matrices.reshape(-1, 10, 10)
            f1 = 2 * square.diagonal(axis1=1, axis2=2) / (square.sum(1) + square.sum(2))
            precision = square.diagonal(axis1=1, axis2=2) / square.sum(1)
            every.append(np.concatenate([f1.mean(0), precision.mean(0), matrices.mean(0)]))
        return np.asarray(every[1] - every[0])

    everything, k = np.arange(len(labels)), len(reference)
    by_image = [statistics(rng.integers(0, len(labels), len(labels)), reference, best) for _ in range(draws)]
    by_seed = [
        statistics(everything, reference[rng.integers(0, k, k - 1)], best[rng.integers(0, k, k - 1)])
        for _ in range(draws)
    ]
    image, seed = np.var(by_image, axis=0), np.var(by_seed, axis=0)
    wanted = np.sqrt(image + seed)
    shown = [each.f1.estimate for each in found.classes] + [each.precision.estimate for each in found.classes]
    half = np.array([e.high - e.value for e in shown])
    # seeds have 3 degrees of freedom a model, images hundreds: between the two quantiles
    assert np.all(half > 0.88 * stats.norm.ppf(0.975) * wanted[:20])
    assert np.all(half < 1.12 * stats.t.ppf(0.975, 3) * wanted[:20])
    cells = np.array([c.change.estimate.high - c.change.estimate.value for c in found.cells])
    often = wanted[20:] > 0.5
    assert often.sum() > 20
    assert np.all(cells[often] > 0.85 * stats.norm.ppf(0.975) * wanted[20:][often])
    assert np.all(cells[often] < 1.15 * stats.t.ppf(0.975, 3) * wanted[20:][often])


def test_the_influence_of_an_image_is_what_leaving_it_out_changes() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 10, 400).astype(np.uint8)
    said = runs(labels, 2, 0.3, 0.05, rng)
    every = class_scores(labels, said, 10)
    for image in range(0, 400, 9):
        without = class_scores(np.delete(labels, image), np.delete(said, image, axis=1), 10)
        change = 399 * (every.by_run.mean(axis=0) - without.by_run.mean(axis=0))
        assert every.influence[image] == pytest.approx(change, rel=0.08, abs=0.05)


def test_the_interval_of_a_cell_is_that_of_a_sum_over_images_with_its_spread_over_seeds(
    made: tuple[npt.NDArray[np.uint8], Said, Said, Changes],
) -> None:
    labels, reference, best, found = made
    for true, predicted in [(0, 0), (3, 4), (7, 9)]:
        hit = [(labels == true) & (said == predicted) for said in (reference, best)]
        per_image = hit[1].mean(axis=0) - hit[0].mean(axis=0)
        seeds = [of_model.sum(axis=1).var(ddof=1) / len(reference) for of_model in hit]
        image = len(labels) * per_image.var(ddof=1)
        freedom = sum(seeds) ** 2 / sum(value**2 / 3 for value in seeds)
        quantiles = image * stats.t.ppf(0.975, len(labels) - 1) + sum(seeds) * stats.t.ppf(0.975, freedom)
        estimate = found.cells[10 * true + predicted].change.estimate
        assert estimate.value == pytest.approx(per_image.sum())
        assert estimate.high - estimate.value == pytest.approx(quantiles / np.sqrt(image + sum(seeds)))


def test_the_interval_of_a_class_adds_images_and_seeds_by_satterthwaite(
    made: tuple[npt.NDArray[np.uint8], Said, Said, Changes],
) -> None:
    """Recall is a mean over the class's images, so that its interval is that of the accuracy on them alone."""
    labels, reference, best, found = made
    of_class = labels == 3
    right = (reference == labels)[:, of_class], (best == labels)[:, of_class]
    expected = accuracy_difference(*right)
    recall = found.classes[3].recall.estimate
    assert recall.value == pytest.approx(expected.estimate.value)
    assert recall.high - recall.low == pytest.approx(expected.estimate.high - expected.estimate.low, rel=0.02)


def test_a_class_that_is_absent_scores_nothing_and_changes_nothing() -> None:
    labels, said = np.zeros(30, dtype=np.uint8), np.zeros((3, 30), dtype=np.int64)
    found = changes(labels, (said, said), NAMES)
    assert found.classes[9].f1.estimate.value == 0.0
    assert found.classes[9].f1.holm_p == 1.0
    assert not found.classes[9].f1.survives()


def test_two_runs_each_have_no_p_value() -> None:
    predictions = finish(Plan(seeds=2)).predictions
    found = changes(predictions.labels, (predictions.reference.argmax(2), predictions.best.argmax(2)), NAMES)
    assert {cell.change.holm_p for cell in found.cells} == {None}
