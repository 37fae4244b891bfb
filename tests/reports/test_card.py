"""The winner's model card, and the summary for a pull request: the records' numbers, in Markdown that holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fashion_model.config import REFERENCE
from reports.card import model_card, summary
from reports.numbers.wording import percent
from tests.reports.conftest import FinishedSearch, Plan, finish

# Mitchell et al. 2019, figure 1
SECTIONS = (
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data", "Quantitative analyses",
    "Ethical considerations", "Caveats and recommendations",
)  # fmt: skip


@pytest.fixture(scope="module")
def search() -> FinishedSearch:
    return finish(Plan(study="a|b <i>`c`"))


@pytest.fixture(scope="module")
def card(search: FinishedSearch) -> str:
    return model_card(search.numbers())


def test_the_card_has_the_sections_of_the_paper_in_their_order(card: str) -> None:
    assert tuple(line[3:] for line in card.splitlines() if line.startswith("## ")) == SECTIONS


def test_the_recall_of_each_class_is_the_mean_of_all_seeds(search: FinishedSearch, card: str) -> None:
    labels, right = search.predictions.labels, search.predictions.best.argmax(axis=2) == search.predictions.labels
    for label, name in enumerate(search.outcome.data.task.class_names):
        recall = float(np.mean([run[labels == label].mean() for run in right]))
        assert f"| {name} | {percent(recall)} |" in card


def test_the_card_names_the_file_of_the_first_seed_whatever_its_accuracy_and_its_hash(
    search: FinishedSearch, card: str
) -> None:
    run = search.outcome.runs("best")[0]
    assert f"`{run.model_file}`" in card
    assert f"`{run.model_sha256}`" in card


def test_foreign_text_is_markdown_that_means_itself(search: FinishedSearch, card: str, tmp_path: Path) -> None:
    for text in (card, summary(search.write(tmp_path))):
        assert r"a\|b \<i\>\`c\`" in text


def test_the_summary_has_the_verdict_and_both_accuracies(search: FinishedSearch, tmp_path: Path) -> None:
    text, comparison = summary(search.write(tmp_path)), search.numbers().comparison
    assert text.startswith(f"### {comparison.verdict.capitalize()}: ")
    reference, best = comparison.reference.test_accuracy.value, comparison.best.test_accuracy.value
    assert f"| test accuracy | {percent(reference)} | {percent(best)} |" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") - line.count("\\|") for line in tables}) == 1


def test_the_commands_of_a_run_that_was_taken_further_are_shown_one_by_one(
    search: FinishedSearch, tmp_path: Path
) -> None:
    command = "run --storage postgresql://ann:pw@db/x\nrun --resume runs/a --trials 20"
    longer = replace(search, outcome=replace(search.outcome, command=command))
    assert summary(longer.write(tmp_path)).endswith(
        "\n\n    run --storage postgresql://…@db/x\n    run --resume runs/a --trials 20\n"
    )
    made = ", by `run --storage postgresql://…@db/x`, then `run --resume runs/a --trials 20`\n"
    assert made in model_card(longer.numbers())


def test_a_reference_that_wins_differs_in_nothing(tmp_path: Path) -> None:
    search = finish(Plan(trials=1, best_config=REFERENCE))
    assert "- Differs from the reference in: nothing\n" in model_card(search.numbers())
    assert "Changed: nothing.\nSearch: 1 trial (1 complete, " in summary(search.write(tmp_path))


def test_a_calibration_error_that_is_no_number_is_a_dash(search: FinishedSearch) -> None:
    best = np.full_like(search.predictions.best, np.nan)
    diverged = replace(search, predictions=replace(search.predictions, best=best))
    assert "the expected calibration error of the saved run is —." in model_card(diverged.numbers())
