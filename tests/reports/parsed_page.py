"""A page, read back."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "link", "input", "hr"}
INSIDE = ("#", "data:image/png;base64,", "data:application/octet-stream;base64,")


class Page(HTMLParser):
    """The page's tables by id (rows of cell texts), every tag and attribute, and the tags left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.mismatches: list[str] = []
        self._table: list[list[str]] = []
        self.feed(text)

    def faults(self) -> list[str]:
        """Tags that are not closed in their order, ids that are there twice, references to ids that are not there."""
        ids = Counter(value for _, name, value in self.attributes if name == "id")
        wanted = [value[1:] for _, name, value in self.attributes if name == "href" and value.startswith("#")]
        wanted += [word for _, name, value in self.attributes if name == "aria-labelledby" for word in value.split()]
        wanted += [match for _, _, value in self.attributes for match in re.findall(r"url\(#([^)]+)\)", value)]
        return [*self.mismatches, *self.open, *(ids - Counter(set(ids))), *sorted(set(wanted) - set(ids))]

    def outside(self) -> list[str]:
        """Links to anything that is not in the page, and attributes that run a script."""
        links = [value for _, name, value in self.attributes if name in ("src", "href", "xlink:href", "action", "data")]
        handlers = [name for _, name, _ in self.attributes if name.startswith("on")]
        return [*(link for link in links if not link.startswith(INSIDE)), *handlers]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs] or [(tag, "", "")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = self.tables.setdefault(dict(attrs).get("id") or "", [])
        if tag == "tr":
            self._table.append([])
        if tag in ("td", "th"):
            self._table[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.mismatches.append(tag)

    def handle_data(self, data: str) -> None:
        if any(tag in self.open for tag in ("td", "th")):
            self._table[-1][-1] += data
