"""The places that a file is shipped without: only its user knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from cluster.checks.cluster_file import ClusterFile
from cluster.checks.finding import Finding, finding

MARK: Final = "FILL-IN"
_WORD: Final = re.compile(rf"\S*{MARK}\S*")


def nothing_is_left_to_fill_in(file: ClusterFile) -> Iterator[Finding]:
    """A finding for each placeholder."""
    for document in file.documents:
        for place, value in document.scalars():
            for word in _WORD.findall(str(value)):
                rule, remedy = "A placeholder must be replaced.", "The comment there says by what."
                yield replace(finding(document, place, rule, word, remedy), to_fill_in=True)
