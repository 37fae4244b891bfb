"""What the lab's stories took is part of every run's output, captured or not."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def show(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints past pytest's capture."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def show_now(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", file=sys.__stderr__, flush=True)  # stdout of a test process is not the terminal

    return show_now
