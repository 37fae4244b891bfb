"""Which change mattered: the gains, what they rest on, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from fashion_model.config import REFERENCE
from reports.numbers.finished import finished
from reports.records import AblationStep, FinalistScore, SearchOutcome
from reports.sections.ablation.section import ablation, ablation_of, gains
from tests.reports.conftest import TUNED, Plan, finish
from tests.reports.parsed_page import Page

NORMALIZED = replace(REFERENCE, batch_norm=True)
DECAYING = replace(NORMALIZED, schedule="cosine", warmup_fraction=0.05)


def path(*values: tuple[float, ...]) -> tuple[AblationStep, ...]:
    configs = (REFERENCE, NORMALIZED, DECAYING, TUNED)
    return tuple(
        AblationStep(config=config, values=each, trainings=min(2, len(each)), cpu_seconds=10.0)
        for config, each in zip(configs, values, strict=True)
    )


PATH = path((0.900, 0.902), (0.915, 0.913), (0.915, 0.917), (0.920, 0.922, 0.921))
WINNER = FinalistScore(
    trial=2, search_value=0.93, seeds=(1, 2, 3), fresh_values=PATH[-1].values, seconds=1.0, cpu_seconds=1.0
)


def with_path(search: SearchOutcome, steps: tuple[AblationStep, ...]) -> SearchOutcome:
    return replace(search, ablation=steps, finalists=(WINNER,))


def test_each_gain_is_over_the_step_before_with_the_pooled_spread_of_the_seeds() -> None:
    found = ablation_of(PATH, (WINNER,))
    gains = [step.gain.value for step in found.steps if step.gain]
    assert gains == pytest.approx([0.013, 0.002, 0.005])
    assert found.total.value == pytest.approx(sum(gains)) == pytest.approx(0.02)
    # three pairs 2 thousandths apart, and the winner's three values: 1 + 1 + 1 + 2 degrees of freedom
    spread = (((3 * 2 + 2) * 1e-6) / 5) ** 0.5
    assert found.freedom == 5
    first, last = found.steps[1].gain, found.steps[3].gain
    assert first is not None
    assert last is not None
    together = stats.t.ppf(1 - 0.025 / 3, 5)  # Bonferroni, for three changes
    assert first.high - first.value == pytest.approx(together * spread)
    assert last.high - last.value == pytest.approx(together * spread * (1 / 2 + 1 / 3) ** 0.5)
    total = found.total.high - found.total.value
    assert total == pytest.approx(stats.t.ppf(0.975, 5) * spread * (1 / 2 + 1 / 3) ** 0.5)
    assert [step.name for step in found.steps[:3]] == ["reference", "batch norm", "schedule, warmup fraction"]
    assert found.trainings == 2 * 4


def test_the_seeds_of_a_finalist_on_the_path_count_once_in_the_spread() -> None:
    search = finish(Plan())
    reference = replace(WINNER, trial=0, seeds=(1, 2), fresh_values=PATH[0].values)
    outcome = replace(search.outcome, ablation=PATH, finalists=(WINNER, reference))
    assert ablation(finished(outcome, search.predictions)).numbers["ablation"] == ablation_of(PATH, (WINNER,))


def test_trainings_that_failed_say_nothing_of_the_spread_and_a_step_without_a_value_has_no_gain() -> None:
    failed = replace(WINNER, trial=5, fresh_values=(0.0, 0.91))
    assert ablation_of(PATH, (WINNER, failed)) == ablation_of(PATH, (WINNER,))
    found = ablation_of(path((0.9,), (), (0.91,), (0.92,)), (replace(WINNER, fresh_values=(0.92,)),))
    assert [step.gain for step in found.steps[:3]] == [None] * 3
    assert found.freedom == 0
    assert found.total.value == pytest.approx(0.02)


def test_the_section_names_the_change_that_mattered_and_shows_every_step() -> None:
    search = finish(Plan())
    section = ablation(finished(with_path(search.outcome, PATH), search.predictions))
    assert section.heading == "Batch norm helped most: +1.30 pt on the validation images, all changes +2.00 pt"
    rows = Page(section.html).tables["ablation-table"]
    assert [row[1:3] for row in rows[1:3]] == [["", ""], ["+1.30 pt", "+0.85 to +1.75 pt"]]
    assert rows[2][-2:] == ["2", "batch norm no → yes"]
    assert "Gain of each change" in section.html


def test_a_gain_that_may_be_chance_is_not_named() -> None:
    search = finish(Plan())
    noisy = path((0.90, 0.92), (0.93, 0.91), (0.91, 0.93), (0.92, 0.93, 0.91))
    section = ablation(finished(with_path(search.outcome, noisy), search.predictions))
    assert section.heading == "No change is reliably better than none"


def test_what_was_not_measured_is_said() -> None:
    search, same = finish(Plan()), finish(Plan(best_config=REFERENCE))
    section = ablation(search.numbers())
    assert section.heading == "Which change mattered was not measured"
    assert "--ablate 3" in section.html
    section = ablation(same.numbers())
    assert section.heading == "The winner is the reference"


def test_where_no_step_between_was_trained_no_change_is_named() -> None:
    search = finish(Plan())
    failed = path((0.900, 0.901), (), (), (0.920, 0.922, 0.921))
    section = ablation(finished(with_path(search.outcome, failed), search.predictions))
    assert section.heading == "Which change mattered was not measured"
    assert "+2.05 pt" in section.html


def test_of_one_training_each_nothing_is_called_sure_and_no_interval_is_named() -> None:
    search = finish(Plan())
    single = path((0.90,), (0.93,), (0.92,), (0.94,))
    numbers = ablation_of(single, (replace(WINNER, seeds=(1,), fresh_values=(0.94,)),))
    outcome = replace(search.outcome, ablation=single, finalists=(replace(WINNER, seeds=(1,), fresh_values=(0.94,)),))
    section = ablation(finished(outcome, search.predictions))
    assert (numbers.freedom, section.heading) == (
        0,
        "Which change mattered cannot be told from chance: one training each",
    )
    assert "One training each: how much is chance is not known. The tuned model’s accuracies" in section.html
    assert not any(word in section.html for word in ("Student", "with its 95% interval", "surely"))
    drawn = gains(numbers)
    assert ("var(--accent)" in drawn, "var(--worse)" in drawn, "var(--reference)" in drawn) == (False, False, True)
