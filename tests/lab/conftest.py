"""What the lab's stories took is part of every run's output, captured or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def show(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints past pytest's capture."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def show_now(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{text}", flush=True)

    return show_now
