"""A section of a page, and a page made of sections: templates in, one self-contained HTML text out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from reports.layout.downloads import Download
from reports.layout.foreign import isolated
from reports.numbers import wording

_PACKAGE: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One <section> of a page: its anchor, its title in the navigation, its heading, and the whole element as HTML.

    `numbers` are what the section adds to report.json, by their dotted places there, such as "comparison.difference".
    """

    id: str
    title: str
    heading: str
    html: Markup
    numbers: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What the page says of itself: the task, the study, when it was written (ISO-8601), and from which `records`; it
    has none where no report.json lies beside it."""

    task: str
    study: str
    written: str
    is_finished: bool
    records: tuple[str, ...]


def draw_section(
    template: str, *, id: str, title: str, heading: str, numbers: Mapping[str, object] | None = None, **shown: object
) -> Section:
    """The section that `template` draws; its path starts at the package, and it extends layout/section.html.

    The template sees the heading, and the values of `shown` by their names. Every value is escaped; only our own SVG,
    which is Markup, goes in as it is.
    """
    html = _environment().get_template(template).render(shown, id=id, heading=heading)
    return Section(id=id, title=title, heading=heading, html=Markup(html), numbers=numbers or {})  # noqa: S704


def draw_page(sections: Sequence[Section], cover: Cover, files: Sequence[Download] = ()) -> str:
    """The page as text, with the sections and the navigation in the order given, and `files` inside it."""
    css, js = (_own("page.css") + _own("plot.css") + _own("print.css")), _own("page.js")
    digest = base64.b64encode(hashlib.sha256(js.encode()).digest()).decode()
    template = _environment().get_template("layout/page/page.html")
    return template.render(sections=sections, cover=cover, files=files, css=css, js=js, js_hash=f"sha256-{digest}")


def _own(name: str) -> Markup:
    return Markup((_PACKAGE / "layout" / "page" / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PACKAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=isolated,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(w=wording, points=wording.points)
    return environment
