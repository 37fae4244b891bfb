"""The download that Keras makes of Fashion-MNIST, done safely: aside, verified, then moved, under a lock.

Keras's own `load_data` downloads straight to the final name and checks no hash, so that a broken connection
leaves a broken file for good, and two processes on a machine race.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Final

from fashion_model.source import FILES, OTHER_WAYS, DataError, Source

KERAS_BASE_URL: Final = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def download(folder: Path, base_url: str = KERAS_BASE_URL) -> Path:
    """Fetch what `folder` lacks from `base_url`, verify it, and move it in. Returns `folder`.

    Raises:
        DataError: when the network or the disk fails, or what came is not the published file.
    """
    from filelock import FileLock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"), tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as aside:
            for name in FILES:
                if not (folder / f"{name}.gz").is_file():
                    _fetch(name, base_url, Path(aside)).replace(folder / f"{name}.gz")
    except OSError as error:
        raise DataError(_message(base_url, folder, error)) from error
    return folder


def _fetch(name: str, base_url: str, aside: Path) -> Path:
    import fashion_model.loading  # noqa: F401

    # isort: split
    import keras

    try:
        with contextlib.redirect_stdout(sys.stderr):  # its progress bar is a message, and stdout is for data
            keras.utils.get_file(f"{name}.gz", origin=f"{base_url}{name}.gz", cache_dir=str(aside), cache_subdir=".")
    except Exception as error:  # get_file raises a bare Exception for every kind of network fault
        raise DataError(_message(base_url, aside.parent, error)) from error
    Source(aside, "download").read(name)
    return aside / f"{name}.gz"


def _message(base_url: str, folder: Path, error: Exception) -> str:
    return (
        f"Fashion-MNIST is in none of the usual places, and downloading it from {base_url} into {folder} failed.\n"
        f"  Received: {error}\n"
        f"Ways to get the data:\n  - try again with a network;\n{OTHER_WAYS}"
    )
