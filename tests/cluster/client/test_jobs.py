"""Ray's Jobs API behind a server made here: what is asked again, and what is an error. With a real Ray:
tests/search/test_submit.py."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cluster.client import jobs as module
from cluster.client.jobs import Connection, Job, Jobs
from cluster.startable import ConnectError

JOB = {
    "submission_id": "a",
    "metadata": None,
    "status": "FAILED",
    "driver_exit_code": 3,
    "message": None,
    "start_time": 5,
    "driver_node_id": None,
}
OF_A_DRIVER = JOB | {"submission_id": None}


@contextmanager
def serving(*answers: tuple[int, object]) -> Iterator[str]:
    """An address that gives these answers in their order, the last one again and again: HTTP status, content."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content if isinstance(content, bytes) else json.dumps(content).encode())

        def log_message(self, *words: object) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.0)


def ask(address: str, patience_seconds: float = 5.0) -> tuple[Job, ...]:
    return Connection(lambda: address, "token", patience_seconds, print).ask(lambda jobs: jobs.all())


def test_what_is_no_submitted_job_is_left_out() -> None:
    with serving((200, [OF_A_DRIVER, JOB])) as address:
        assert ask(address) == (Job("a", {}, "FAILED", 3, "", 5, ""),)


@pytest.mark.parametrize("first", [(500, b"a fault of its own"), (503, b"not yet"), (200, b"<html>no Ray</html>")])
def test_a_server_that_is_not_well_is_asked_again(first: tuple[int, bytes]) -> None:
    with serving(first, (200, [JOB])) as address:
        assert [job.id for job in ask(address)] == ["a"]


@pytest.mark.parametrize("status", [400, 404, 405])
def test_a_request_that_is_refused_is_an_error_at_once_whatever_its_words(status: int) -> None:
    with (
        serving((status, b"Request failed with status code 503"), (200, [JOB])) as address,
        pytest.raises(ConnectError, match=rf"must take the request. Received: HTTP status {status} for {address}"),
    ):
        ask(address)


@pytest.mark.parametrize(("status", "received"), [(401, r"the cluster asks for one"), (403, r"the cluster refuses")])
def test_a_token_that_is_missing_or_wrong_is_an_error_at_once(status: int, received: str) -> None:
    with (
        serving((status, b""), (200, [JOB])) as address,
        pytest.raises(ConnectError, match=rf"token must be in ~/.ray/auth_token .*: .*{received} \({status}\)"),
    ):
        ask(address)


def test_an_api_that_goes_on_failing_is_said_once_and_ends_the_patience(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LATE_SECONDS", 0.0)
    with (
        serving((502, b"")) as address,
        pytest.raises(ConnectError, match=rf"Jobs API must answer. Received: {address}: HTTP status 502"),
    ):
        ask(address, patience_seconds=0.1)
    assert capsys.readouterr().out == f"no answer from the cluster yet: {address}: HTTP status 502\n", "said once"


def test_a_job_that_the_cluster_does_not_know_is_an_error() -> None:
    with serving((404, b"")) as address, pytest.raises(ConnectError, match=r"/api/jobs/a%2Fb\. Check the address"):
        Jobs(address, None).get("a/b")
