"""Which job a submitted search is: the one that is there, or the next attempt at it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.connect import ConnectError
from cluster.jobs import Job
from search.arguments import Request, parse
from search.settings import SettingsError
from search.submission.attempts import FLAGS, RUN, Step, find, next_step

FLAGS_50 = "--trials 50"
RUNNING = Job(
    id="a", metadata={RUN: "a", FLAGS: FLAGS_50}, status="RUNNING", exit_code=None, message="", started=1, node=""
)
DONE = replace(RUNNING, status="SUCCEEDED", exit_code=0)
TOO_FEW = replace(RUNNING, status="FAILED", exit_code=3)
FETCH = replace(DONE, id="fetch-a-1", metadata={})


def request(*words: str) -> Request:
    return parse([*words, "--trials", "50"])


def step(jobs: list[Job], *words: str, flags: str = FLAGS_50, fetched: bool = False) -> Step:
    return next_step(jobs, request(*words), flags, lambda run: fetched)


def test_the_jobs_id_is_the_runs_name() -> None:
    assert step([FETCH], "--name", "a") == Step("a", "a", is_new=True)


def test_a_search_that_runs_is_followed_and_not_begun_again() -> None:
    assert step([RUNNING, FETCH], "--name", "a") == Step("a", "a", is_new=False)
    assert step([RUNNING], "--name", "a", "--overwrite") == Step("a", "a", is_new=False)


def test_without_a_name_it_is_known_by_its_flags_until_it_is_fetched() -> None:
    assert step([RUNNING], fetched=True) == Step("a", "a", is_new=False)
    assert step([DONE]) == Step("a", "a", is_new=False)
    assert step([TOO_FEW]) == Step("a", "a", is_new=False)
    assert step([DONE], fetched=True).is_new
    assert step([RUNNING], flags="--trials 80").is_new


def test_a_named_search_that_ended_early_goes_on_as_a_further_attempt() -> None:
    assert step([TOO_FEW], "--name", "a") == Step("a", "a-2", is_new=True)
    second = replace(TOO_FEW, id="a-2", status="STOPPED")
    assert step([TOO_FEW, second], "--name", "a") == Step("a", "a-3", is_new=True)


def test_a_named_search_that_is_complete_is_fetched_again_or_taken_further() -> None:
    assert step([DONE], "--name", "a") == Step("a", "a", is_new=False)
    assert step([DONE], "--name", "a", flags="--trials 80") == Step("a", "a-2", is_new=True)
    assert step([DONE], "--name", "a", "--overwrite") == Step("a", "a-2", is_new=True)


def test_an_id_that_another_run_has_is_not_taken() -> None:
    other = replace(DONE, id="a-2", metadata={RUN: "a-2", FLAGS: FLAGS_50})
    assert step([TOO_FEW, other], "--name", "a") == Step("a", "a-3", is_new=True)


def test_a_runs_name_finds_its_last_attempt_and_an_id_that_one() -> None:
    second = replace(RUNNING, id="a-2")
    assert find([TOO_FEW, second, FETCH], "a") == Step("a", "a-2", is_new=False)
    assert find([TOO_FEW, second], "a-2") == Step("a", "a-2", is_new=False)
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
