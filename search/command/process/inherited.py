"""What a command inherits from the one who starts it: streams, a home folder, variables that would decide a result."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fashion_model import NO_KERAS_HOME, keras_home
from search.command.settings import Settings, SettingsError

_BACKEND: Final = "tensorflow"
_DRAWING: Final = "agg"
_UNUSED: Final = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")  # Keras would cut every training short
# What Keras takes from keras.json, as this project has it
_KERAS: Final = {"backend": _BACKEND, "floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}


class Stream(io.FileIO):
    """A terminal that may be closed, a pipe that nobody may read any more, or that is full and does not wait: a search
    does not end for that."""

    def write(self, data: Any) -> int:
        """Write what can be written. Returns the length of all of it."""
        written: int | None = None  # also where it would have to wait
        with suppress(OSError):
            written = super().write(data)
        return len(data) if written is None else written


def open_text(descriptor: int, *, closefd: bool) -> io.TextIOWrapper:
    """A `Stream` for text in the encoding of stderr; what that does not have is escaped."""
    raw = io.BufferedWriter(Stream(descriptor, "w", closefd=closefd))
    return io.TextIOWrapper(raw, sys.stderr.encoding, _errors(sys.stderr.encoding), line_buffering=True)


def prepare_streams() -> None:
    """Have stdout and stderr take every text: folders may have names that are no text, terminals no `·`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_errors(sys.stdout.encoding))
    sys.stderr = open_text(2, closefd=False)


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding.lower().startswith("utf") else "backslashreplace"


def require_backend() -> None:
    """Trainings are TensorFlow's: its random numbers, its checkpoints.

    Raises:
        SettingsError: when KERAS_BACKEND asks for another backend.
    """
    asked = os.environ.get("KERAS_BACKEND") or _BACKEND
    if asked != _BACKEND:
        raise SettingsError(
            f"A search trains with {_BACKEND}. Received: KERAS_BACKEND={asked}. Unset it, or set it to {_BACKEND}."
        )


def require_extras(settings: Settings, mlflow: str | None = None) -> None:
    """What a setting, or a store of `mlflow`, needs must be installed.

    Raises:
        SettingsError: when it is not.
    """
    if settings.sampler == "gp" and find_spec("torch") is None:
        raise SettingsError("--sampler gp needs torch. Received: torch is not installed. Run `make env EXTRAS=gp`.")
    if mlflow and find_spec("mlflow") is None:
        raise SettingsError(
            "--to-mlflow needs mlflow. Received: mlflow is not installed. Run `make env EXTRAS=mlflow`."
        )
    driver = re.match(r"postgresql(?:\+(\w+))?:", settings.storage or "")
    if driver is None:
        return
    try:
        import_module(driver[1] or "psycopg")
    except ImportError as error:  # it may be there, and lack the server's own library
        raise SettingsError(
            f"--storage {driver[0]}//… needs the Python package {driver[1] or 'psycopg'}. Received: {error}. Give "
            "postgresql+psycopg://…, and run `make env EXTRAS=postgres`."
        ) from error


def set_aside() -> list[str]:
    """Let no variable and no file of the user's decide what is trained and drawn. Returns a line for each such thing.

    Called before Keras and Matplotlib load. Keras then finds no keras.json, and writes none.
    """
    lines = [f"not used: {name}={os.environ[name]}" for name in _UNUSED if name in os.environ]
    for name in _UNUSED:
        os.environ.pop(name, None)
    if os.environ.get("MPLBACKEND", _DRAWING) != _DRAWING:
        lines.append(f"not used: MPLBACKEND={os.environ['MPLBACKEND']}; the report is drawn with {_DRAWING}")
    home = keras_home().absolute()
    found: Any = {}
    with suppress(OSError, ValueError):
        found = json.loads((home / "keras.json").read_text(encoding="utf-8"))
    for name, ours in _KERAS.items():
        if isinstance(found, dict) and found.get(name, ours) != ours:
            lines.append(f"not used: {name}={found[name]} of {home / 'keras.json'}; trainings have {ours}")
    os.environ.update(MPLBACKEND=_DRAWING, KERAS_BACKEND=_BACKEND, KERAS_HOME=f"{NO_KERAS_HOME}{home}")
    return lines


def give_a_home() -> None:
    """A user without an entry in passwd and without HOME has `/`, as in a container: Ray asks for one as it loads."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"
