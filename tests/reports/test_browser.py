"""Both pages in a real browser: they fit a telephone, and their figures are drawn in the theme's colours.

pytest -m browser tests/reports/test_browser.py
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from reports.interim import write_interim
from reports.page import write_report
from search.records import save_state
from tests.reports.conftest import Finish, Plan, finish, stopped

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium (Debian: apt-get install chromium)"),
]
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--allow-file-access-from-files", "--virtual-time-budget=3000",
)  # fmt: skip
# Headless windows are at least 500 px wide, so a page of 400 px is measured inside a frame.
FRAME = """<body><iframe id="frame" src="page.html" style="width:{width}px;height:900px;border:0"></iframe>
<pre id="out"></pre>
<script>
document.getElementById("frame").addEventListener("load", function () {{
  const page = this.contentDocument, root = page.documentElement;
  const outside = [...page.querySelectorAll("main *")].filter(e =>
    !e.closest(".scroll") && !e.closest("pre") && !e.closest(".hidden")
    && e.getBoundingClientRect().right > root.clientWidth + 1);
  document.getElementById("out").textContent = JSON.stringify({{
    width: root.clientWidth, scroll: root.scrollWidth, outside: outside.map(e => e.outerHTML.slice(0, 80)),
    ink: page.defaultView.getComputedStyle(page.body).color,
    cells: page.querySelectorAll("#confusion-best tbody td").length,
    images: [...page.images].every(image => image.naturalWidth === 28),
    strokes: [...page.querySelectorAll("#result svg path, #search svg path")].map(e =>
      page.defaultView.getComputedStyle(e).stroke),
  }});
}});
</script></body>"""


@pytest.fixture(scope="module")
def folder(make: Finish, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = make(Plan(images=1000, trials=30)).write(tmp_path_factory.mktemp("browser"))
    write_report(run_dir)
    (run_dir / "report.html").rename(run_dir / "page.html")
    return run_dir


def measure(folder: Path, width: int, *flags: str) -> dict[str, Any]:
    frame = folder / f"frame-{width}.html"
    frame.write_text(FRAME.format(width=width), encoding="utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    command = ["chromium", *FLAGS, *flags, profile, f"--window-size={width + 100},1000", "--dump-dom", frame.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r'<pre id="out">(.+?)</pre>', done.stdout, flags=re.DOTALL)
    assert found, done.stderr[-2000:]
    measured: dict[str, Any] = json.loads(unescape(found.group(1)))
    return measured


@pytest.fixture(scope="module")
def interim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that stopped among the finalists, with words too long for a telephone."""
    run_dir = tmp_path_factory.mktemp("interim")
    state = stopped(Plan(trials=30, study="s" * 64), 23)
    finalists = finish(Plan(trials=30)).outcome.finalists
    state = replace(state, stage="finalists", finalists=finalists, ending=f"stopped by {'y' * 90}")
    save_state(replace(state, resume=f"python -m search.run --resume {'x' * 90}"), run_dir / "state.json")
    write_interim(run_dir)
    (run_dir / "report.html").rename(run_dir / "page.html")
    return run_dir


@pytest.mark.parametrize("width", [400, 768, 1400])
@pytest.mark.parametrize("page", ["folder", "interim"])
def test_nothing_sticks_out_at_the_side(page: str, width: int, request: pytest.FixtureRequest) -> None:
    measured = measure(request.getfixturevalue(page), width)
    assert measured["outside"] == []
    assert measured["scroll"] <= measured["width"]


def test_tables_and_thumbnails_are_there(folder: Path) -> None:
    measured = measure(folder, 1000)
    assert measured["cells"] == 100
    assert measured["images"]


@pytest.mark.parametrize("page", ["folder", "interim"])
def test_dark_mode_recolours_text_and_drawings(page: str, request: pytest.FixtureRequest) -> None:
    run_dir = request.getfixturevalue(page)
    light, dark = measure(run_dir, 800), measure(run_dir, 800, "--blink-settings=preferredColorScheme=0")
    assert light["ink"] == "rgb(20, 22, 27)"
    assert dark["ink"] == "rgb(233, 235, 240)"
    assert light["ink"] in light["strokes"]
    assert dark["ink"] in dark["strokes"]
