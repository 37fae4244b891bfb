"""Trials of earlier runs in a new study: learned from, marked, kept, and never a result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from search.study.open_study import StudySpec, open_study
from search.study.storage.overview import opened, overview, read_study
from search.study.warm_start import EarlierTrial
from tests.search.conftest import WORK, Watcher, in_optuna, on_every_database

SGD = replace(REFERENCE, optimizer="sgd", learning_rate=0.1, momentum=0.9, weight_decay=1e-3)


def earlier(number: int, value: float = 0.99) -> EarlierTrial:
    """A trial of nine epochs; those of even numbers use SGD and are poor."""
    config = replace(REFERENCE, learning_rate=0.001 + 1e-5 * number) if number % 2 else replace(SGD, batch_size=64)
    last = value if number % 2 else 0.2
    values = (*(last * epoch / 9 for epoch in range(1, 9)), last)
    return EarlierTrial(source=f"trial {number} of r", config=config, values=values, ended="2026-01-01T00:00:00+00:00")


EARLIER = tuple(map(earlier, range(24)))


@on_every_database
def test_they_come_first_are_marked_and_are_no_results_also_after_a_resume(spec: StudySpec) -> None:
    study = open_study(replace(spec, earlier=EARLIER[:3]), Watcher())
    first = study.ask()
    assert (first.number, first.config) == (3, REFERENCE)
    study.report(3, 1, 0.4)
    study.finish(3, WORK, pruned=False)
    study.close()
    for again in (open_study(spec, Watcher(), exists=True), open_study(replace(spec, earlier=EARLIER[:3]), Watcher())):
        assert [(record.number, record.origin, record.value) for record in again.records()] == [(3, "reference", 0.4)]
        assert (again.counts.ended(), again.counts.best_value, again.left(4)) == (1, 0.4, 3)
        known = [(r.number, r.origin, r.value, r.work.note, r.work.seconds) for r in again.warm_started]
        assert known == [(n, "warm-started", e.values[-1], e.source, 0.0) for n, e in enumerate(EARLIER[:3])]
        again.close()
    with opened(spec.database) as storage:
        stored = read_study(storage, "s")
        assert [len(trial.params) > 10 for trial in stored.trials] == [True] * 4
        assert [record.number for record in stored.records()] == [3]
        assert overview(stored).trials.complete == 1


def test_the_sampler_learns_from_them(spec: StudySpec) -> None:
    def like_the_best(spec: StudySpec, name: str) -> int:
        study = open_study(replace(spec, name=name, sampler="tpe"), Watcher())
        drawn = [study.ask().config for _ in range(16)][1:]
        return sum((each.optimizer, each.batch_size) == ("adam", 32) for each in drawn)

    assert like_the_best(replace(spec, earlier=EARLIER), "warm") > 3 * like_the_best(spec, "cold")


def test_the_pruner_learns_from_them_also_after_a_resume(spec: StudySpec) -> None:
    def is_stopped(spec: StudySpec, *, exists: bool = False) -> bool:
        study = open_study(spec, Watcher(), exists=exists)
        asked = [study.ask() for _ in range(4 if exists else 2)]  # after a resume two retries come first
        stops = study.report(asked[-1].number, 1, 0.05)
        study.close()
        return stops

    assert not is_stopped(replace(spec, name="cold"))
    warm = replace(spec, name="warm", earlier=EARLIER)
    assert is_stopped(warm)
    assert is_stopped(replace(warm, earlier=()), exists=True)


def test_a_driver_that_died_among_them_leaves_the_rest_to_the_next(spec: StudySpec) -> None:
    open_study(replace(spec, earlier=EARLIER[:2]), Watcher()).close()
    study = open_study(replace(spec, earlier=EARLIER[:5]), Watcher())
    assert [record.work.note for record in study.warm_started] == [each.source for each in EARLIER[:5]]
    assert study.ask().number == 5


def test_one_outside_of_the_space_is_refused(spec: StudySpec) -> None:
    outside = replace(EARLIER[0], config=replace(REFERENCE, kernel_size=5))
    with pytest.raises(ValueError, match=r"must be a point of the space. Received: TrainConfig"):
        open_study(replace(spec, earlier=(outside,)), Watcher())
    assert in_optuna(spec).trials == []
