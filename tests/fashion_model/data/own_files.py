"""Files of one's own, whole or changed, and what is said of one that is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.data.own_file import OwnFile
from fashion_model.data.splits import DataError

Arrays = dict[str, npt.NDArray[Any]]


def arrays(**changes: Any) -> Arrays:
    """Seven classes of colour images, 20 × 24 pixels, 24 of each to train on and 6 to test on; `changes` replace
    arrays, and None removes one."""
    random = np.random.default_rng(0)
    whole: dict[str, Any] = {
        "x_train": random.integers(0, 256, (168, 20, 24, 3), dtype=np.uint8),
        "y_train": np.arange(168) % 7,
        "x_test": random.integers(0, 256, (42, 20, 24, 3), dtype=np.uint8),
        "y_test": np.arange(42) % 7,
    } | changes
    return {name: array for name, array in whole.items() if array is not None}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "mine.npz"
    np.savez_compressed(path, **arrays(**changes))  # type: ignore[arg-type]
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        OwnFile.open(path)
    message = str(refused.value)
    assert message.startswith(f"{path} must ")
    assert re.search(r"\. Received: .+\. [A-Z].+\.$", message), message
    return message
