"""The shipped files with their placeholders filled in, as a user would: the tests change a line of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
NAMES: Final = ("config.yaml", "gcp.yaml", "on-prem.yaml", "kuberay.yaml")
_FILLED_IN: Final = {
    "FILL-IN-bucket": "searches",
    "ami-FILL-IN": "ami-0123456789abcdef0",
    "sg-FILL-IN": "sg-0123456789abcdef0",
    "FILL-IN-head-address": "10.0.0.10",
    "FILL-IN-first-worker-address": "10.0.0.11",
    "FILL-IN-second-worker-address": "10.0.0.12",
    "FILL-IN-shared-folder": "shared",
    "FILL-IN-head": "search-head",
    "FILL-IN-worker": "search-worker",
    "FILL-IN-project": "my-project",
    "FILL-IN-subnetwork": "searches",
    "FILL-IN-image": "projects/deeplearning-platform-release/global/images/some-image",
    "FILL-IN-user": "me",
    "FILL-IN-key": "key",
    "FILL-IN-registry": "registry.example.com",
    "FILL-IN-account": "search",
}


def filled_in(name: str) -> str:
    """The text of a shipped file, ready for `ray up`."""
    text = (ROOT / "cluster" / name).read_text(encoding="utf-8")
    for placeholder, value in _FILLED_IN.items():
        text = text.replace(placeholder, value)
    return text.replace("FILL-IN", "placeholders")  # what is left is in comments
