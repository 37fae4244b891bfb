"""Both pages for images of one's own: seven classes of 20 × 20 in colour, without a word of Fashion-MNIST."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.metrics import classification_report, confusion_matrix

from fashion_model.task import Task
from reports.interim import write_interim
from reports.records import save_record
from reports.sections.checks.section import checks
from reports.sections.examples.section import examples
from reports.sections.reproduce.section import data
from tests.reports.conftest import FinishedSearch, Plan, finish, stopped
from tests.reports.parsed_page import Page
from tests.reports.test_schema import faults

NAMES = ("circle", "$q_{$", "三角形", "accuracy", "<star>", "line", "cross")
SHAPES = Task(name="Shapes", class_names=NAMES, image_shape=(20, 20, 3))
# What holds for the documented task alone
DOCUMENTED = (
    "Fashion-MNIST",
    "92%",
    "document",
    "60,000",
    "1,000 images",
    "28, 28",
    "30 scores",
    "near-twin",
    "about one point less",
)


@pytest.fixture(scope="module")
def search() -> FinishedSearch:
    return finish(Plan(task=SHAPES, images=210, grid=14))


@pytest.mark.parametrize("name", ["reference", "best"])
def test_the_tables_are_scikit_learns_for_seven_classes(search: FinishedSearch, text: str, name: str) -> None:
    page, labels = Page(text), search.predictions.labels
    runs = getattr(search.predictions, name).argmax(axis=2)
    header, *rows = page.tables[f"confusion-{name}"]
    assert header[1:] == [row[0] for row in rows] == list(NAMES)
    mean = np.mean([confusion_matrix(labels, run) for run in runs], axis=0)
    assert np.array([[float(cell) for cell in row[1:]] for row in rows]) == pytest.approx(mean, abs=0.51)
    expected = [classification_report(labels, run, output_dict=True) for run in runs]
    offset = 1 if name == "reference" else 4
    for label, row in enumerate(page.tables["classification"][2:9]):
        wanted = [np.mean([e[str(label)][score] for e in expected]) for score in ("precision", "recall", "f1-score")]
        assert row[0] == NAMES[label]
        assert [float(cell) for cell in row[offset : offset + 3]] == pytest.approx(wanted, abs=6e-5)


def test_a_class_that_is_called_as_an_average_is_in_the_reports_beside_it(
    numbers: dict[str, Any], folder: Path
) -> None:
    assert faults(folder) == []
    for run in numbers["models"]["best"]["runs"]:
        *classes, accuracy, _, _ = run["classification_report"].items()
        assert [name for name, _ in classes] == [f"{label}: {name}" for label, name in enumerate(NAMES)]
        assert accuracy == ("accuracy", pytest.approx(run["test_accuracy"]))


def test_nothing_is_said_that_holds_for_the_documented_task_alone(text: str, numbers: dict[str, Any]) -> None:
    said = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL)
    assert [word for word in DOCUMENTED if word in said] == []
    assert '<p class="eyebrow"><bdi>Shapes</bdi> · hyperparameter search' in text
    codes = [check["code"] for check in numbers["checks"]]
    assert not {"C1", "C2", "E1"} & set(codes)
    third = next(check for check in numbers["checks"] if check["code"] == "C3")
    assert (third["level"], third["rule"]) == ("pass", "The test set has images of each class.")


def test_numbers_of_classes_pairs_and_images_are_the_tasks(text: str) -> None:
    assert "adjusted by Holm for all 49 cells" in text
    assert "adjusted by Holm for all 21 scores" in text
    assert "What the models see: the first 14 training images" in text
    assert "# images: (n, 20, 20, 3)" in text
    assert len(Page(text).tables["class-changes"]) == 1 + 7


def test_a_class_without_test_images_is_noted(search: FinishedSearch) -> None:
    labels = np.where(search.predictions.labels == 3, 2, search.predictions.labels).astype(np.uint8)
    without = replace(search, predictions=replace(search.predictions, labels=labels))
    assert "C3 note." in checks(without.numbers()).html


def test_thumbnails_are_the_images_as_they_are(search: FinishedSearch, text: str) -> None:
    shown = re.findall(r'<img src="data:image/png;base64,([^"]+)" width="84" height="84"', text)
    images = [np.round(imread(io.BytesIO(base64.b64decode(uri))) * 255).astype(np.uint8) for uri in shown]
    assert np.array_equal(images, search.predictions.grid_images)


@pytest.mark.parametrize("shape", [(12, 24), (12, 24, 1)])
def test_grey_images_of_another_task_are_drawn_as_they_are(shape: tuple[int, ...]) -> None:
    made = finish(Plan(task=replace(SHAPES, image_shape=(12, 24, 1))))
    tests, grid = (
        images.reshape(len(images), *shape) for images in (made.predictions.images, made.predictions.grid_images)
    )
    numbers = replace(made, predictions=replace(made.predictions, images=tests, grid_images=grid)).numbers()
    assert examples(numbers) is not None
    uri = re.findall(r'<img src="data:image/png;base64,([^"]+)" width="84" height="42"', data(numbers).html)[0]
    image = np.round(imread(io.BytesIO(base64.b64decode(uri))) * 255).astype(np.uint8)
    assert np.array_equal(image, made.predictions.grid_images[0])


def test_the_interim_page_names_the_task(tmp_path: Path) -> None:
    save_record(stopped(Plan(task=SHAPES), 5), tmp_path / "state.json")
    write_interim(tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<p class="eyebrow"><bdi>Shapes</bdi> · hyperparameter search' in text
    assert "Fashion-MNIST" not in text
