"""What others wrote cannot reorder or break the page around it."""

from __future__ import annotations

from reports.layout.section import Cover, Section, draw_page, draw_section


def drawn(text: str) -> Section:
    return draw_section("sections/reproduce/so_far.html", id="a", title="A", heading=text, origin=_Origin())


class _Origin:
    command = started = saved = "x"
    settings = ()


def test_controls_of_direction_and_lone_surrogates_are_shown_by_their_numbers() -> None:
    html = str(drawn("a\u202eb\u2066c\udc80d\x00e").html)
    assert "<h2>a[U+202E]b[U+2066]c[U+DC80]d[U+0000]e</h2>" in html


def test_letters_that_run_from_right_to_left_are_isolated_and_others_are_as_they_are() -> None:
    assert "<h2>\u2066שלום 3\u2069</h2>" in drawn("שלום 3").html
    assert "<h2>é 😀 − → 漢字</h2>" in drawn("é 😀 − → 漢字").html


def test_a_page_of_any_text_can_be_encoded() -> None:
    cover = Cover(task="t\udcff", study="s\u202e", written="2026-01-01", is_finished=True, records=("outcome.json",))
    assert b"[U+DCFF]" in draw_page([drawn("\ud83d")], cover).encode()
