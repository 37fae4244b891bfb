"""No code path before search/stages/retrain.py can read a test image: not by a name, a file, or what it gets."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from fashion_model.data import Split, TrainingSplits

ROOT = Path(__file__).resolve().parents[2]
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


def places(found: Callable[[str], bool]) -> set[Place]:
    """The files and their top-level statements in which such a name or string stands."""
    return {
        (path.relative_to(ROOT).as_posix(), statement_name(node))
        for path in SOURCES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if any(found(name) for name in names_in(node))
    }


def naming(*wanted: str) -> set[Place]:
    return places(lambda name: name in wanted)


def test_the_scan_sees_names_attributes_aliases_and_strings() -> None:
    code = "from a.b import c as d\ne.f(g='h', i=b'j')\ndef k(): return getattr(l, f'm{n}o')"
    assert set(names_in(ast.parse(code))) >= set("abcdefhjklmno")
    assert len(SOURCES) > 20


def test_only_retrain_calls_for_the_test_set() -> None:
    assert naming("load_test") == {
        ("fashion_model/data.py", "load_test"),
        ("search/stages/retrain.py", "import"),
        ("search/stages/retrain.py", "retrain"),
    }


def test_the_names_of_the_test_files_stand_only_in_the_list_of_files_and_in_load_test() -> None:
    assert places(lambda name: TEST_FILES in name) == {
        ("fashion_model/source.py", "FILES"),
        ("fashion_model/data.py", "load_test"),
    }


def test_bytes_of_the_files_become_arrays_in_three_places_only() -> None:
    assert naming("_read_split") == {
        ("fashion_model/data.py", name) for name in ("load_training", "load_first_images", "load_test", "_read_split")
    }


def test_no_code_uses_keras_own_loader() -> None:
    assert places(lambda name: "keras.datasets" in name or "fashion_mnist" in name) == set()


def test_only_the_pipeline_and_retrain_hold_a_source_to_read_from() -> None:
    holders = naming("Source", "find_source", "local_source") - naming("load_test")
    assert {file for file, _ in holders if not file.startswith("fashion_model/")} <= {
        "search/pipeline.py",
        "search/stages/retrain.py",
    }


def test_only_the_pipeline_starts_the_retraining() -> None:
    of_the_module = naming("search.stages.retrain") | {place for place in naming("retrain") if place[1] == "import"}
    assert {file for file, _ in of_the_module} == {"search/pipeline.py"}


def test_what_trials_receive_has_no_place_for_test_images() -> None:
    assert {field.name for field in fields(TrainingSplits)} == {"train", "validation", "sha256"}
    assert get_type_hints(TrainingSplits) == {"train": Split, "validation": Split, "sha256": str}


@pytest.mark.parametrize("code", ["trials", "places", "stages/finalists.py", "stages/trainings.py"])
def test_the_code_of_trials_names_nothing_that_reads_data(code: str) -> None:
    whole = ROOT / "search" / code
    files = [whole] if whole.suffix else sorted(whole.glob("*.py"))
    names = {name for file in files for name in names_in(ast.parse(file.read_text(encoding="utf-8")))}
    assert len(names) > 20
    readers = {"Source", "find_source", "local_source", "load_training", "load_test", "load_first_images", "data_dir"}
    assert readers.isdisjoint(names)
