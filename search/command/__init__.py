"""Flags, file and environment -> one checked Settings; what a search shows; its process."""

from typing import Final

__version__: Final = "0.1.0"  # pyproject.toml has the same
