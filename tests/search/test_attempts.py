"""Which job a submitted search is: the one that is there, or the next attempt at it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.client.jobs import Job
from cluster.startable import ConnectError
from search.command.arguments import Request, parse
from search.command.settings import SettingsError
from search.command.submission.attempts import FLAGS, RUN, Attempt, find, next_attempt
from search.submit import _is_fetched

FLAGS_50 = "--trials 50"
RUNNING = Job(
    id="a", metadata={RUN: "a", FLAGS: FLAGS_50}, status="RUNNING", exit_code=None, message="", started=1, node=""
)
DONE = replace(RUNNING, status="SUCCEEDED", exit_code=0)
TOO_FEW = replace(RUNNING, status="FAILED", exit_code=3)
REFUSED = replace(RUNNING, status="FAILED", exit_code=2)
FETCH = replace(DONE, id="fetch-a-1", metadata={})


def request(*words: str) -> Request:
    return parse([*words, "--trials", "50"])


def attempt(jobs: list[Job], *words: str, flags: str = FLAGS_50, fetched: bool = False) -> Attempt:
    return next_attempt(jobs, request(*words), flags, lambda job: fetched)


def test_the_jobs_id_is_the_runs_name() -> None:
    assert attempt([FETCH], "--name", "a") == Attempt("a", "a", is_new=True)


def test_a_search_that_runs_is_followed_and_not_begun_again() -> None:
    assert attempt([RUNNING, FETCH], "--name", "a") == Attempt("a", "a", is_new=False)
    assert attempt([RUNNING], "--name", "a", "--overwrite") == Attempt("a", "a", is_new=False)


def test_without_a_name_it_is_known_by_its_flags_until_it_is_fetched() -> None:
    assert attempt([RUNNING], fetched=True) == Attempt("a", "a", is_new=False)
    assert attempt([DONE]) == Attempt("a", "a", is_new=False)
    assert attempt([TOO_FEW]) == Attempt("a", "a", is_new=False)
    assert attempt([DONE], fetched=True).is_new
    assert attempt([REFUSED]).is_new, "it left nothing to fetch"
    assert attempt([RUNNING], flags="--trials 80").is_new


def test_a_named_search_that_ended_early_goes_on_as_a_further_attempt() -> None:
    assert attempt([TOO_FEW], "--name", "a") == Attempt("a", "a-2", is_new=True)
    second = replace(TOO_FEW, id="a-2", status="STOPPED")
    assert attempt([TOO_FEW, second], "--name", "a") == Attempt("a", "a-3", is_new=True)


def test_a_named_search_that_is_complete_is_fetched_again_or_taken_further() -> None:
    assert attempt([DONE], "--name", "a") == Attempt("a", "a", is_new=False)
    assert attempt([DONE], "--name", "a", flags="--trials 80") == Attempt("a", "a-2", is_new=True)


def test_a_search_is_overwritten_once_what_it_found_is_here() -> None:
    assert attempt([DONE], "--name", "a", "--overwrite") == Attempt("a", "a", is_new=False)
    assert attempt([DONE], "--name", "a", "--overwrite", fetched=True) == Attempt("a", "a-2", is_new=True)
    assert attempt([DONE], "--name", "a", "--overwrite", flags="--trials 80") == Attempt("a", "a-2", is_new=True)
    assert attempt([TOO_FEW], "--name", "a", "--overwrite") == Attempt("a", "a-2", is_new=True)


def test_a_search_is_fetched_when_a_report_of_after_its_beginning_is_here(tmp_path: Path) -> None:
    job = replace(DONE, started=1_000_500)  # ms
    assert not _is_fetched(tmp_path, job)
    (tmp_path / "a").mkdir()
    for name in ("outcome.json", "report.html"):
        (tmp_path / "a" / name).touch()
    os.utime(tmp_path / "a" / "report.html", (1000, 1000))
    assert not _is_fetched(tmp_path, job), "it is of an earlier search, which this one overwrote"
    os.utime(tmp_path / "a" / "report.html", (1001, 1001))
    assert _is_fetched(tmp_path, job)


def test_an_id_that_another_run_has_is_not_taken() -> None:
    other = replace(DONE, id="a-2", metadata={RUN: "a-2", FLAGS: FLAGS_50})
    assert attempt([TOO_FEW, other], "--name", "a") == Attempt("a", "a-3", is_new=True)


def test_a_runs_name_finds_its_last_attempt_and_an_id_that_one() -> None:
    second = replace(RUNNING, id="a-2")
    assert find([TOO_FEW, second, FETCH], "a") == Attempt("a", "a-2", is_new=False)
    assert find([TOO_FEW, second], "a-2") == Attempt("a", "a-2", is_new=False)
    with pytest.raises(SettingsError, match=r"Received: b; the cluster knows a, a-2\."):
        find([TOO_FEW, second, FETCH], "b")


@pytest.mark.parametrize(
    ("job", "code"),
    [
        (DONE, 0),
        (TOO_FEW, 3),
        (replace(TOO_FEW, exit_code=-9), 137),
        (replace(TOO_FEW, status="STOPPED", exit_code=None), 143),
    ],
)
def test_the_exit_code_is_the_searchs_own(job: Job, code: int) -> None:
    assert job.code() == code


def test_a_job_that_the_cluster_lost_is_the_clusters_fault() -> None:
    lost = replace(TOO_FEW, exit_code=None, message="Job supervisor actor died: the head was out of memory.")
    with pytest.raises(ConnectError, match="Received: FAILED: Job supervisor actor died"):
        lost.code()
