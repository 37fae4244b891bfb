"""What is trained: the documented Fashion-MNIST CNN and its parameterized version. No Ray, Optuna or HTML.

TensorFlow reads two environment variables once, as it loads. They are set here, because every module of this package is
imported after this one. A value that the user has set stays.
"""

import os
from pathlib import Path
from typing import Final

# By default TensorFlow uses oneDNN only on processors with AVX-512 for networks (VNNI). On one with AVX2 alone, eight
# networks of the space then take 1.6 times as long (docs/log.md, 2026-11-25).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no notes of TensorFlow's own on the terminal

NO_KERAS_HOME: Final = os.devnull  # before the user's KERAS_HOME, it names a folder in which there is no keras.json


def keras_home() -> Path:
    """The user's folder of Keras: KERAS_HOME, else ~/.keras; also where a command has kept Keras from it."""
    home = os.environ.get("KERAS_HOME", "").removeprefix(NO_KERAS_HOME)
    return Path(home) if home else Path.home() / ".keras"
