"""The examples of docs/adapting.md, each applied to a copy of the project and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "adapting.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE))

# Trains the configuration in argv[1], saves it and reads it back; prints its parameters, those counted beforehand, and
# the reference's
TRAINED = """
import hashlib, json, sys
from pathlib import Path
import numpy as np
from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import Split
from fashion_model.model import build_model, load_model, model_file
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from fashion_model.training.training import Budget, Training

config = TrainConfig(**json.loads(sys.argv[1]))
images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), dtype=np.uint8)
split = Split(images, (np.arange(60) % 10).astype(np.uint8))
training = Training(config, split, Budget(epochs=1, seed=0))
list(training.run(split))
model = training.model
path = Path("model.keras")
path.write_bytes(model_file(model))
again = load_model(path, hashlib.sha256(path.read_bytes()).hexdigest())
assert np.array_equal(training.evaluate(split).probabilities, again.predict(images, batch_size=500, verbose=0))
reference = build_model(REFERENCE, FASHION_MNIST)
print(model.count_params(), network_of(config, FASHION_MNIST).parameters, reference.count_params())
"""
DRAWN = """
import optuna
from search.study.space import Space
from fashion_model.config import REFERENCE

study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
drawn = {Space().suggest(study.ask()).squeeze_ratio for _ in range(60)}
assert Space().parameters_of(REFERENCE)["squeeze_ratio"] == 0
print(sorted(drawn))
"""

# Writes the report of a made-up search into the current folder
REPORTED = """
import sys
from pathlib import Path

sys.path.append(sys.argv[1])
from reports.page import write_report
from reports.records import save_predictions, save_record
from tests.reports.conftest import Plan, finish

search = finish(Plan())
save_record(search.outcome, Path("outcome.json"))
save_predictions(search.predictions, Path("predictions.npz"))
write_report(Path())
never = [
    sum(
        all(scores[image].argmax() != label for model in (search.predictions.reference, search.predictions.best)
            for scores in model)
        for image, label in enumerate(search.predictions.labels) if label == one
    )
    for one in range(10)
]
print(never)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("fashion_model", "search", "reports", "cluster"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", SECTIONS[section], re.DOTALL | re.MULTILINE)


def apply(section: str, copy: Path) -> list[str]:
    """Make the changes that the section shows: lines with + come after the lines above them, or before those below.
    Returns the files that it changes."""
    (diff,) = blocks(section, "diff")
    files = re.split(r"^\+\+\+ ", diff, flags=re.MULTILINE)[1:]
    for changed in files:
        name, *hunks = re.split(r"^@@\n", changed, flags=re.MULTILINE)
        path = copy / name.strip()
        path.parent.mkdir(exist_ok=True)
        content = path.read_text(encoding="utf-8") if path.exists() else ""
        for hunk in hunks:
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line.startswith(" "))
            after = "".join(line[1:] or "\n" for line in lines)
            assert content.count(before) == 1, f"{name}: {before}"
            content = content.replace(before, after) if before else after
        path.write_text(content, encoding="utf-8")
    return [changed.splitlines()[0] for changed in files]


def ran(copy: Path, code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_a_hyperparameter_changes_three_files_and_is_trained_counted_and_searched(copy: Path) -> None:
    assert len(apply("Another hyperparameter", copy)) <= 3
    squeezed = 2 * 32 * 8 + 8 + 32 + 2 * 64 * 16 + 16 + 64  # a quarter of the 32, then 64 channels, and back
    parameters, counted, reference = map(int, ran(copy, TRAINED, '{"squeeze_ratio": 4}').split())
    assert (parameters, reference) == (225_034 + squeezed, 225_034)
    assert parameters == counted
    assert ran(copy, DRAWN) == "[0, 4, 8]"


@pytest.mark.slow
def test_another_network_is_built_and_counted(copy: Path) -> None:
    assert apply("Another network", copy) == ["fashion_model/network.py"]
    parameters, counted, _ = map(int, ran(copy, TRAINED, "{}").split())
    assert parameters == 225_034 + (9 * 1 * 8 + 8) + 9 * (8 - 1) * 32
    assert parameters == counted


def test_a_section_is_a_folder_and_a_change_of_page_py_and_is_on_the_page_and_in_the_numbers(copy: Path) -> None:
    changed = apply("Another section of the report", copy)
    assert [name for name in changed if not name.startswith("reports/sections/hardest/")] == ["reports/page.py"]
    never_right = json.loads(ran(copy, REPORTED, str(ROOT)))
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert f"{sum(never_right):,} test images that no model gets right</h2>" in page
    assert page.index('href="#examples"') < page.index('href="#hardest"') < page.index('href="#curves"')
    rows = json.loads((copy / "report.json").read_text(encoding="utf-8"))["hardest"]
    assert [row["images"] for row in rows] == never_right


def test_the_lines_that_write_a_file_of_images_write_one_that_is_taken(tmp_path: Path) -> None:
    (code,) = blocks("Images of your own", "python")
    made = (
        "import numpy as np\n"
        "from pathlib import Path\n"
        "x_train, y_train = np.zeros((24, 12, 16, 3), np.uint8), np.arange(24) % 2\n"
        "x_test, y_test, names = x_train[:2], y_train[:2], ['cat', 'dog']\n"
    )
    opened = "from fashion_model.data.own_file import OwnFile; print(OwnFile.open(Path('mine.npz')).task.class_names)"
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    assert ran(tmp_path, path + made + code + opened) == "('cat', 'dog')"
