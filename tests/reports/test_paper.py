"""The page on paper, as Chromium prints it: every section open, and no head alone at the foot of a page.

pytest -m browser tests/reports/test_paper.py
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from tests.reports.conftest import FinishedSearch, Plan, finish
from tests.reports.sections.test_ablation import PATH
from tests.reports.test_browser import FLAGS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def search() -> FinishedSearch:
    made = finish(Plan(images=1000, trials=60))
    return replace(made, outcome=replace(made.outcome, ablation=PATH))


@pytest.fixture(scope="module")
def printed(folder: Path) -> list[list[tuple[float, str]]]:
    """Each page on paper: its lines, and how far down each of them ends (points)."""
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (Debian: apt-get install poppler-utils)")
    pdf = folder / "page.pdf"
    command = ["chromium", *FLAGS, f"--user-data-dir={folder / 'profile'}", "--no-pdf-header-footer"]
    command += [f"--print-to-pdf={pdf}", (folder / "report.html").as_uri()]
    subprocess.run(command, capture_output=True, timeout=240, check=True)
    done = subprocess.run(["pdftotext", "-bbox-layout", pdf, "-"], capture_output=True, text=True, check=True)  # noqa: S607
    pages = [re.findall(r'<line [^>]*yMax="([\d.]+)">(.*?)</line>', each, flags=re.DOTALL)
             for each in done.stdout.split("<page ")[1:]]  # fmt: skip
    words = re.compile(r"<word[^>]*>(.*?)</word>")
    return [[(float(end), unescape(" ".join(words.findall(line)))) for end, line in page] for page in pages]


def texts(html: str, *tags: str) -> list[str]:
    """What such elements say that are to be seen, each in one line."""
    found = re.findall(rf"<({'|'.join(tags)})\b(?![^>]*hidden)[^>]*>(.*?)</\1>", html, flags=re.DOTALL)
    return [" ".join(unescape(re.sub(r"<[^>]*>", " ", content)).split()) for _, content in found]


def test_on_paper_every_section_is_open(text: str, printed: list[list[tuple[float, str]]]) -> None:
    paper = {word for page in printed for _, line in page for word in line.split()}
    wanted = texts(text, "caption", "summary", "h2", "h3", "dt", "th")
    assert len(wanted) > 300
    assert {word for each in wanted for word in each.split()} - paper == set()


def test_on_paper_no_head_is_left_alone_at_the_foot_of_a_page(
    text: str, printed: list[list[tuple[float, str]]]
) -> None:
    rows = [set(texts(row, "th")) for row in re.findall(r"<thead>(.*?)</thead>", text, flags=re.DOTALL)]
    for page in printed[:-1]:
        foot = max(end for end, _ in page)
        last = [line for end, line in page if end > foot - 3]
        assert not [row for row in rows if len(last) > 1 and set(last) <= row], last
        for head in texts(text, "caption", "summary", "h2", "h3"):
            assert not any(line == head or (" " in line and head.endswith(line)) for line in last), last
    assert len(printed[-1]) > 5  # the last page has more than the footer
