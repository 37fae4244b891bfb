"""The state of a training as bytes, from which a training in another process goes on.

A state begins with the SHA-256 of the rest, which is an uncompressed .npz: `meta` is JSON as bytes, every other member
an array. Reading a state checks that it is whole and of the same training. It uses no pickle, so that it runs no code,
and no Keras, which the code that stores states need not load.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fashion_model.training.result import EpochResult

_SCHEMA: Final = 2
_META: Final = "meta"
_DIGEST_BYTES: Final = hashlib.sha256().digest_size
_REMEDY: Final = "Discard it; go on from an earlier state, or train from the start."

Arrays = dict[str, npt.NDArray[Any]]
Layout = dict[str, tuple[tuple[int, ...], str]]


class CheckpointError(ValueError):
    """A state that this training cannot go on from. The message: the rule, the value received, the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """What a state holds.

    `identity` names the training, as JSON-ready values by name; `results` are the epochs done, from 1; `seconds` and
    `cpu_seconds` are what they took; `arrays` are the values that training changes, by name.
    """

    identity: Mapping[str, object]
    results: tuple[EpochResult, ...]
    seconds: float
    cpu_seconds: float
    arrays: Arrays

    def to_bytes(self) -> bytes:
        """The state, in which every number is exact."""
        meta = {
            "schema": _SCHEMA,
            "identity": dict(self.identity),
            "results": [asdict(result) for result in self.results],
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
        }
        file = io.BytesIO()
        members: Arrays = {_META: np.frombuffer(json.dumps(meta).encode(), np.uint8), **self.arrays}
        np.savez(file, allow_pickle=False, **members)
        return hashlib.sha256(file.getbuffer()).digest() + file.getvalue()

    @classmethod
    def from_bytes(cls, state: bytes) -> Snapshot:
        """What `to_bytes` wrote.

        Raises:
            CheckpointError: when a byte is missing or changed, or another version wrote it.
        """
        digest, content = state[:_DIGEST_BYTES], state[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise CheckpointError(
                f"A state must begin with the SHA-256 of the rest of it. Received: {len(state):,} bytes, damaged or "
                f"cut off. {_REMEDY}"
            )
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            meta = json.loads(arrays.pop(_META).tobytes())
            if (schema := meta.pop("schema")) != _SCHEMA:
                raise ValueError(f"schema {schema!r}, not {_SCHEMA}")
            results = tuple(EpochResult(**result) for result in meta.pop("results"))
            return cls(**meta, results=results, arrays=arrays)
        except Exception as error:  # whatever another version wrote
            raise CheckpointError(
                f"A state must be an .npz file with a member {_META!r}, as Training.state() writes it. "
                f"Received: {type(error).__name__}: {error}. {_REMEDY}"
            ) from error

    def require_identity(self, own: Mapping[str, object]) -> None:
        """Check that this is a state of the training with the identity `own`.

        Raises:
            CheckpointError: when it is of another one. The message names the values that differ.
        """
        different = [
            f"{name}={self.identity.get(name)!r} (here {own.get(name)!r})"
            for name in sorted({*self.identity, *own})
            if self.identity.get(name) != own.get(name)
        ]
        if different:
            raise CheckpointError(
                f"A state must be of the same training. Received: one with {', '.join(different)}. {_REMEDY}"
            )

    def require_layout(self, own: Layout) -> None:
        """Check that the arrays are those that the training has: name -> (shape, name of the dtype).

        Raises:
            CheckpointError: when one is missing, not expected, or of another shape or dtype. The message names the
                first of them.
        """
        received = {name: (array.shape, str(array.dtype)) for name, array in self.arrays.items()}
        for name in sorted({*received, *own}):
            if received.get(name) != own.get(name):
                raise CheckpointError(
                    f"A state must hold {name} as {_described(own.get(name))}. "
                    f"Received: {_described(received.get(name))}. {_REMEDY}"
                )


def _described(entry: tuple[tuple[int, ...], str] | None) -> str:
    return f"{entry[1]} {entry[0]}" if entry else "absent"
