"""What a search under way was started with, and the command that goes on."""

from __future__ import annotations

from reports.layout.section import Section, draw_section
from reports.numbers.privacy import setting_facts, without_credentials, without_folders
from reports.numbers.so_far import SoFar


def resume(so_far: SoFar) -> Section:
    """The command that goes on, and what it will keep and run again."""
    state = so_far.state
    return draw_section(
        "sections/reproduce/resume.html", id="resume", title="Go on", heading="Go on with this command",
        command=without_credentials(state.resume), ended=len(state.trials), waiting=state.waiting,
    )  # fmt: skip


def reproduce_so_far(so_far: SoFar) -> Section:
    """Command and settings."""
    state = so_far.state
    origin = {
        "study": without_folders(state.study),
        "command": without_credentials(state.command),
        "resume": without_credentials(state.resume),
        "started": state.started,
        "saved": state.saved,
        "settings": setting_facts(state.settings, state.command),
    }
    return draw_section(
        "sections/reproduce/so_far.html", id="reproduce", title="Settings", heading="What was run",
        numbers={"origin": origin}, origin=origin,
    )  # fmt: skip
