"""What the documents name is there: links and headings, files, tests, commands and their flags."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from search import status, submit
from search.command.flags import command_line

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
HISTORY = ROOT / "docs" / "log.md"  # it names what there was at the time
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
FILE = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:py|md|yaml|csv|json|jsonl|html|sh|lock|toml))`")
COMMAND = re.compile(r"python -m search\.(run|submit|status)\b([^`#\n]*)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def text(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def anchors(document: Path) -> set[str]:
    """Those that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.+)$", text(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(name: str) -> Iterator[list[str]]:
    """The arguments that the documents give a command; what follows two spaces is prose."""
    for document in DOCUMENTS:
        for command, rest in COMMAND.findall(text(document)):
            if command == name:
                yield [word for word in shlex.split(rest.split("  ")[0]) if word not in ("…", "&", "--help")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(document: Path) -> None:
    links = [(path, anchor) for path, anchor in LINK.findall(text(document)) if "://" not in path]
    for path, anchor in links:
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if each != HISTORY], ids=lambda path: path.name)
def test_every_file_that_is_named_with_its_folder_is_there(document: Path) -> None:
    named = {name for name in FILE.findall(text(document)) if not name.startswith("runs/")}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_structure_names_files_of_the_project_alone() -> None:
    packages = ("search", "cluster", "fashion_model", "reports")
    there = {path.name for package in packages for path in (ROOT / package).rglob("*.py")}
    named = set(re.findall(r"\b(\w+\.py)\b", text(ROOT / "docs" / "structure.md")))
    assert len(named) > 80
    assert sorted(named - there - {"test_internals.py"}) == []


def test_the_documents_name_only_tests_that_there_are() -> None:
    defined = {
        node.name
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(text(path)))
        if isinstance(node, ast.FunctionDef)
    }
    named = {name for document in DOCUMENTS for name in re.findall(r"`(test_\w+)`", text(document))}
    assert len(named) > 20
    assert sorted(named - defined) == []


def test_every_documented_search_has_arguments_that_the_command_takes() -> None:
    asked = list(commands("run"))
    assert len(asked) > 30
    for words in asked:
        assert command_line().parse_known_args(words)[1] == [], words


@pytest.mark.parametrize("name", ["submit", "status"])
def test_every_documented_flag_of_the_other_commands_is_in_their_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        (submit if name == "submit" else status).main(["--help"])
    known = capsys.readouterr().out + (command_line().format_help() if name == "submit" else "")
    asked = list(commands(name))
    assert len(asked) > 3
    assert {word for words in asked for word in words if FLAG.fullmatch(word)} <= set(FLAG.findall(known))
