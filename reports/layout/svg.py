"""A matplotlib figure as inline SVG: small, byte-stable, themed by the page's CSS variables, readable aloud."""

from __future__ import annotations

import html
import io
import re
import textwrap
import warnings
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator

from reports.layout.foreign import with_visible_controls
from reports.numbers.statistics import Estimate

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
MODEL_COLOURS: Final = MappingProxyType({"reference": REFERENCE, "best": BEST})
STATUS_COLOURS: Final = MappingProxyType({"COMPLETE": BEST, "PRUNED": REFERENCE, "FAIL": WORSE})
WIDTH_INCHES: Final = 7.6
NARROW_INCHES: Final = 3.4
_NARROW_LETTERS: Final = 36  # of a label, a line
_LONGEST: Final = 200_000  # of a drawing that is worth a second one
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


def new_figure(height_inches: float, columns: int = 1, width_inches: float = WIDTH_INCHES) -> tuple[Figure, list[Axes]]:
    """A figure in the page's style, with `columns` panels in one row; by default as wide as the page."""
    with matplotlib.rc_context(dict(_STYLE)):
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        axes = figure.subplots(1, columns, squeeze=False)
    return figure, list(axes[0])


def add_legend(axes: Axes) -> None:
    """A frameless legend of two columns above the panel, where anything in it is labelled."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            borderaxespad=0.2,
            ncols=2,
            frameon=False,
            labelcolor=INK,
            fontsize=9.5,
            handletextpad=0.4,
            columnspacing=1.4,
        )


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """One named row for each y from 0, without grid lines. A name is text: a $ in it starts no formula."""
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.grid(axis="y", visible=False)


def draw_estimate(axes: Axes, estimate: Estimate, row: float, colour: str, width: float) -> None:
    """An estimate of a fraction, in percent or pt: its value a diamond, its interval a bar."""
    low, high = 100 * estimate.low, 100 * estimate.high
    axes.plot([low, high], [row, row], color=colour, linewidth=width, solid_capstyle="round", alpha=0.55)
    axes.plot([100 * estimate.value], [row], "D", color=colour, markersize=5.5, markeredgecolor=CARD)


def sign_colour(estimate: Estimate) -> str:
    """Blue when surely better, orange when surely worse, grey when the interval includes zero."""
    if estimate.low > 0.0:
        return BEST
    return WORSE if estimate.high < 0.0 else REFERENCE


def to_svg(figure: Figure, *, name: str, title: str, description: str) -> Markup:
    """The figure as an <svg> with role="img", and a second one for narrow columns; equal figures give equal bytes.

    `name`, of letters and hyphens, prefixes its ids; `title` and `description` are for those who cannot see it.
    """
    wide = _element(figure, name, title, description) if figure.get_figwidth() > NARROW_INCHES + 2 else ""
    if len(wide) > _LONGEST:
        return Markup(wide)  # noqa: S704 - matplotlib escapes all text
    _narrow(figure)
    narrow = _element(figure, f"{name}-narrow", title, description)
    return Markup(wide + narrow)  # noqa: S704 - matplotlib escapes all text


def _narrow(figure: Figure) -> None:
    """Lay the figure out for a telephone: panels in one column, fewer marks on the axes."""
    panels = figure.axes
    figure.set_size_inches(NARROW_INCHES, figure.get_figheight() * len(panels))
    places = GridSpec(len(panels), 1, figure=figure)
    for number, axes in enumerate(panels):
        axes.set_subplotspec(places[number])
        axes.set_xlabel(textwrap.fill(axes.get_xlabel(), _NARROW_LETTERS))
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(locator := axis.get_major_locator(), MaxNLocator):
                locator.set_params(nbins=5)


def _element(figure: Figure, name: str, title: str, description: str) -> str:
    buffer = io.BytesIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's browser has its own fonts
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    raw = with_visible_controls(buffer.getvalue().decode("utf-8"))
    body = raw[raw.index(">", raw.index("<svg")) + 1 : raw.rindex("</svg>")]
    view_box = re.findall(r'viewBox="([^"]+)"', raw)[0]
    return (
        f'<svg role="img" class="{"narrow" if name.endswith("-narrow") else "wide"}" viewBox="{view_box}" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-desc">{html.escape(with_visible_controls(description))}</desc>{_clean(body, name)}</svg>'
    )


def _clean(body: str, name: str) -> str:
    """Drop metadata and font names, prefix the ids, put the page's variables for colours."""
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->|<title>.*?</title>", "", body, flags=re.DOTALL)
    body = body.replace("xlink:href", "href")
    body = re.sub(r'(?<= id=")(?=[^"])|(?<=href="#)|(?<=url\(#)', f"{name}-", body)
    body = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", body)
    body = re.sub(r"font-family: [^;\"]*;?", "", body)
    body = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), body)  # a hundredth of a point
    for colour, variable in _VARIABLES.items():
        body = re.sub(colour, f"var(--{variable})", body, flags=re.IGNORECASE)
    return re.sub(r"\s*\n\s*", "\n", body)
