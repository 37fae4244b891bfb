"""No code path before search/stages/retrain.py can read a test image: not by a name, a file, or what it gets."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from fashion_model.data.own_file import OwnFile
from fashion_model.data.splits import Split, TrainingSplits, load_training

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted(path for package in ("fashion_model", "search", "cluster") for path in (ROOT / package).rglob("*.py"))
TEST_FILES = "t10k"  # how the names of the two files begin

Place = tuple[str, str]


def names_in(tree: ast.AST) -> Iterator[str]:
    """Every identifier and every string of a piece of code, docstrings included."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield from (name, *name.split("."), other or "")
            case ast.ImportFrom(module=str(name)):
                yield from (name, *name.split("."))
            case ast.Constant(value=str(text)):
                yield text
            case ast.Constant(value=bytes(raw)):
                yield raw.decode(errors="replace")


def statement_name(node: ast.stmt) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return "import" if isinstance(node, ast.Import | ast.ImportFrom) else type(node).__name__


@cache
def statements() -> list[tuple[Place, set[str]]]:
    """The top-level statements of all files, each with the names and strings in it."""
    return [
        ((path.relative_to(ROOT).as_posix(), statement_name(node)), set(names_in(node)))
        for path in SOURCES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
    ]


def places(found: Callable[[str], bool]) -> set[Place]:
    """The files and their top-level statements in which such a name or string stands."""
    return {place for place, names in statements() if any(map(found, names))}


def names_within(file: str, of_class: str, wanted: str) -> set[str]:
    """The methods of a class in which such a name or string stands."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == of_class)
    return {statement_name(node) for node in body if wanted in names_in(node)}


def naming(*wanted: str) -> set[Place]:
    return places(lambda name: name in wanted)


def test_the_scan_sees_names_attributes_aliases_and_strings() -> None:
    code = "from a.b import c as d\ne.f(g='h', i=b'j')\ndef k(): return getattr(l, f'm{n}o')"
    assert set(names_in(ast.parse(code))) >= set("abcdefhjklmno")
    assert len(SOURCES) > 20


def test_only_retrain_calls_for_the_test_set() -> None:
    assert naming("read_test") == {
        ("fashion_model/data/splits.py", "Source"),
        ("fashion_model/data/published.py", "PublishedFiles"),
        ("fashion_model/data/own_file.py", "OwnFile"),
        ("search/stages/retrain.py", "retrain"),
    }


def test_the_names_of_the_test_files_stand_only_in_the_list_of_files_and_where_they_are_read() -> None:
    assert places(lambda name: TEST_FILES in name) == {
        ("fashion_model/task.py", "FASHION_MNIST"),
        ("fashion_model/data/published.py", "PublishedFiles"),
    }
    assert names_within("fashion_model/data/published.py", "PublishedFiles", TEST_FILES) == {"read_test"}


def test_the_names_of_the_test_arrays_stand_only_where_all_are_checked_and_where_they_are_read() -> None:
    own_file = "fashion_model/data/own_file.py"
    assert naming("x_test") == {(own_file, "_IMAGES"), (own_file, "OwnFile")}
    assert naming("y_test") == {(own_file, "_LABELS"), (own_file, "OwnFile")}
    for name in ("x_test", "y_test"):
        assert names_within(own_file, "OwnFile", name) == {"read_test"}


def test_bytes_of_the_files_become_images_in_two_places_only() -> None:
    assert naming("_read_split") == {("fashion_model/data/published.py", "PublishedFiles")}
    assert names_within("fashion_model/data/published.py", "PublishedFiles", "_read_split") == {
        "read_training",
        "read_test",
        "_read_split",
    }
    assert names_within("fashion_model/data/own_file.py", "OwnFile", "_read") == {"read_training", "read_test", "_read"}
    of_arrays = {place for place in naming("load") if place[0].startswith("fashion_model/data/")}
    assert of_arrays == {("fashion_model/data/own_file.py", "OwnFile")}


def test_a_file_of_ones_own_is_opened_without_a_look_at_its_test_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks read every byte once for its checksum, but make arrays of labels alone; a trial's images come next."""
    path = tmp_path / "mine.npz"
    labels = np.repeat(np.arange(2), 20)
    images = np.zeros((40, 12, 12), np.uint8)
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    read: list[str] = []
    get = np.lib.npyio.NpzFile.__getitem__

    def noted(file: np.lib.npyio.NpzFile, name: str) -> Any:
        read.append(name)
        return get(file, name)

    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", noted)
    source = OwnFile.open(path)
    assert set(read) == {"y_train", "y_test"}
    read.clear()
    load_training(source, seed=0)
    assert read == ["x_train", "y_train"]
    read.clear()
    assert len(source.read_test()) == 40
    assert read == ["x_test", "y_test"]


def test_no_code_uses_keras_own_loader() -> None:
    assert places(lambda name: "keras.datasets" in name or "fashion_mnist" in name) == set()


def test_only_the_stages_data_and_retrain_and_the_rehearsal_hold_a_source_to_read_from() -> None:
    holders = naming("Source", "PublishedFiles", "OwnFile", "find_source", "local_source")
    assert {file for file, _ in holders if not file.startswith("fashion_model/")} <= {
        "search/stages/data.py",
        "search/session/rehearsal.py",
        "search/stages/retrain.py",
    }


def test_only_the_driver_starts_the_retraining() -> None:
    of_the_module = naming("search.stages.retrain") | {place for place in naming("retrain") if place[1] == "import"}
    assert {file for file, _ in of_the_module} == {"search/stages/driver.py"}


def test_what_trials_receive_has_no_place_for_test_images() -> None:
    assert {field.name for field in fields(TrainingSplits)} == {"train", "validation", "sha256"}
    assert get_type_hints(TrainingSplits) == {"train": Split, "validation": Split, "sha256": str}


@pytest.mark.parametrize(
    "code", ["worker", "places", "places/ray", "stages/finalists.py", "stages/search.py", "stages/trainer.py"]
)
def test_the_code_of_trials_names_nothing_that_reads_data(code: str) -> None:
    whole = ROOT / "search" / code
    files = [whole] if whole.suffix else sorted(whole.glob("*.py"))
    names = {name for file in files for name in names_in(ast.parse(file.read_text(encoding="utf-8")))}
    assert len(names) > 20
    readers = {"Source", "PublishedFiles", "OwnFile", "find_source", "local_source", "load_training", "data_dir"}
    readers |= {"read_training", "read_test", "own_file", "published", "npz"}
    assert readers.isdisjoint(names)
