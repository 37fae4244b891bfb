"""Lines of a YAML file's values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.check.document import DocumentError, Place, load

TEXT = """\
one: 1
list:
  - a
  - b: &anchor deep
    c: [x, y]
folded: >-
  first
  second
again: *anchor
one: 2
"""


def loaded(folder: Path, text: str = TEXT) -> tuple[Place, ...]:
    (folder / "file.yaml").write_text(text, encoding="utf-8")
    return load(folder / "file.yaml")


def test_every_value_has_its_line(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path)
    places = (("list",), ("list", 0), ("list", 1, "b"), ("list", 1, "c", 1), ("folded",))
    assert [document.at(*place).line() for place in places] == [2, 3, 4, 5, 6]


def test_a_value_that_an_alias_repeats_has_the_line_where_it_stands(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path)
    assert document.value("again") == "deep"
    assert document.at("again").line() == 4


def test_what_is_not_there_has_the_line_of_what_would_hold_it(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path)
    assert document.value("list", 1, "nothing", "here") is None
    assert document.at("list", 1, "nothing", "here").line() == 4
    assert document.at("nothing").line() == 1


def test_a_key_given_twice_is_known_with_both_lines(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path)
    assert document.document.repeated == ((("one",), 1, 10),)


@pytest.mark.parametrize("key", ["on", "1", "2.5", "~", "2026-01-01"])
def test_a_key_that_yaml_does_not_take_for_text_is_refused_with_its_line(key: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=rf"must be text\. Received: {re.escape(key)} in line 2\. Put it in quotes"):
        loaded(tmp_path, f"labels:\n  {key}: x\n")


def test_a_mapping_may_be_merged_into_another(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path, "one: &one {a: 1}\ntwo:\n  <<: *one\n")
    assert document.value("two", "a") == 1


def test_scalars_come_in_the_files_order(tmp_path: Path) -> None:
    (document,) = loaded(tmp_path)
    assert [value for _, value in document.scalars()] == [2, "a", "deep", "x", "y", "first second", "deep"]


def test_several_documents_have_the_lines_of_their_file(tmp_path: Path) -> None:
    first, second = loaded(tmp_path, "a: 1\n---\n---\nb: 2\n")
    assert (first.at("a").line(), second.at("b").line()) == (1, 4)
