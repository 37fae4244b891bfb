"""What all trials of a study share, stored with it, so that no search goes on under other terms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from fashion_model.config import REFERENCE
from fashion_model.source import FILES
from search.settings import Settings
from search.space import ranges

_OBJECTIVE: Final = "maximize the validation accuracy after the last epoch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The objective, the length of a full trial, the seed that everything derives from, the data and its split
    (SHA-256), the documented configuration, and the ranges of the space by parameter."""

    epochs: int
    seed: int
    split_sha256: str
    files_sha256: str
    reference: Mapping[str, Any]
    space: Mapping[str, str]
    objective: str = _OBJECTIVE

    @classmethod
    def of(cls, settings: Settings, split_sha256: str) -> Terms:
        """The terms of a search with these settings on that split."""
        files = hashlib.sha256(json.dumps(dict(FILES), sort_keys=True).encode()).hexdigest()
        return cls(
            epochs=settings.epochs,
            seed=settings.seed,
            split_sha256=split_sha256,
            files_sha256=files,
            reference=REFERENCE.to_dict(),
            space=ranges(),
        )

    def stored(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    def differences(self, stored: Mapping[str, Any]) -> tuple[str, ...]:
        """A line for each term that the stored ones set otherwise."""
        ours, theirs = _flat(self.stored()), _flat(stored)
        return tuple(
            f"{name}: {_shown(theirs, name)} in the study, {_shown(ours, name)} now"
            for name in sorted(ours.keys() | theirs.keys())
            if ours.get(name) != theirs.get(name)
        )


def _flat(terms: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in terms.items():
        flat |= {f"{name}.{key}": item for key, item in value.items()} if isinstance(value, Mapping) else {name: value}
    return flat


def _shown(terms: Mapping[str, Any], name: str) -> str:
    value = str(terms.get(name, "not there"))
    return value[:8] if name.endswith("sha256") else value
