"""What was run is named, and what must not leave the machine is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE
from reports.numbers.comparison import compare
from reports.sections.reproduce.section import provenance, reproduce
from tests.reports.conftest import FinishedSearch, Plan, finish


@pytest.fixture(scope="module")
def search() -> FinishedSearch:
    return finish(Plan())


def test_settings_keep_what_the_command_says_and_hide_hosts_folders_and_passwords_that_it_does_not(
    search: FinishedSearch,
) -> None:
    settings = {
        "output": "/data/ann/runs",
        "address": "gpu-box-7:6379",
        "storage": "postgresql://ann:pw@db/x",
        "storage_path": "s3://anns-bucket/runs",
        "seed": 1,
    }
    comparison = compare(search.outcome, search.predictions)
    hidden = provenance(replace(search.outcome, settings=settings), comparison)
    assert [fact.value for fact in hidden.settings] == ["…", "…/runs", "1", "postgresql://…/x", "s3://…/runs"]
    command = "python -m search.run --output /data/ann/runs --address gpu-box-7:6379"
    command += " --storage postgresql://ann:pw@db/x --storage-path s3://anns-bucket/runs"
    said = provenance(replace(search.outcome, settings=settings, command=command), comparison)
    named = ["gpu-box-7:6379", "/data/ann/runs", "1", "postgresql://…@db/x", "s3://anns-bucket/runs"]
    assert [fact.value for fact in said.settings] == named


def test_commit_and_lock_file_are_named(search: FinishedSearch) -> None:
    environment = replace(search.outcome.environment, commit="0123abcd+", lock_sha256="ef" * 32)
    comparison = compare(search.outcome, search.predictions)
    facts = provenance(replace(search.outcome, environment=environment), comparison).machine
    assert [fact.value for fact in facts[:2]] == ["0123abcd+", "ef" * 32]
    assert provenance(search.outcome, comparison).machine[0].value == "not recorded"


def test_where_the_reference_wins_its_model_is_loaded_and_its_files_are_listed_once() -> None:
    numbers = finish(Plan(best_config=REFERENCE)).numbers()
    section = reproduce(numbers)
    assert "The reference was retrained on the seeds 0, 1, 2, 3, 4." in section.html
    assert "<p>Load the reference, that of the first seed" in section.html
    assert "tuned" not in section.html.lower()
    assert section.html.count(".keras</td>") == 5
