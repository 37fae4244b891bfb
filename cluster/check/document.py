"""A YAML file with the line of every value in it, so that a finding can name the line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

Steps = tuple[str | int, ...]  # the keys and positions that lead to a value; () is the whole document
_KEYS: Final = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")  # the second is <<


class DocumentError(ValueError):
    """The file cannot be read, is no YAML with keys and values, or is not ready to be used."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document; `lines` has the line of each place, `repeated` the keys given again, with both lines."""

    path: Path
    data: Any
    lines: dict[Steps, int]
    repeated: tuple[tuple[Steps, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document, where there may be a value or none."""

    document: Document
    steps: Steps = ()

    def at(self, *steps: str | int) -> Place:
        """A place below this one."""
        return Place(self.document, (*self.steps, *steps))

    def value(self, *below: str | int) -> Any:
        """The value here, or at a place below; None where there is none."""
        value = self.document.data
        for step in (*self.steps, *below):
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def children(self, *below: str | int) -> list[Place]:
        """The places in the list or mapping here, or at a place below; none where there is neither."""
        value = self.value(*below)
        steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        return [self.at(*below, step) for step in steps]

    def scalars(self) -> Iterator[tuple[Place, Any]]:
        """Every value below that is no mapping and no list, with its place, in the file's order."""
        value = self.value()
        if value is not None and not isinstance(value, dict | list):
            yield self, value
        for child in self.children():
            yield from child.scalars()

    def line(self) -> int:
        """The line of the value here, else of the nearest that would hold it."""
        steps = self.steps
        while steps and steps not in self.document.lines:
            steps = steps[:-1]
        return self.document.lines.get(steps, 1)

    def __str__(self) -> str:
        """As one reads it: worker_setup_commands[0], available_node_types.head.cpu.resources."""
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps).removeprefix(".")


def load(path: Path) -> tuple[Place, ...]:
    """The YAML documents of a file, those that are empty left out.

    Raises:
        DocumentError: when there is no such file, or it is no YAML with keys and values.
    """
    try:
        text = path.read_text(encoding="utf-8")
        both = zip(yaml.safe_load_all(text), yaml.compose_all(text, Loader=yaml.SafeLoader), strict=True)
        documents = [(data, node) for data, node in both if data is not None]
    except OSError as error:
        raise DocumentError(f"A cluster's file must be readable. Received: {error}. Check the path.") from error
    except UnicodeDecodeError as error:
        what = f"{path}, whose byte {error.start} is none"
        raise DocumentError(f"A cluster's file must be UTF-8. Received: {what}. Save it as UTF-8.") from error
    except (yaml.YAMLError, ValueError) as error:  # a date that is none is a ValueError
        what = f"{path}, {' '.join(str(error).split())}"
        raise DocumentError(f"A cluster's file must be YAML. Received: {what}. Check its indentation.") from error
    if not documents or not all(isinstance(data, dict) for data, _ in documents):
        raise DocumentError(f"A cluster's file must have keys and values. Received: {path} without. Check the path.")
    try:
        return tuple(_document(path, data, node) for data, node in documents)
    except RecursionError as error:
        what = f"{path}, where an alias (*name) stands for a value that holds it"
        raise DocumentError(f"No value of a cluster's file may hold itself. Received: {what}. Write it out.") from error


def _document(path: Path, data: Any, node: yaml.Node) -> Place:
    lines: dict[Steps, int] = {}
    repeated: list[tuple[Steps, int, int]] = []
    _collect(node, (), lines, repeated)
    return Place(Document(path, data, lines, tuple(repeated)))


def _collect(node: yaml.Node, place: Steps, lines: dict[Steps, int], repeated: list[tuple[Steps, int, int]]) -> None:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag not in _KEYS:
                received = f"{key.value} in line {key.start_mark.line + 1}"
                raise DocumentError(f"A key of a cluster's file must be text. Received: {received}. Put it in quotes.")
            inner = (*place, key.value)
            if inner in lines:
                repeated.append((inner, lines[inner], key.start_mark.line + 1))
            # a value that an alias repeats is changed where it stands
            lines[inner] = (value if isinstance(value, yaml.ScalarNode) else key).start_mark.line + 1
            _collect(value, inner, lines, repeated)
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _collect(item, (*place, position), lines, repeated)
