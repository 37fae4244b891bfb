"""The code of `ray up` on the shipped files: it accepts what the check accepts, and refuses what the rules find."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.check.faults import FAULTS
from tests.cluster.conftest import Changed

pytestmark = pytest.mark.ray


@pytest.fixture
def refused() -> Callable[[Path], str]:
    """What the code of `ray up` raises for a file; empty where it accepts it."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    def check(path: Path) -> str:
        config: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            validate_config(prepare_config(config))
        except Exception as error:
            return str(error) or type(error).__name__
        return ""

    return check


@pytest.mark.parametrize("name", ["config.yaml", "gcp.yaml", "on-prem.yaml"])
def test_a_file_that_is_filled_in_is_accepted(changed: Changed, refused: Callable[[Path], str], name: str) -> None:
    assert refused(changed(name)) == ""


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no name for the container", "Must provide a container & image name"),
        ("a head of no known type", "`head_node_type` must be one of `available_node_types`"),
        ("a provider that there is not", "Unsupported node provider: awz"),
        ("a key that Ray does not know", "upscaling_sped"),
        ("a number in quotes", "'1' is not of type"),
    ],
)
def test_what_a_rule_finds_is_refused(
    changed: Changed, refused: Callable[[Path], str], fault: str, message: str
) -> None:
    name, old, new, *_ = FAULTS[fault]
    assert message in refused(changed(name, old, new))


def test_minima_above_the_clusters_maximum_are_refused(changed: Changed, refused: Callable[[Path], str]) -> None:
    path = changed("config.yaml", "    min_workers: 0\n    max_workers: 8", "    min_workers: 9\n    max_workers: 8")
    assert "min_workers" in refused(path)
