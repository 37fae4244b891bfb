"""A matplotlib figure as inline SVG: small, byte-stable, themed by the page's CSS variables, readable aloud."""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Drawn in these colours, which are then replaced by the page's variables so that dark mode recolours the lines too.
INK: Final = "#14161b"
MUTED: Final = "#5a6272"
RULE: Final = "#d5d9e1"
CARD: Final = "#fefefe"
REFERENCE: Final = "#6b7486"
BEST: Final = "#2f5bd7"
WORSE: Final = "#b4540a"
_VARIABLES: Final = MappingProxyType(
    {INK: "ink", MUTED: "muted", RULE: "rule", CARD: "card", REFERENCE: "reference", BEST: "accent", WORSE: "worse"}
)
WIDTH_INCHES: Final = 7.6
_STYLE: Final[MappingProxyType[Any, Any]] = MappingProxyType(
    {
        "svg.fonttype": "none",
        "font.size": 9.5,
        "axes.edgecolor": RULE,
        "axes.labelcolor": MUTED,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.spines.left": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": RULE,
        "grid.linewidth": 0.6,
        "xtick.color": RULE,
        "ytick.color": RULE,
        "xtick.labelcolor": MUTED,
        "ytick.labelcolor": MUTED,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "text.color": INK,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What a picture is called and shows, for those who cannot see it. `name` prefixes its ids: letters and hyphens."""

    name: str
    title: str
    description: str


def new_figure(height_inches: float, columns: int = 1, width_inches: float = WIDTH_INCHES) -> tuple[Figure, list[Axes]]:
    """A figure with `columns` panels in one row, in the page's style; as wide as the page unless told otherwise."""
    with matplotlib.rc_context(dict(_STYLE)):
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])


def add_legend(axes: Axes, columns: int) -> None:
    """A frameless legend above the panel, where anything in it is labelled."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
            ncols=columns,
            frameon=False,
            labelcolor=INK,
            fontsize=9.5,
            handletextpad=0.4,
            columnspacing=1.4,
        )


def to_svg(figure: Figure, caption: Caption) -> str:
    """The figure as an <svg> element with role="img", a <title> and a <desc>; equal figures give equal bytes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": caption.name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    raw = buffer.getvalue().decode("utf-8")
    body = raw[raw.index(">", raw.index("<svg")) + 1 : raw.rindex("</svg>")]
    view_box = re.findall(r'viewBox="([^"]+)"', raw)[0]
    return _opening(caption, view_box) + _clean(body, caption.name) + "</svg>"


def _opening(caption: Caption, view_box: str) -> str:
    name = caption.name
    return (
        f'<svg role="img" viewBox="{view_box}" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{html.escape(caption.title)}</title>'
        f'<desc id="{name}-desc">{html.escape(caption.description)}</desc>'
    )


def _clean(body: str, name: str) -> str:
    """Drop metadata and font names, prefix the ids, put variables for colours, shorten what nobody needs."""
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<title>.*?</title>", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href")
    body = re.sub(r'(?<= id=")(?=[^"])|(?<=href="#)|(?<=url\(#)', f"{name}-", body)
    body = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    body = re.sub(r"font-family: [^;\"]*;?", "", body)
    for colour, variable in _VARIABLES.items():
        body = re.sub(colour, f"var(--{variable})", body, flags=re.IGNORECASE)
    return re.sub(r"\s*\n\s*", "\n", body)
