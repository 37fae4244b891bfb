"""How much of a GPU's memory a training may take when several share it.

TensorFlow takes a limit in MiB and has no word for how much there is, so NVIDIA's own command is asked.
"""

from __future__ import annotations

import os
import subprocess
from typing import Final

# The CUDA context, cuDNN and cuBLAS lie outside of TensorFlow's limit: some 0.4 to 0.7 GiB a process by NVIDIA's and
# TensorFlow's users' accounts. Not measured here: there was no GPU.
_CONTEXT_MIB: Final = 768
_LEAST_MIB: Final = 256
_SECONDS_TO_ANSWER: Final = 20


def limit_mib(total_mib: int, share: float) -> int:
    """TensorFlow's share of a GPU with so many MiB, what CUDA itself takes of that share set aside."""
    return max(_LEAST_MIB, int(total_mib * share) - _CONTEXT_MIB)


def total_mib() -> int | None:
    """The memory of the first GPU that this process may use; None where nvidia-smi does not tell."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0]
    which = ["--id", visible] if visible else []
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits", *which]
    try:
        told = subprocess.run(  # noqa: S603 - the identifier is Ray's
            command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=True
        )
        return int(told.stdout.splitlines()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
