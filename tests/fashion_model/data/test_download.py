"""A download is fetched aside, verified and then moved: what does not pass leaves nothing behind.

A server on 127.0.0.1 stands for the network; only what the folder lacks is fetched, so most tests fetch one small file.
"""

import gc
import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fashion_model.data.published import OTHER_WAYS, PublishedFiles, download, find_source, local_source
from fashion_model.data.splits import DataError
from fashion_model.task import FASHION_MNIST

REAL = local_source(None)
pytestmark = pytest.mark.skipif(REAL is None, reason="needs the real data set in Keras's cache or Debian's package")

ROOT = Path(__file__).resolve().parents[3]
FETCHED = next(name for name in FASHION_MNIST.files if "labels" in name)


@dataclass(slots=True)
class Server:
    """A folder served over HTTP: its address, and the paths that were asked for."""

    folder: Path
    url: str = ""
    cut_off: bool = False
    requests: list[str] = field(default_factory=list)


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, counts requests; with `cut_off` it hangs up in the middle of a file."""

    def __init__(self, *arguments: Any, server_state: Server, **keywords: Any) -> None:
        self.state = server_state
        super().__init__(*arguments, directory=str(server_state.folder), **keywords)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        content = source.read()
        outputfile.write(content[: len(content) // 2] if self.state.cut_off else content)

    def log_message(self, format: str, *args: Any) -> None:
        if "GET" in str(args):
            self.state.requests.append(self.path.removeprefix("/"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The four real files, as Keras's server has them."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    state = Server(tmp_path / "served")
    state.folder.mkdir()
    assert REAL is not None
    for name in FASHION_MNIST.files:
        packed = REAL.folder / f"{name}.gz"
        if packed.is_file():
            (state.folder / f"{name}.gz").symlink_to(packed)
        else:
            (state.folder / f"{name}.gz").write_bytes(gzip.compress(REAL.read(name), compresslevel=1))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, server_state=state)) as listening:
        state.url = f"http://127.0.0.1:{listening.server_port}/"
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        yield state
        listening.shutdown()


@pytest.fixture
def cache(tmp_path: Path, server: Server) -> Path:
    """A cache that lacks one small file."""
    folder = tmp_path / "keras" / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    for name in FASHION_MNIST.files:
        if name != FETCHED:
            (folder / f"{name}.gz").symlink_to((server.folder / f"{name}.gz").resolve())
    return folder


def left_in(folder: Path) -> set[str]:
    """What lies there, but for the lock, which may stay."""
    return {path.name for path in folder.iterdir()} - {".lock"}


def test_only_the_file_that_is_missing_is_fetched_once_verified_and_moved_in_with_nothing_on_stdout(
    server: Server, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert download(cache, server.url) == cache
        assert server.requests == [f"{FETCHED}.gz"]
    assert left_in(cache) == {f"{name}.gz" for name in FASHION_MNIST.files}
    PublishedFiles(cache, "test").read(FETCHED)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("served", [b"<html></html>", gzip.compress(b"another file")], ids=["a page", "another file"])
def test_what_is_not_the_published_file_is_refused_and_not_kept(server: Server, cache: Path, served: bytes) -> None:
    (server.folder / f"{FETCHED}.gz").unlink()
    (server.folder / f"{FETCHED}.gz").write_bytes(served)
    with pytest.raises(DataError, match=rf"{FETCHED}\.gz must be the published Fashion-MNIST file\.\n  Expected: "):
        download(cache, server.url)
    assert left_in(cache) == {f"{name}.gz" for name in FASHION_MNIST.files if name != FETCHED}


def test_a_connection_lost_in_the_middle_leaves_nothing_and_the_next_try_succeeds(server: Server, cache: Path) -> None:
    server.cut_off = True
    with pytest.raises(DataError, match="retrieval incomplete: got only"):
        download(cache, server.url)
    assert left_in(cache) == {f"{name}.gz" for name in FASHION_MNIST.files if name != FETCHED}
    server.cut_off = False
    download(cache, server.url)
    assert left_in(cache) == {f"{name}.gz" for name in FASHION_MNIST.files}


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # Keras leaves the response of a 404 open
def test_a_file_that_the_server_lacks_is_reported_with_every_way_out(server: Server, cache: Path) -> None:
    (server.folder / f"{FETCHED}.gz").unlink()
    with pytest.raises(DataError) as failed:
        download(cache, server.url)
    message = str(failed.value)
    del failed
    gc.collect()  # the warning comes here, not in another test
    assert f"downloading it from {server.url} into {cache} failed.\n  Received: " in message
    assert "404" in message
    assert "try again with a network" in message
    assert message.endswith(OTHER_WAYS)
    assert left_in(cache) == {f"{name}.gz" for name in FASHION_MNIST.files if name != FETCHED}


def test_a_folder_that_cannot_be_made_is_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"into .*file/keras failed\.\n  Received: .*Not a directory"):
        download(tmp_path / "file" / "keras", server.url)


@pytest.mark.slow
def test_two_processes_at_once_make_one_valid_copy(server: Server, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    code = (
        "import pathlib, sys; from fashion_model.data.published import download;"
        "download(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    command = [sys.executable, "-c", code, str(cache), server.url]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=200) for process in both] == [0, 0]
    assert sorted(server.requests) == sorted(
        f"{name}.gz" for name in FASHION_MNIST.files
    )  # the second waited, then found all
    assert left_in(cache) == {f"{name}.gz" for name in FASHION_MNIST.files}
    find_source(cache)
