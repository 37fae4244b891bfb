"""A record as a JSON file: written whole or not at all, read back with its types or refused with the reason."""

from __future__ import annotations

import json
import math
import os
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

_Record = TypeVar("_Record")
_Converter = Callable[[dict[str, Any]], dict[str, Any]]
_JSON_TYPES: Final[Mapping[Any, Any]] = types.MappingProxyType({bool: bool, int: int, float: (int, float), str: str})


class RecordError(ValueError):
    """A run folder's file that cannot be read back: missing, damaged, or of another schema."""


def write_beside_then_move(path: Path, content: bytes) -> None:
    """Write `content` to a file next to `path` and rename it, so that a reader finds the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def save_record(record: Any, path: Path) -> None:
    """Write a dataclass as JSON, atomically."""
    text = json.dumps(asdict(record), indent=1, allow_nan=False)
    write_beside_then_move(path, text.encode())


def load_record(
    kind: type[_Record], path: Path, schema: int, wanted: str, advice: str, from_schema_before: _Converter | None = None
) -> _Record:
    """Read a dataclass that `save_record` wrote. `wanted` and `advice` are for the message: what it is, what to do.

    `from_schema_before` turns what `schema` - 1 held into what `schema` holds.

    Raises:
        RecordError: when the file is missing, is not JSON, or has another schema, other fields or other types.
    """
    try:
        raw = json.loads(_without_lone_surrogates(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path} must be {wanted}. Received: {error}. {advice}") from error
    is_before = isinstance(raw, dict) and raw.get("schema") == schema - 1
    if not isinstance(raw, dict) or (raw.get("schema") != schema and not (is_before and from_schema_before)):
        found = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
        raise RecordError(
            f"{path} must have schema {schema}. Received: {found}. Read it with the version that wrote it."
        )
    try:
        converted = from_schema_before(raw) if is_before and from_schema_before else raw
        return typing.cast(_Record, build(kind, converted))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"{path} must have the fields of schema {schema}. Received: {error!r}. The file is damaged."
        ) from error


def require(holds: bool, path: Path, rule: str, received: object) -> None:
    """Refuse a file whose content breaks a rule.

    Raises:
        RecordError: unless it `holds`.
    """
    if not holds:
        raise RecordError(
            f"{path}: {rule}. Received: {received}. The file is damaged; take it from a copy of the run folder."
        )


def _without_lone_surrogates(text: str) -> str:
    """The text with "?" for each half of a character, which a path that is not UTF-8 leaves in an error's text."""
    if "\\ud" not in text.lower():
        return text
    return json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace").decode()


def build(kind: Any, raw: Any) -> Any:
    """`raw`, as JSON gave it, as an instance of the type `kind`: records, tuples, optional and plain values.

    Raises:
        TypeError, KeyError: where it is of another type, or has other fields.
    """
    if is_dataclass(kind):
        return _build_record(kind, raw)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        present = next(option for option in arguments if option is not type(None))
        return None if raw is None else build(present, raw)
    if origin is typing.Literal and raw not in arguments:
        raise TypeError(f"{raw!r} where one of {arguments} belongs")
    if (origin is tuple or (isinstance(kind, type) and issubclass(kind, tuple))) and not isinstance(raw, list):
        raise TypeError(f"{raw!r} where a list belongs")
    if origin is tuple:
        kinds = [arguments[0]] * len(raw) if arguments[-1] is Ellipsis else arguments
        return tuple(build(item_kind, item) for item_kind, item in zip(kinds, raw, strict=True))
    if isinstance(kind, type) and issubclass(kind, tuple):  # a NamedTuple
        return kind(*(build(hint, item) for hint, item in zip(typing.get_type_hints(kind).values(), raw, strict=True)))
    allowed = dict if origin is Mapping else _JSON_TYPES.get(kind, object)
    if not isinstance(raw, allowed) or (isinstance(raw, float) and not math.isfinite(raw)):
        raise TypeError(f"{raw!r} where {kind} belongs")
    return raw


def _build_record(kind: Any, raw: Any) -> Any:
    if not isinstance(raw, dict):
        raise TypeError(f"{raw!r} where {kind.__name__} belongs")
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(raw) - set(hints))
    if unknown:
        raise KeyError(f"unknown fields {unknown}")
    return kind(**{name: build(hints[name], value) for name, value in raw.items()})
