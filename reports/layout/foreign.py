"""Text that others wrote, such that it cannot reorder or break what stands around it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# of direction, surrogates alone, and all that a page may not hold but tab and line feed
_CONTROLS: Final = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff\\x00-\x08\x0b-\x1f\x7f-\x9f]")


def with_visible_controls(text: str) -> str:
    """The text with each control, of direction too, shown by its number."""
    return _CONTROLS.sub(lambda match: f"[U+{ord(match[0]):04X}]", text)


def isolated(value: object) -> object:
    """A text with visible controls, and isolated if any of its letters run from right to left (Unicode UAX 9).

    Anything else, and Markup, which is our own, stays as it is.
    """
    if type(value) is not str or (value.isascii() and value.isprintable()):
        return value
    shown = with_visible_controls(value)
    runs_left = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in shown)
    return f"\u2066{shown}\u2069" if runs_left else shown
