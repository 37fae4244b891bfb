"""The four files of Fashion-MNIST on disk: where they may lie, and the proof that they are the published ones.

Whatever the source, the decompressed bytes are checked against pinned SHA-256s: Keras checks none for this data
set, and a truncated cache persists. Debian recompressed the files, so the hashes of .gz files differ by source.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEBIAN_DIR: Final = Path("/usr/share/datasets/fashion-mnist")

OTHER_WAYS: Final = (
    "  - Debian and Ubuntu: apt-get install dataset-fashion-mnist;\n"
    "  - put the four .gz files of Fashion-MNIST into a folder and name it: --data-dir DIR."
)

# SHA-256 of each decompressed IDX file; checked against the upstream repository's label files and 0 duplicates
FILES: Final = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


class DataError(Exception):
    """The data cannot be had or is not Fashion-MNIST. Says which file, expected, received, and the ways out."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that holds the four files, each as NAME or NAME.gz, and where it came from."""

    folder: Path
    kind: str

    def read(self, name: str) -> bytes:
        """The decompressed, verified bytes of one file.

        Raises:
            DataError: when the file is missing, damaged, or not the published one.
        """
        path = _path_of(self.folder, name)
        if path is None:
            raise DataError(_message(self.folder / f"{name}.gz", "the file", "no such file"))
        try:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(_message(path, "a readable gzip file", str(error))) from error
        received = hashlib.sha256(content).hexdigest()
        if received != FILES[name]:
            raise DataError(
                _message(path, f"SHA-256 {FILES[name]} once decompressed", f"{received} ({len(content):,} bytes)")
            )
        return content

    def verify(self) -> None:
        """Check all four files, the test set's included, without keeping any of their content."""
        for name in FILES:
            self.read(name)


def keras_cache_dir() -> Path:
    """Where Keras keeps this data set: under KERAS_HOME, else ~/.keras."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets" / "fashion-mnist"


def local_source(data_dir: Path | None) -> Source | None:
    """The folder asked for, else the first of the usual places that holds all four files, else None. Reads nothing."""
    if data_dir is not None:
        return Source(data_dir.resolve(), "--data-dir")
    for folder, kind in ((keras_cache_dir(), "Keras's cache"), (DEBIAN_DIR, "Debian's package")):
        if all(_path_of(folder, name) for name in FILES):
            return Source(folder, kind)
    return None


def _path_of(folder: Path, name: str) -> Path | None:
    candidates = (folder / f"{name}.gz", folder / name)
    return next((path for path in candidates if path.is_file()), None)


def _message(path: Path, expected: str, received: str) -> str:
    return (
        f"{path} must be the published Fashion-MNIST file.\n"
        f"  Expected: {expected}.\n  Received: {received}.\n"
        "Ways to get the data:\n"
        f"  - without --data-dir: remove that file, and with a network it is downloaded anew;\n{OTHER_WAYS}"
    )
