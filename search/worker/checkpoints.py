"""Where the states of trainings under way are kept: a folder, or an object store that every machine reaches.

    <root>/<key>/epoch-0003.state     written under another name, then moved; begins with its own hash
    <root>/<key>/epoch-0002.state     the one before it, in case that one is damaged
    <root>/<key>/epoch-0004.damaged   one that was
    <root>/<key>/memory               the bytes that its process held when its machine ran low on memory
    <root>/.driver                    which driver works with it: every other machine must find the same

A checkpoint saves work and nothing else: one that cannot be written or read costs epochs, never the training. But a
store that is another one on each machine would save none: see `mark`.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pyarrow import fs

from search.worker.faults import StorageError, first_line

_NAME: Final = re.compile(r"epoch-(\d+)\.state")
_KEPT: Final = 2
_DETAIL_LENGTH: Final = 200
_MARK: Final = ".driver"
_MEMORY: Final = "memory"
_READS: Final = 4  # a network's file system may show a new file seconds later
_PAUSE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class CheckpointStore:
    """The checkpoints of a run: `folder` under `root`, an absolute path or a URI that Arrow knows (s3://, gs://, …)."""

    root: str
    folder: str = "checkpoints"

    def of(self, key: str) -> StoredCheckpoints:
        """The checkpoints of one training."""
        return StoredCheckpoints(self, key)

    def remove(self, key: str = "") -> None:
        """Delete the checkpoints of one training, or of all. What cannot be deleted stays, which does no harm."""
        with suppress(OSError, ValueError):  # of a URI that Arrow does not know, `require_writable` says so
            system, path = self.located()
            system.delete_dir(f"{path}/{key}" if key else path)

    def require_writable(self) -> None:
        """Write, read and delete a small file.

        Raises:
            StorageError: when one of these fails, or Arrow does not know the URI.
        """
        with self._writable() as (system, path):
            with system.open_output_stream(f"{path}/.probe") as file:
                file.write(b"probe")
            with system.open_input_file(f"{path}/.probe") as file:
                file.readall()
            system.delete_file(f"{path}/.probe")

    def mark(self) -> str:
        """Leave a mark, and return it: other machines find it only where they reach the same place.

        Raises:
            StorageError: when it cannot be written.
        """
        mark = secrets.token_hex(8)
        with self._writable() as (system, path), system.open_output_stream(f"{path}/{_MARK}") as file:
            file.write(mark.encode())
        return mark

    def missing(self, mark: str) -> str:
        """What this machine finds in the place of the driver's mark; empty where it finds the mark."""
        found = ""
        for attempt in range(_READS):
            time.sleep(_PAUSE_SECONDS if attempt else 0.0)
            found = self._found()
            if found == mark:
                return ""
        return "another driver's mark" if re.fullmatch("[0-9a-f]{16}", found) else found or "an empty file"

    def epochs(self) -> dict[str, int]:
        """The newest epoch that is kept of each training, by its key."""
        newest: dict[str, int] = {}
        with suppress(OSError, ValueError):
            system, path = self.located()
            for found in system.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True)):
                if name := _NAME.fullmatch(found.base_name):
                    key = found.path.rsplit("/", 2)[-2]
                    newest[key] = max(newest.get(key, 0), int(name[1]))
        return newest

    def located(self) -> tuple[fs.FileSystem, str]:
        """The file system, and the folder in it.

        Raises:
            OSError: when the network does not say where a bucket is.
            ValueError: when Arrow does not know the URI.
        """
        system, path = fs.FileSystem.from_uri(self.root) if "://" in self.root else (fs.LocalFileSystem(), self.root)
        return system, f"{path.rstrip('/')}/{self.folder}"

    def _found(self) -> str:
        try:
            system, path = self.located()
            with system.open_input_file(f"{path}/{_MARK}") as file:
                return bytes(file.readall()).decode(errors="replace")
        except (OSError, ValueError) as error:
            return first_line(error)

    @contextmanager
    def _writable(self) -> Iterator[tuple[fs.FileSystem, str]]:
        """The folder, made if need be, for the body to write into; what fails there is a StorageError."""
        try:
            system, path = self.located()
            system.create_dir(path, recursive=True)
            yield system, path
        except (OSError, ValueError) as error:
            raise StorageError(
                f"Checkpoints must be writable. Received: {self.root}: {first_line(error)}. Check --storage-path."
            ) from error


class StoredCheckpoints:
    """The states of one training. `notes` says what went wrong."""

    def __init__(self, store: CheckpointStore, key: str) -> None:
        self._store, self._key = store, key
        self._loaded: int | None = None
        self._discarded: set[int] = set()  # one in a folder that cannot be written stays there
        self.notes: list[str] = []

    @cached_property
    def _located(self) -> tuple[fs.FileSystem, str]:  # not in __init__: for S3, Arrow asks the network for the bucket
        return self._store.located()

    @property
    def _system(self) -> fs.FileSystem:
        return self._located[0]

    @property
    def _folder(self) -> str:
        return f"{self._located[1]}/{self._key}"

    def load(self) -> bytes | None:
        """The newest state that can be read and was not discarded."""
        try:
            for epoch in reversed(self._epochs()):
                state = self._read(epoch)
                if state is not None:
                    self._loaded = epoch
                    return state
        except OSError as error:
            self._note("checkpoints not listed", error)
        return None

    def _read(self, epoch: int) -> bytes | None:
        try:
            with self._system.open_input_file(self._path(epoch)) as file:
                return bytes(file.readall())
        except OSError as error:
            self._note("checkpoint not read", error)
            return None

    def save(self, epoch: int, state: bytes) -> None:
        """Keep the state after `epoch`, and the one before it."""
        try:
            part = f"{self._folder}/.epoch-{epoch:04d}.part"
            self._system.create_dir(self._folder, recursive=True)
            with self._system.open_output_stream(part) as file:
                file.write(state)
            self._system.move(part, self._path(epoch))
            self._discarded.discard(epoch)
            for old in self._epochs()[:-_KEPT]:
                self._system.delete_file(self._path(old))
        except OSError as error:
            self._note("checkpoint not written", error)
            with suppress(OSError):  # a part of one only takes up space, of which there may be too little
                self._system.delete_file(f"{self._folder}/.epoch-{epoch:04d}.part")

    def write_memory(self, held_bytes: int) -> None:
        """Keep how much memory the training's process holds, which may explain why its worker was ended."""
        with suppress(OSError):
            self._system.create_dir(self._folder, recursive=True)
            with self._system.open_output_stream(f"{self._folder}/{_MEMORY}") as file:
                file.write(str(held_bytes).encode())

    def take_memory(self) -> int:
        """The bytes that `write_memory` kept last; 0 without any. They are then forgotten: the next attempt at the
        training has another process, which holds little at first."""
        held = 0
        with suppress(OSError, ValueError):
            with self._system.open_input_file(f"{self._folder}/{_MEMORY}") as file:
                held = int(file.readall())
            self._system.delete_file(f"{self._folder}/{_MEMORY}")
        return held

    def discard(self, reason: str) -> None:
        """Set the state that was loaded last aside."""
        if self._loaded is None:
            return
        self.notes.append(f"checkpoint after epoch {self._loaded} discarded: {reason[:_DETAIL_LENGTH]}")
        self._discarded.add(self._loaded)
        path = self._path(self._loaded)
        try:
            self._system.move(path, path.removesuffix("state") + "damaged")
        except OSError as error:
            self._note("discarded checkpoint not moved", error)

    def note(self) -> str:
        """All that went wrong, in one line; mostly empty."""
        return "; ".join(self.notes)

    def _epochs(self) -> list[int]:
        selector = fs.FileSelector(self._folder, allow_not_found=True)
        names = (_NAME.fullmatch(found.base_name) for found in self._system.get_file_info(selector))
        return sorted({int(name[1]) for name in names if name} - self._discarded)

    def _path(self, epoch: int) -> str:
        return f"{self._folder}/epoch-{epoch:04d}.state"

    def _note(self, what: str, error: OSError) -> None:
        text = f"{what}: {str(error)[:_DETAIL_LENGTH]}"
        if text not in self.notes:
            self.notes.append(text)
