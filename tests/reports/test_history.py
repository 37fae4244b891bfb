"""The search in numbers: best so far, counts, epochs, the winner's curse; and what is kept out of a shareable page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from reports.history import search_numbers
from reports.parameters import parameter_rows
from reports.privacy import WorkerNames, without_credentials, without_folders
from tests.reports.conftest import TUNED, Finish, Plan


def test_the_best_so_far_never_falls_and_ends_at_the_best_complete_value(make: Finish) -> None:
    outcome = make(Plan()).outcome
    numbers = search_numbers(outcome, 0.92)
    steps = [point.best_so_far for point in numbers.trials if point.best_so_far is not None]
    assert steps == sorted(steps)
    assert steps[-1] == max(trial.value for trial in outcome.trials if trial.value is not None)


def test_a_pruned_trial_shows_its_last_value_but_is_never_the_best(make: Finish) -> None:
    outcome = make(Plan()).outcome
    pruned = next(trial for trial in outcome.trials if trial.status == "PRUNED")
    raised = replace(pruned, intermediate=((1, 0.999),))
    trials = tuple(raised if trial is pruned else trial for trial in outcome.trials)
    numbers = search_numbers(replace(outcome, trials=trials), 0.92)
    assert next(point for point in numbers.trials if point.number == pruned.number).value == 0.999
    assert all(point.best_so_far is None or point.best_so_far < 0.999 for point in numbers.trials)
    assert pruned.number not in {point.number for point in numbers.top}


def test_statuses_and_epochs_add_up(make: Finish) -> None:
    outcome = make(Plan()).outcome
    numbers = search_numbers(outcome, 0.92)
    assert numbers.counts.complete + numbers.counts.pruned + numbers.counts.failed == len(outcome.trials)
    assert numbers.epochs == sum(len(trial.intermediate) for trial in outcome.trials)
    assert sum(rung.ended_here * rung.epoch for rung in numbers.rungs) == numbers.epochs
    assert sum(failure.trials for failure in numbers.failures) == numbers.counts.failed


def test_the_winners_curse_sets_search_fresh_and_test_side_by_side(make: Finish) -> None:
    outcome = make(Plan()).outcome
    winner = search_numbers(outcome, 0.92).winner
    score = next(score for score in outcome.finalists if score.trial == outcome.best_trial)
    assert (winner.search_value, winner.fresh_mean, winner.test_mean) == (score.search_value, score.mean(), 0.92)


def test_parameters_that_differ_are_marked() -> None:
    rows = {row.name: row for row in parameter_rows(REFERENCE, TUNED)}
    assert rows["batch_norm"].differs
    assert (rows["batch_norm"].reference, rows["batch_norm"].best) == ("no", "yes")
    assert not rows["dense_units"].differs
    assert len(rows) == 25


def test_workers_are_numbered_and_their_hosts_never_named() -> None:
    names = WorkerNames(("gpu-box-7:4711", "gpu-box-8:4712"))
    assert names.label("gpu-box-8:4712") == "worker 2"
    assert names.label("") == "—"
    cleaned = names.clean("worker gpu-box-7:4711 died on gpu-box-8, see /home/ann/runs/a/log.txt")
    assert cleaned == "worker worker 1 died on host, see …/log.txt"
    assert names.clean("the machine 10.0.31.7 is lost (Ray 2.60.0.1x)") == "the machine host is lost (Ray 2.60.0.1x)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:secret@db.example/x", "postgresql://…@db.example/x"),
        ("sqlite:///study.db", "sqlite:///study.db"),
    ],
)
def test_credentials_are_masked(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("/home/ann/data", "…/data"), ("~/data/x.gz", "…/x.gz"), ("cosine / adam", "cosine / adam"), ("a/b", "a/b")],
)
def test_folders_are_reduced_to_the_last_part(text: str, shown: str) -> None:
    assert without_folders(text) == shown
