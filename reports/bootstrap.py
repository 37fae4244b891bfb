"""Intervals of per-class scores: a two-level bootstrap over seeds and test images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fashion_model.config import CLASS_NAMES
from reports.statistics import Estimate

REPLICATES: Final = 2000
_CHUNK: Final = 200
_CLASSES: Final = len(CLASS_NAMES)
_SEED: Final = 20170825

Labels = npt.NDArray[np.uint8]
Classes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """One class's scores, best minus reference, each the mean over the seeds (fractions)."""

    name: str
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreChanges:
    """Changes class by class, in label order, and of the unweighted mean F1."""

    classes: tuple[ClassChange, ...]
    macro_f1: Estimate


def score_changes(labels: Labels, reference: Classes, best: Classes) -> ScoreChanges:
    """Per-class precision, recall and F1 of the best minus the reference's, with 95% percentile intervals.

    Each replicate draws the n images and each model's k seeds with replacement (Efron & Tibshirani 1993, ch. 13;
    two levels, because both images and seeds are samples). `reference` and `best` are (k, n) predicted labels.
    """
    runs = len(reference)
    table = _indicators(labels, np.concatenate([reference, best]))
    point = _changes(np.ones((1, len(labels)), dtype=np.float32) @ table, np.full((1, 2, runs), 1.0 / runs))[0]
    generator = np.random.default_rng(_SEED)
    draws = [_replicates(table, runs, generator) for _ in range(REPLICATES // _CHUNK)]
    low, high = np.percentile(np.concatenate(draws), (2.5, 97.5), axis=0)
    return _as_records(point, low, high)


def _replicates(table: npt.NDArray[np.float32], runs: int, generator: np.random.Generator) -> Floats:
    images = len(table)
    # One bincount for the whole chunk: replicate r counts its draws in the r-th stretch of `images` bins.
    draws = generator.integers(images, size=(_CHUNK, images)) + images * np.arange(_CHUNK)[:, None]
    drawn = np.bincount(draws.ravel(), minlength=_CHUNK * images).reshape(_CHUNK, images)
    seeds = generator.multinomial(runs, np.full(runs, 1.0 / runs), size=(_CHUNK, 2)) / runs
    return _changes(drawn.astype(np.float32) @ table, seeds)


def _indicators(labels: Labels, predicted: Classes) -> npt.NDArray[np.float32]:
    """(n, 10 + 2k·20): true class; then for each run predicted class, and predicted class where it is right."""
    one_hot = np.eye(_CLASSES, dtype=np.float32)
    columns = [one_hot[labels]]
    for run in predicted:
        columns += [one_hot[run], one_hot[run] * (run == labels)[:, None]]
    return np.concatenate(columns, axis=1)


def _changes(counts: npt.NDArray[np.float32], seed_weights: Floats) -> Floats:
    """(B, 31): precision, recall, F1 of ten classes and macro F1; best minus reference. `seed_weights` is (B, 2, k)."""
    replicates, runs = len(counts), seed_weights.shape[2]
    true = counts[:, None, None, :_CLASSES].astype(np.float64)
    by_run = counts[:, _CLASSES:].reshape(replicates, 2, runs, 2, _CLASSES).astype(np.float64)
    predicted, hits = by_run[:, :, :, 0], by_run[:, :, :, 1]
    scores = (_ratio(hits, predicted), _ratio(hits, true), _ratio(2 * hits, predicted + true))
    means = [np.einsum("bmkc,bmk->bmc", score, seed_weights) for score in scores]
    stacked = np.concatenate([*means, means[2].mean(axis=2, keepdims=True)], axis=2)
    difference: Floats = stacked[:, 1] - stacked[:, 0]
    return difference


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """As scikit-learn's zero_division=0: a class that nobody predicts or that is absent scores 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=np.broadcast_to(denominator, shape) > 0)


def _as_records(point: Floats, low: Floats, high: Floats) -> ScoreChanges:
    every = [Estimate(float(a), float(b), float(c)) for a, b, c in zip(point, low, high, strict=True)]
    changes = tuple(
        ClassChange(name=name, precision=every[c], recall=every[c + _CLASSES], f1=every[c + 2 * _CLASSES])
        for c, name in enumerate(CLASS_NAMES)
    )
    return ScoreChanges(classes=changes, macro_f1=every[-1])
