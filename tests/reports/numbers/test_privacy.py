"""What is kept out of a shareable page: hosts, folders, credentials."""

from __future__ import annotations

import pytest

from reports.numbers.privacy import WorkerNames, without_credentials, without_folders


def test_workers_are_numbered_and_their_hosts_never_named() -> None:
    names = WorkerNames(("gpu-box-7:4711", "gpu-box-8:4712"))
    assert names.label("gpu-box-8:4712") == "worker 2"
    assert names.label("") == "—"
    cleaned = names.clean("worker gpu-box-7:4711 died on gpu-box-8, see /home/ann/runs/a/log.txt")
    assert cleaned == "worker worker 1 died on host, see …/log.txt"
    assert names.clean("the machine 10.0.31.7 is lost (Ray 2.60.0.1x)") == "the machine host is lost (Ray 2.60.0.1x)"


def test_a_host_within_another_word_is_none() -> None:
    names = WorkerNames(("head:4711",))
    assert names.clean("the overhead on head, of head-room, ahead") == "the overhead on host, of head-room, ahead"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:secret@db.example/x", "postgresql://…@db.example/x"),
        ("sqlite:///study.db", "sqlite:///study.db"),
    ],
)
def test_credentials_are_masked(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/data", "…/data"),
        ("~/data/x.gz", "…/x.gz"),
        ("cosine / adam", "cosine / adam"),
        ("a/b", "a/b"),
        ("sqlite:////home/ann/runs/x/study.db", "sqlite:///…/study.db"),
        ("file:///home/ann/x", "file://…/x"),
        ("sqlite:///study.db", "sqlite:///study.db"),
        ("s3://bucket/runs/x", "s3://bucket/runs/x"),
    ],
)
def test_folders_are_reduced_to_the_last_part(text: str, shown: str) -> None:
    assert without_folders(text) == shown
