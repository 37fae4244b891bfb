"""The search to explore: every trial is in its picture once, and the pictures hold for many trials and odd ones."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from reports.numbers.finished import finished
from reports.numbers.so_far import so_far
from reports.numbers.trials import TrialNumbers, trial_numbers
from reports.records import Measurement, TrialRecord, Work
from reports.sections.search.picture import curves, history, rungs
from reports.sections.search.section import search
from reports.sections.search.settings import by_setting
from reports.sections.search.so_far import search_so_far
from tests.reports.conftest import Plan, finish, stopped
from tests.reports.parsed_page import Page

TRIALS = finish(Plan(trials=40)).outcome.trials


def numbers(trials: tuple[TrialRecord, ...]) -> TrialNumbers:
    return trial_numbers(trials, (), REFERENCE, best=0)


def drawn(path: str) -> int:
    return path.count("M")


def test_the_history_has_a_dot_a_complete_trial_and_a_mark_for_every_other() -> None:
    search = numbers(TRIALS)
    plot = history(search, "chosen")
    complete = [layer for layer in plot.layers if layer.label == "complete"]
    assert sum(drawn(layer.path) for layer in complete) == search.counts.complete
    strips = {strip.label: sum(drawn(layer.path) for layer in strip.layers) for strip in plot.strips}
    assert strips == {
        f"{search.counts.pruned} stopped early": search.counts.pruned,
        f"{search.counts.failed} failed": search.counts.failed,
    }


def test_the_history_is_on_the_scale_of_complete_trials() -> None:
    complete = [100 * trial.value for trial in TRIALS if trial.value is not None]
    low = replace(TRIALS[1], measurements=(Measurement(1, 0.1),))
    texts = [float(tick.text) for tick in history(numbers((*TRIALS, low)), "chosen").y_ticks]
    assert min(complete) - 2 < min(texts) < max(texts) < max(complete) + 1


def test_there_is_a_curve_for_every_trial_of_two_epochs_or_more() -> None:
    plot = curves(TRIALS, best=3, ringed="chosen")
    assert plot is not None
    counted = {layer.label: drawn(layer.path) for layer in plot.layers}
    of = {
        status: sum(len(t.measurements) > 1 for t in TRIALS if t.status == status) for status in ("COMPLETE", "PRUNED")
    }
    assert counted["complete"] == of["COMPLETE"]
    assert counted["stopped early"] == of["PRUNED"]
    assert counted["reference"] == counted["chosen"] == 1
    assert curves(TRIALS[1:2], best=None, ringed="chosen") is None


def test_bars_are_as_high_as_their_trials() -> None:
    search = numbers(TRIALS)
    plot = rungs(search)
    assert plot is not None
    assert f"epoch 1: {search.rungs[0].reached} reached, {search.rungs[0].ended_here} ended" in plot.description
    assert "V0H" in plot.layers[0].path  # the first epoch, which most trials reached, fills the height


def test_parallel_coordinates_hold_every_trial_and_only_settings_that_vary() -> None:
    found = by_setting(TRIALS, best=3)
    assert found is not None
    assert [axis.name for axis in found.coordinates.axes][:2] == ["validation accuracy, %", "conv blocks"]
    assert "precision" not in {axis.name for axis in found.coordinates.axes}
    rows = [row.split(",") for row in found.coordinates.data.split(";")]
    assert [int(row[0]) for row in rows] == [trial.number for trial in TRIALS]
    for row, trial in zip(rows, TRIALS, strict=True):
        assert row[1] == ("" if trial.value is None else str(round(10_000 * trial.value)))
        assert len(row) == 2 + len(found.coordinates.axes)
    counted = {layer.label: drawn(layer.path) for layer in found.coordinates.layers}
    complete = sum(trial.value is not None for trial in TRIALS)
    assert counted["complete"] + counted[f"the best {complete // 10}"] == complete
    assert counted["not complete"] == len(TRIALS) - complete
    assert (counted["chosen"], "best" in counted) == (1, False), "fresh seeds chose it, not its value here"


def test_an_axis_that_spans_decades_is_logarithmic_and_a_0_stands_apart() -> None:
    rates = (1e-4, 1e-3, 1e-2, 2e-2, 5e-2, 1e-1)
    configs = [replace(REFERENCE, optimizer="adamw", learning_rate=rate, weight_decay=rate) for rate in rates]
    trials = [replace(TRIALS[0], number=i, config=config) for i, config in enumerate((REFERENCE, *configs))]
    found = by_setting(trials, best=None)
    assert found is not None
    axes = {axis.name: axis for axis in found.coordinates.axes}
    assert axes["learning rate, log"].places[1:4] == pytest.approx([0, 1 / 3, 2 / 3])
    decay = axes["weight decay, log"]
    assert decay.places[:2] == pytest.approx([0, 0.12])
    assert (decay.ticks[0].text, decay.ticks[-1].text) == ("0", "0.1")


def test_too_few_trials_or_none_complete_have_no_pictures_by_setting() -> None:
    assert by_setting(TRIALS[:2], best=0) is None
    assert by_setting([replace(trial, value=None) for trial in TRIALS], best=None) is None
    assert by_setting([replace(trial, config=REFERENCE) for trial in TRIALS], best=None) is None


def test_pictures_of_5000_trials_stay_small_and_quick() -> None:
    many = tuple(replace(TRIALS[index % 40], number=index) for index in range(5000))
    began = time.process_time()
    plot, found = history(numbers(many), "chosen"), by_setting(many, best=3)
    assert time.process_time() - began < 20
    assert found is not None
    assert sum(len(layer.path) for layer in (*plot.layers, *found.coordinates.layers)) < 300_000


@pytest.mark.parametrize(("moved", "change"), [(-0.01, "\u22121.00 pt"), (0.01, "+1.00 pt")])
def test_what_became_of_the_winners_accuracy_is_said_as_it_was_also_where_it_rose(moved: float, change: str) -> None:
    made = finish(Plan())
    scores = tuple(replace(s, fresh_values=(s.search_value + moved,) * 3) for s in made.outcome.finalists)
    numbers_of = finished(replace(made.outcome, finalists=scores), made.predictions)
    section = search(numbers_of)
    winner = next(score for score in scores if score.trial == made.outcome.best_trial)
    values = (winner.search_value, winner.mean(), float(numbers_of.right["best"].mean()))
    value, fresh, tested = (f"{100 * each:.2f}%" for each in values)
    assert f"The winner’s {value} in the search became {fresh} on fresh seeds and {tested} on the test" in section.html
    rows = Page(section.html).tables["finalists"][1:]
    assert {row[-1] for row in rows} == {change}
    assert not any(word in section.html for word in ("take that part away", "fell", "dropped"))


def test_a_finalist_whose_training_failed_has_its_0_explained() -> None:
    made = finish(Plan())
    first, *others = made.outcome.finalists
    scores = (first, *(replace(score, fresh_values=(0.0, 0.9, 0.9)) for score in others))
    pages = [search(finished(replace(made.outcome, finalists=each), made.predictions)).html
             for each in (scores, made.outcome.finalists)]  # fmt: skip
    assert ["A training that failed counts as 0%." in page for page in pages] == [True, False]


def test_epochs_that_stopping_early_saved_are_a_share_of_all() -> None:
    made = finish(Plan())
    numbers_of = made.numbers().trials
    ended = [len(trial.measurements) for trial in made.outcome.trials]
    whole = sum(4 if trial.status != "FAIL" else len(trial.measurements) for trial in made.outcome.trials)
    assert (numbers_of.epochs, numbers_of.epochs_unpruned, numbers_of.full_epochs) == (sum(ended), whole, 4)
    said = f"Stopping early saved {whole - sum(ended)} of {whole} epochs ({(whole - sum(ended)) / whole:.0%})"
    assert said in search(made.numbers()).html


def test_trials_that_the_sampler_did_not_draw_are_told_apart() -> None:
    trials = (replace(TRIALS[2], origin="portfolio"), replace(TRIALS[3], origin="added"), *TRIALS[6:])
    plot = history(numbers(trials), "chosen")
    assert {layer.label: drawn(layer.path) for layer in plot.layers if layer.label in ("portfolio", "added")} == {
        "portfolio": 1,
        "added": 1,
    }
    state = replace(stopped(Plan(), 5), trials=trials)
    html = search_so_far(so_far(state)).html
    assert "1 trial from the portfolio of known good configurations, 1 trial added by the user." in html
    assert '<th scope="row">2 portfolio</th>' in html
    one_kind = search_so_far(so_far(replace(state, trials=trials[1:]))).html
    assert "Not drawn by the sampler: 1 trial added by the user.</p>" in one_kind


def test_trials_of_earlier_runs_are_told_apart_and_counted_nowhere() -> None:
    own = TRIALS[:5]
    earlier = [
        replace(
            TRIALS[3], number=number, value=0.99, origin="warm-started", work=Work(note=f"trial {number} of before")
        )
        for number in (40, 41)
    ]
    alone = so_far(replace(stopped(Plan(), 5), trials=own))
    learned = so_far(replace(stopped(Plan(), 5), trials=own, warm_started=tuple(earlier)))
    assert replace(learned.trials, earlier=()) == alone.trials
    assert learned.best == alone.best
    labels = {layer.label: drawn(layer.path) for layer in history(learned.trials, "chosen").layers if layer.label}
    assert labels["warm-started, of earlier runs"] == 2
    html = search_so_far(learned).html
    assert (
        "Learned from as well: 2 complete trials of earlier runs (--warm-start), which no number here counts." in html
    )
    assert '<th scope="row">41 warm-started</th>' in html
    assert "trial 41 of before" in html
    assert "All 7 trials, 2 of them of earlier runs" in html
