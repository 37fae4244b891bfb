"""A template and its values -> one self-contained HTML text: the finished page and the interim one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from reports import wording

_HERE: Final = Path(__file__).parent


def render_page(template: str, **values: Any) -> str:
    """The page as text. Every value is escaped; only our own SVG and CSS, which are Markup, go in as they are."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = Markup((_HERE / "page.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file, no input in it
    return environment.get_template(template).render(w=wording, points=wording.points, css=css, **values)
