"""A YAML file with the line of every value in it, so that a finding can name the line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Place = tuple[str | int, ...]  # the keys and positions that lead to a value; () is the whole document


class DocumentError(ValueError):
    """The file cannot be read, or is no YAML with keys and values."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document; `lines` has every place's line, `repeated` the keys given again: place, first line, second."""

    path: Path
    data: Any
    lines: dict[Place, int]
    repeated: tuple[tuple[Place, int, int], ...] = ()

    def at(self, *place: str | int) -> Any:
        """The value there, None where there is none."""
        value = self.data
        for step in place:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def items(self, *place: str | int) -> list[Any]:
        """The list there, empty where there is none."""
        value = self.at(*place)
        return value if isinstance(value, list) else []

    def line(self, *place: str | int) -> int:
        """The line of a place, else of the nearest that holds it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def scalars(self, *below: str | int) -> Iterator[tuple[Place, Any]]:
        """Every value that is no mapping and no list, with its place, in the file's order."""
        yield from _scalars(self.at(*below), below)


def _scalars(value: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _scalars(inner, (*place, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _scalars(inner, (*place, position))
    elif value is not None:
        yield place, value


def load(path: Path) -> tuple[Document, ...]:
    """The YAML documents of a file, those that are empty left out.

    Raises:
        DocumentError: when there is no such file, or it is no YAML with keys and values.
    """
    try:
        text = path.read_text(encoding="utf-8")
        both = zip(yaml.safe_load_all(text), yaml.compose_all(text, Loader=yaml.SafeLoader), strict=True)
        documents = [(data, node) for data, node in both if data is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"A cluster's file must be readable. Received: {error}. Check the path.") from error
    except yaml.YAMLError as error:
        raise DocumentError(
            f"A cluster's file must be YAML. Received: {_one_line(error)}. Check its indentation."
        ) from error
    if not documents or not all(isinstance(data, dict) for data, _ in documents):
        raise DocumentError(f"A cluster's file must have keys and values. Received: {path} without. Check the path.")
    return tuple(_document(path, data, node) for data, node in documents)


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())


def _document(path: Path, data: Any, node: yaml.Node) -> Document:
    lines: dict[Place, int] = {}
    repeated: list[tuple[Place, int, int]] = []
    _collect(node, (), lines, repeated)
    return Document(path, data, lines, tuple(repeated))


def _collect(node: yaml.Node, place: Place, lines: dict[Place, int], repeated: list[tuple[Place, int, int]]) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, key.value)
            if inner in lines:
                repeated.append((inner, lines[inner], key.start_mark.line + 1))
            # a value that an alias repeats is changed where it stands
            lines[inner] = (value if isinstance(value, yaml.ScalarNode) else key).start_mark.line + 1
            _collect(value, inner, lines, repeated)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _collect(item, (*place, position), lines, repeated)
