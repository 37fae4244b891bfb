"""What is wrong with a cluster's file, and what is only left to fill in."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.check.document import Place


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to change at a place: the rule, the value received, the remedy.

    `to_fill_in` marks what a file is shipped without, and only its user can know or make.
    """

    place: Place
    rule: str
    received: str
    remedy: str
    to_fill_in: bool = False

    def __str__(self) -> str:
        where = f"{self.place.document.path}:{self.place.line()}  {self.place}".rstrip()
        return f"{where}\n    {self.rule} Received: {self.received}. {self.remedy}"
