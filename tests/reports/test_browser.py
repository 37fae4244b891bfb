"""Both pages in a real browser: they fit every width, WCAG holds as far as a program can see, no script is needed.

pytest -m browser tests/reports/test_browser.py

Accessibility is examined by axe-core, which npm fetches once into pytest's cache; without npm that test is skipped.
Pictures of the first screens are kept in .pytest_cache/d/screenshots.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
import pytest

from reports.interim import write_interim
from reports.page import write_report
from reports.records import save_record
from tests.reports.conftest import FinishedSearch, Plan, finish, stopped
from tests.reports.test_other_task import SHAPES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium (Debian: apt-get install chromium)"),
]
AXE: Final = "axe-core@4.10.3"
AXE_SHA256: Final = "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb"
WIDTHS: Final = (320, 400, 768, 1400)
DARK: Final = "--blink-settings=preferredColorScheme=0"
FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--allow-file-access-from-files", "--virtual-time-budget=20000",
    "--enable-logging=stderr", "--window-size=1560,1850",
)  # fmt: skip
# Headless windows are at least 500 px wide, so narrow pages are measured inside frames.
FRAMES: Final = """<body>{frames}<pre id="out"></pre>
<script>
const found = {{}}, wanted = {wanted};
async function measured(frame) {{
  const page = frame.contentDocument, root = page.documentElement, view = page.defaultView;
  const shown = [...page.querySelectorAll(".scroll, pre")].filter(e => e.checkVisibility());
  const scrolls = e => e.scrollWidth > e.clientWidth + 1, texts = e => e.textContent.trim();
  const outside = [...page.querySelectorAll("main *")].filter(e =>
    !e.closest(".scroll, pre, .hidden, svg, nav") && e.getBoundingClientRect().right > root.clientWidth + 1);
  const answer = {{
    width: root.clientWidth, scroll: root.scrollWidth, outside: outside.map(e => e.outerHTML.slice(0, 80)),
    ink: view.getComputedStyle(page.body).color,
    cells: page.querySelectorAll("#confusion-best tbody td").length,
    scrolling: shown.filter(scrolls).flatMap(e => [...e.querySelectorAll("table")].map(table => table.id)),
    marks: [...page.querySelectorAll("#confusion-difference .better, #confusion-difference .worse")].map(e =>
      e.className.split(" ")[0] + view.getComputedStyle(e, "::after").content[1]),
    images: [...new Set([...page.images].map(image => image.naturalWidth + "×" + image.naturalHeight))],
    strokes: [...page.querySelectorAll("#result svg path, #search svg path")].map(e => view.getComputedStyle(e).stroke),
    unreached: shown.filter(e => scrolls(e) && e.tabIndex !== 0).length,
    idle: shown.filter(e => !scrolls(e) && e.tabIndex === 0).map(e => e.outerHTML.slice(0, 80)),
    requests: view.performance.getEntriesByType("resource").map(e => e.name),
    letters: Math.min(...[...page.querySelectorAll("svg text")].filter(e => e.checkVisibility()).map(
      e => parseFloat(view.getComputedStyle(e).fontSize) * Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b))),
    texts: [...page.querySelectorAll("h1, h2, h3, td, th, dd, li")].map(texts),
    violations: view.axe ? (await view.axe.run(page)).violations.map(each => each.id + ": " +
      each.nodes.map(node => node.html.slice(0, 120)).join(" | ")) : null,
  }};
  const style = page.createElement("style");
  style.textContent = `
    * {{ line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }}
    p {{ margin-bottom: 2em !important }}`;
  page.head.append(style);
  answer.spaced = root.scrollWidth;
  view.scrollTo({{ top: 4000, behavior: "instant" }});
  answer.navigation = page.querySelector("nav").getBoundingClientRect().top;
  style.remove();
  view.scrollTo({{ top: 0, behavior: "instant" }});
  return answer;
}}
document.querySelectorAll("iframe").forEach(frame => frame.addEventListener("load", async () => {{
  await new Promise(after => setTimeout(after, 300));
  found[frame.id] = await measured(frame);
  if (Object.keys(found).length === wanted) document.getElementById("out").textContent = JSON.stringify(found);
}}));
</script></body>"""
FRAME: Final = '<iframe id="{id}" src="{page}" {more} style="width:{width}px;height:900px;border:0"></iframe>'


@pytest.fixture(scope="module")
def search() -> FinishedSearch:
    return finish(Plan(images=1000, trials=30))


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> Path:
    """axe-core's script, from pytest's cache or npm."""
    cache: Path = request.config.cache.mkdir("axe-core")
    script = cache / f"{AXE}.js"
    if not script.exists():
        if shutil.which("npm") is None:
            pytest.skip("needs npm, to fetch axe-core (Debian: apt-get install npm)")
        done = subprocess.run(["npm", "pack", AXE], cwd=cache, capture_output=True, text=True, timeout=120, check=False)  # noqa: S607
        if done.returncode:
            pytest.skip(f"npm could not fetch {AXE}: {done.stderr.strip()[-200:]}")
        with tarfile.open(cache / done.stdout.split()[-1]) as archive:
            member = archive.extractfile("package/axe.min.js")
            assert member is not None
            content = member.read()
        assert hashlib.sha256(content).hexdigest() == AXE_SHA256
        script.write_bytes(content)
    return script


def measure(folder: Path, *flags: str, page: str = "report.html", more: str = "") -> dict[int, dict[str, Any]]:
    """What the browser makes of the page, by its width. Nothing may be said on the console."""
    frames = "".join(FRAME.format(id=width, page=page, width=width, more=more) for width in WIDTHS)
    (folder / "frames.html").write_text(FRAMES.format(frames=frames, wanted=len(WIDTHS)), encoding="utf-8")
    command = ["chromium", *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    command.append((folder / "frames.html").as_uri())
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    found = re.search(r'<pre id="out">(.+?)</pre>', done.stdout, flags=re.DOTALL)
    assert found, done.stderr[-2000:]
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "frame is sandboxed" not in line]
    assert said == []
    return {int(width): answer for width, answer in json.loads(unescape(found.group(1))).items()}


@pytest.fixture(scope="module")
def interim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that stopped among the finalists, with words too long for a telephone."""
    run_dir = tmp_path_factory.mktemp("interim")
    state = stopped(Plan(trials=30, study="s" * 64), 30)
    finalists = finish(Plan(trials=30)).outcome.finalists
    state = replace(state, stage="finalists", finalists=finalists, ending=f"stopped by {'y' * 90}")
    save_record(replace(state, resume=f"python -m search.run --resume {'x' * 90}"), run_dir / "state.json")
    write_interim(run_dir)
    return run_dir


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search on images of one's own, in colour."""
    run_dir = finish(Plan(task=SHAPES, images=210)).write(tmp_path_factory.mktemp("shapes"))
    write_report(run_dir)
    return run_dir


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.config.cache.mkdir("screenshots")
    return folder


@pytest.fixture(scope="module")
def of_finished(folder: Path, pictures: Path) -> dict[int, dict[str, Any]]:
    return measure(folder, f"--screenshot={pictures / 'of_finished-light.png'}")


@pytest.fixture(scope="module")
def of_interim(interim: Path, pictures: Path) -> dict[int, dict[str, Any]]:
    return measure(interim, f"--screenshot={pictures / 'of_interim-light.png'}")


@pytest.fixture(scope="module")
def of_shapes(shapes: Path) -> dict[int, dict[str, Any]]:
    return measure(shapes)


@pytest.mark.parametrize("page", ["of_finished", "of_interim", "of_shapes"])
def test_nothing_sticks_out_at_the_side_at_any_width_nor_with_wider_text(
    page: str, request: pytest.FixtureRequest
) -> None:
    for measured in request.getfixturevalue(page).values():
        assert measured["outside"] == []
        assert measured["scroll"] <= measured["width"]
        assert measured["spaced"] <= measured["width"]  # WCAG 2.2, 1.4.12


@pytest.mark.parametrize("page", ["of_finished", "of_interim"])
def test_the_keyboard_reaches_what_scrolls_and_nothing_else(page: str, request: pytest.FixtureRequest) -> None:
    for measured in request.getfixturevalue(page).values():
        assert measured["unreached"] == 0
        assert measured["idle"] == []


def test_the_text_of_charts_can_be_read_at_every_width(of_finished: dict[int, dict[str, Any]]) -> None:
    assert min(measured["letters"] for measured in of_finished.values()) >= 9.5


def test_no_matrix_loses_a_column_and_the_navigation_stays_in_sight(of_finished: dict[int, dict[str, Any]]) -> None:
    for width, measured in of_finished.items():
        assert measured["navigation"] == 0
        if width >= 768:
            assert not {"confusion-difference", "price"} & set(measured["scrolling"])


def test_better_and_worse_are_told_apart_without_colours(of_finished: dict[int, dict[str, Any]]) -> None:
    assert set(of_finished[320]["marks"]) == {"better▲", "worse▼"}


def test_the_page_requests_nothing(
    of_finished: dict[int, dict[str, Any]], of_interim: dict[int, dict[str, Any]]
) -> None:
    assert [measured["requests"] for measured in (*of_finished.values(), *of_interim.values())] == [[]] * 2 * len(
        WIDTHS
    )


def test_the_page_says_the_same_without_scripts(folder: Path, of_finished: dict[int, dict[str, Any]]) -> None:
    without = measure(folder, more='sandbox="allow-same-origin"')
    assert without[768]["texts"] == of_finished[768]["texts"]


@pytest.mark.parametrize(("page", "cells", "size"), [("of_finished", 100, "28×28"), ("of_shapes", 49, "20×20")])
def test_tables_and_thumbnails_are_there(page: str, cells: int, size: str, request: pytest.FixtureRequest) -> None:
    measured = request.getfixturevalue(page)[1400]
    assert measured["cells"] == cells
    assert measured["images"] == [size]


def test_dark_mode_recolours_text_and_drawings(
    folder: Path, pictures: Path, of_finished: dict[int, dict[str, Any]]
) -> None:
    """Of the finished page, which has the drawings of the interim one, and Matplotlib's."""
    light = of_finished[768]
    dark = measure(folder, DARK, f"--screenshot={pictures / 'of_finished-dark.png'}")[768]
    assert light["ink"] == "rgb(20, 22, 27)"
    assert dark["ink"] == "rgb(233, 235, 240)"
    assert light["ink"] in light["strokes"]
    assert dark["ink"] in dark["strokes"]
    seen = [PIL.Image.open(pictures / f"of_finished-{scheme}.png").convert("L") for scheme in ("light", "dark")]
    brightness = [np.median(np.asarray(picture)[300:900, 800:1450]) for picture in seen]  # the card at 768 px
    assert brightness[0] > 230
    assert brightness[1] < 40


@pytest.mark.parametrize("run_dir", ["folder", "interim"])
@pytest.mark.parametrize("scheme", [(), (DARK,)], ids=["light", "dark"])
def test_axe_finds_no_violation(
    run_dir: str, scheme: tuple[str, ...], axe: Path, request: pytest.FixtureRequest
) -> None:
    """On a copy without the policy that would keep the examiner out, with every section open."""
    where: Path = request.getfixturevalue(run_dir)
    text = (where / "report.html").read_text(encoding="utf-8")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace("<details>", "<details open>")
    examiner = f"<script>{axe.read_text(encoding='utf-8')}</script>"
    (where / "axe.html").write_text(text.replace("</body>", examiner + "</body>"), encoding="utf-8")
    found = measure(where, *scheme, page="axe.html")
    assert {width: measured["violations"] for width, measured in found.items()} == {width: [] for width in WIDTHS}
