"""What is known before a Ray is started: which one to join, and what keeps one of our own from starting."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from cluster.connect import choose_address
from cluster.startable import ConnectError, require_startable

from ..search.disk import fill, mounted_disk

SETTINGS = b"\0\0\0\4\0\0\0\0\0"  # the first frame of an HTTP/2 server, as Ray's is one


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ray's temporary folder, short and empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_TMPDIR", ".")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE"):
        monkeypatch.setenv(name, "")  # what the code sets is taken back
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr("cluster.connect.asks_for_token", lambda address: None)  # what is no Ray does not say
    return tmp_path


@contextmanager
def server(answer: bytes) -> Iterator[str]:
    """The address of a server that greets everybody so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(answer)
                connection.recv(100)

        Thread(target=greet, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_path_too_long_for_a_socket_is_told_at_once_with_its_remedy(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(variable, "/tmp/" + "x" * 60)  # noqa: S108 - nothing is made there
    with pytest.raises(
        ConnectError, match=r"at most \d+ bytes\. Received: \d+, in /tmp/x+, .* Set RAY_TMPDIR to a sho"
    ):
        require_startable()


@pytest.mark.parametrize("kind", ["a file", "in a file", "/proc/nowhere"])
def test_a_folder_that_cannot_be_written_is_told_at_once_with_its_remedy(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "f").touch()
    monkeypatch.setenv("RAY_TMPDIR", {"a file": "f", "in a file": "f/g"}.get(kind, kind))
    with pytest.raises(ConnectError, match=r"a folder that it can write\. Received: .* Set RAY_TMPDIR to one"):
        require_startable()


@pytest.mark.parametrize(("left", "told"), [(None, "1 MiB"), (0, "0 MiB"), (300_000, "0 MiB")])
def test_a_full_disk_is_told_at_once_with_its_remedy(
    left: int | None, told: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = folder / "disk"
    disk.mkdir()
    monkeypatch.setenv("RAY_TMPDIR", "disk")
    with mounted_disk(disk):
        if left is not None:
            fill(disk, leave=left)
        with pytest.raises(ConnectError, match=rf"at least 64 MiB .* Received: {told} .*another disk"):
            require_startable()


@pytest.mark.parametrize(("left", "told"), [(None, "1 MiB"), (0, "0 MiB"), (300_000, "0 MiB")])
def test_little_shared_memory_is_a_word_of_warning(
    left: int | None, told: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = folder / "shm"
    shared.mkdir()
    monkeypatch.setattr("cluster.startable._SHARED_MEMORY", shared)
    with mounted_disk(shared):
        if left is not None:
            fill(shared, leave=left)
        (line,) = require_startable()
    assert f"{shared} has {told} free, so Ray keeps the images in ., which is slower." in line


def test_a_machine_without_shared_memory_hears_nothing_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.startable._SHARED_MEMORY", folder / "none")
    assert require_startable() == []


@pytest.mark.parametrize(
    "content", [b"127.0.0.1:1", b"no address", b"\xff\xfe:99", b"", b"127.0.0.1:99999", b"..:80"], ids=repr
)
def test_a_stale_file_of_ray_start_is_passed_over_within_seconds(content: bytes, folder: Path) -> None:
    (folder / "ray").mkdir()
    (folder / "ray" / "ray_current_cluster").write_bytes(content)
    said: list[str] = []
    start = time.monotonic()
    assert choose_address(None, said.append) == "local"
    assert time.monotonic() - start < 10
    assert not any("Ray cluster" in line for line in said)
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64


def test_what_listens_at_the_address_of_a_stale_file_and_is_no_ray_is_passed_over(folder: Path) -> None:
    (folder / "ray").mkdir()
    with server(b"HTTP/1.1 400\r\n") as address:
        (folder / "ray" / "ray_current_cluster").write_text(address)
        assert choose_address(None, lambda line: None) == "local"


@pytest.mark.parametrize("named", [None, "", "auto"])  # RAY_ADDRESS may be set to nothing
def test_a_cluster_of_ray_start_is_joined_and_named(named: str | None, folder: Path) -> None:
    (folder / "ray").mkdir()
    said: list[str] = []
    with server(SETTINGS) as address:
        (folder / "ray" / "ray_current_cluster").write_text(f"{address}\n")
        assert choose_address(named, said.append) == address
    assert said == [f"  on the Ray cluster at {address}, made by `ray start` on this machine"]
    assert "RAY_AUTH_TOKEN" not in os.environ


@pytest.mark.parametrize(
    ("named", "has_token", "mode", "expected"),
    [
        ("", True, None, "token"),
        ("", False, None, None),
        ("", True, "disabled", "disabled"),
        ("the same", True, None, "token"),
        ("another", True, None, None),
    ],
)
def test_a_cluster_of_ray_start_on_this_machine_and_no_other_is_sent_the_users_token(
    named: str, has_token: bool, mode: str | None, expected: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(folder / "token"))
    if mode is not None:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
    if has_token:
        (folder / "token").write_text("0" * 64)
    (folder / "ray").mkdir()
    with server(SETTINGS) as address, server(SETTINGS) as another:
        (folder / "ray" / "ray_current_cluster").write_text(address)
        choose_address({"": None, "the same": address, "another": another}[named], lambda line: None)
    assert os.environ.get("RAY_AUTH_MODE") == expected


def test_a_cluster_that_was_named_is_joined_and_named(folder: Path) -> None:
    said: list[str] = []
    with server(SETTINGS) as address:
        assert choose_address(address, said.append) == address
    assert said == [f"  on the Ray cluster at {address}, as named"]


@pytest.mark.parametrize("named", ["auto", "127.0.0.1:1", "127.0.0.1:99999"])
def test_a_named_cluster_that_does_not_answer_is_an_error(named: str, folder: Path) -> None:
    with pytest.raises(ConnectError, match=rf"must reach the Ray cluster at {named}\. Received: .*Check --address"):
        choose_address(named, lambda line: None)
