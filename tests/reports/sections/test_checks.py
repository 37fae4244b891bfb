"""Each self-check fails, or is a note, when its rule is broken; one that fails leaves no verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fashion_model.config import REFERENCE
from reports.card import model_card
from reports.numbers.checks import Level
from reports.records import SearchOutcome, Work
from reports.sections.checks.section import checks, limits, self_checks, settings_at_a_border
from reports.sections.result.section import result
from tests.reports.conftest import TUNED, FinishedSearch, Plan, finish

# What any small synthetic search breaks: 4 epochs, 200 test images; few complete trials, of few kinds.
SMALL = {"C2", "C3", "D3", "D4", "D5"}


def found(search: FinishedSearch, level: Level) -> set[str]:
    checks = self_checks(search.numbers())
    return {check.code for check in checks if check.level == level}


def notes(search: FinishedSearch) -> set[str]:
    return found(search, "note") - SMALL


def changed(search: FinishedSearch, **fields: object) -> FinishedSearch:
    return replace(search, outcome=replace(search.outcome, **fields))  # type: ignore[arg-type]


def with_last_final(search: FinishedSearch, **train: object) -> FinishedSearch:
    *finals, last = search.outcome.finals
    return changed(search, finals=(*finals, replace(last, train=replace(last.train, **train))))  # type: ignore[arg-type]


def with_best(search: FinishedSearch, value: float) -> FinishedSearch:
    broken = search.predictions.best.copy()
    broken[0, 0] = value
    return replace(search, predictions=replace(search.predictions, best=broken))


def failed_most(search: FinishedSearch) -> FinishedSearch:
    trials = tuple(
        replace(trial, status="FAIL", value=None)
        if trial.number != search.outcome.best_trial and not trial.is_reference
        else trial
        for trial in search.outcome.trials
    )
    return changed(search, trials=trials)


def of_data(search: FinishedSearch, **fields: object) -> FinishedSearch:
    return changed(search, data=replace(search.outcome.data, **fields))  # type: ignore[arg-type]


def wrong_accuracy(search: FinishedSearch) -> FinishedSearch:
    return changed(search, finals=(replace(search.outcome.finals[0], test_accuracy=0.99), *search.outcome.finals[1:]))


BROKEN: dict[str, tuple[str, Callable[[FinishedSearch], FinishedSearch]]] = {
    "accuracies that do not follow from the predictions": ("A1", wrong_accuracy),
    "predictions that are not finite": ("A2", lambda search: with_best(search, np.nan)),
    "predictions whose sum is not 1": ("A2", lambda search: with_best(search, 0.5)),
    "other test labels": ("A3", lambda search: of_data(search, test_sha256="0" * 64)),
    "other seeds": ("B1", lambda search: with_last_final(search, seed=77)),
    "unequal epochs": (
        "B2", lambda search: with_last_final(search, epochs=search.outcome.finals[-1].train.epochs[:2]),
    ),
    "two networks under one name": ("B4", lambda search: with_last_final(search, parameters=7)),
    "test images left out": ("C4", lambda search: of_data(search, test_count=201)),
    "test images that are trained on": ("C5", lambda search: of_data(search, repeated_test=3)),
    "validation images that are trained on": ("C5", lambda search: of_data(search, repeated_validation=101)),
    "a search most of whose trials failed": ("D3", failed_most),
}  # fmt: skip


def test_test_images_that_were_opened_once_are_said_to_have_been() -> None:
    html = limits(finish(Plan()).numbers()).html
    assert "<b>One test set,</b> opened once, after the winner was chosen. The verdict holds" in html


def test_a_fair_search_passes() -> None:
    assert notes(finish(Plan())) <= {"E2"}
    assert found(finish(Plan()), "fail") == set()


@pytest.mark.parametrize("what", BROKEN)
def test_what_makes_the_comparison_void_leaves_no_verdict_and_says_what_and_what_to_do(what: str) -> None:
    code, broken = BROKEN[what]
    numbers = broken(finish(Plan())).numbers()
    assert numbers.comparison.verdict == "no verdict"
    (check,) = (check for check in numbers.comparison.failed() if check.code == code)
    section = result(numbers)
    assert section.heading.startswith("No verdict: ")
    assert check.remedy in str(section.numbers["next"])
    assert numbers.comparison.sentence.startswith("No verdict: ")
    assert "95% interval" not in section.html


def test_one_seed_leaves_no_verdict_and_two_are_noted() -> None:
    one, two = finish(Plan(seeds=1)), finish(Plan(seeds=2))
    assert found(one, "fail") == {"B3"}
    assert "Resume with --retrain-seeds 5" in one.numbers().comparison.sentence
    assert ("B3" in notes(two), found(two, "fail")) == (True, set())


def test_one_seed_twice_is_one_seed() -> None:
    search = finish(Plan(seeds=2))
    finals = tuple(replace(run, train=replace(run.train, seed=1)) for run in search.outcome.finals)
    assert found(changed(search, finals=finals), "fail") == {"B3"}


def test_one_seed_is_enough_where_the_reference_wins() -> None:
    assert found(finish(Plan(seeds=1, best_config=REFERENCE)), "fail") == set()


def test_older_records_do_not_say_what_they_did_not_record() -> None:
    search = of_data(finish(Plan()), repeated_test=None, repeated_validation=None)
    finals = tuple(replace(run, work=Work()) for run in search.outcome.finals)
    older = changed(search, finals=finals)
    assert {"C5", "C6"} <= notes(older)
    said = "200 test images. When they were opened: not recorded by the version that ran the search. SHA-256"
    assert said in model_card(older.numbers())


@pytest.mark.parametrize("more", [1, 10])
def test_a_run_that_was_taken_further_keeps_its_verdict_and_says_that_its_test_images_were_opened_before(
    more: int,
) -> None:
    search = finish(Plan(trials=14))
    later = tuple(
        replace(trial, ended="2026-01-05T10:32:30+00:00") if trial.number >= 14 - more else trial
        for trial in search.outcome.trials
    )
    extended = changed(search, trials=later)
    numbers = extended.numbers()
    assert ("C6" in notes(extended), numbers.comparison.verdict) == (True, search.numbers().comparison.verdict)
    opened = f"a first retraining was scored before {more} of 14 trials had ended"
    assert opened in checks(numbers).html
    assert "<b>One test set.</b> The verdict holds" in limits(numbers).html
    assert opened in model_card(numbers)


def test_fewer_training_images_are_noted() -> None:
    assert "C1" in notes(of_data(finish(Plan()), train_count=1600, validation_count=400))


def test_a_class_that_a_run_never_predicts_is_noted() -> None:
    search = finish(Plan())
    never = search.predictions.best.copy()
    never[2, never[2].argmax(axis=1) == 6] = np.eye(10, dtype=np.float32)[4]
    right = float((never[2].argmax(axis=1) == search.predictions.labels).mean())
    finals = tuple(
        replace(run, test_accuracy=right) if (run.model, run.train.seed) == ("best", 2) else run
        for run in search.outcome.finals
    )
    broken = replace(search, predictions=replace(search.predictions, best=never))
    assert "C7" in notes(changed(broken, finals=finals))
    checks = self_checks(broken.numbers())
    assert next(check for check in checks if check.code == "C7").found == "Shirt never, in 1 run"


def test_a_run_of_a_reference_that_wins_is_counted_once() -> None:
    search = finish(Plan(seeds=2, best_config=REFERENCE))
    never = search.predictions.reference.copy()
    never[never.argmax(axis=2) == 6] = np.eye(10, dtype=np.float32)[4]
    numbers = replace(search, predictions=replace(search.predictions, reference=never, best=never)).numbers()
    assert next(check for check in self_checks(numbers) if check.code == "C7").found == "Shirt never, in 2 runs"


def test_a_study_without_its_reference_is_noted() -> None:
    search = finish(Plan())
    trials = tuple(replace(trial, is_reference=False) for trial in search.outcome.trials)
    assert "D1" in notes(changed(search, trials=trials))


def test_fewer_trials_than_asked_for_are_noted() -> None:
    search = finish(Plan())
    assert "D2" in notes(changed(search, settings={**search.outcome.settings, "trials": 99}))


def with_rates(outcome: SearchOutcome, rates: list[float], best: float) -> SearchOutcome:
    configs = [replace(TUNED, learning_rate=rate) for rate in rates]
    trials = tuple(replace(outcome.trials[0], number=n, config=config) for n, config in enumerate(configs))
    return replace(outcome, trials=trials, best_config=replace(TUNED, learning_rate=best))


def test_a_winner_at_an_end_of_what_was_tried_is_noted() -> None:
    outcome, rates = finish(Plan()).outcome, [0.001, 0.002, 0.003, 0.004, 0.005]
    assert settings_at_a_border(with_rates(outcome, rates, 0.005)) == ("learning_rate 0.005 is the largest",)
    assert settings_at_a_border(with_rates(outcome, rates, 0.001)) == ("learning_rate 0.001 is the least",)
    assert settings_at_a_border(with_rates(outcome, rates, 0.003)) == ()
    assert settings_at_a_border(with_rates(outcome, rates[:3], 0.003)) == (), "three values are no range"


def test_an_accuracy_too_good_to_be_true_is_noted() -> None:
    assert "E1" in notes(finish(Plan(best_error=0.005)))


def test_a_gap_between_validation_and_test_is_noted() -> None:
    assert "E2" in notes(finish(Plan(best_error=0.3)))


def test_one_seed_and_one_epoch_are_counted_as_one_speaks_and_sizes_are_readable() -> None:
    numbers = finish(Plan(seeds=1, epochs=1)).numbers()
    found = {check.code: check.found for check in self_checks(numbers)}
    assert [found[code] for code in ("B1", "B2", "B3", "B4", "C2")] == [
        "1 seed, the same",
        "1 epoch",
        "1 seed each",
        "225,034 and 422,186 parameters",
        "1 epoch",
    ]
    card = model_card(numbers)
    assert "the mean of 1 training, with" in card
    assert "of 422,186 parameters, 1 epoch\n" in card
