"""What is wrong with a cluster's file, and what is only left to fill in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cluster.checks.document import Document, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to change, at a line: the rule, the value received, the remedy.

    `to_fill_in` marks what a file is shipped without, and only its user can know or make."""

    path: Path
    line: int
    place: str
    rule: str
    received: str
    remedy: str
    to_fill_in: bool = False

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}  {self.place}".rstrip()
        return f"{where}\n    {self.rule} Received: {self.received}. {self.remedy}"


def finding(document: Document, place: Place, rule: str, received: object, remedy: str) -> Finding:
    """A finding at a place of a document."""
    return Finding(
        path=document.path,
        line=document.line(*place),
        place=dotted(place),
        rule=rule,
        received=str(received),
        remedy=remedy,
    )


def dotted(place: Place) -> str:
    """A place as one reads it: worker_setup_commands[0], available_node_types.head.cpu.resources."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")
