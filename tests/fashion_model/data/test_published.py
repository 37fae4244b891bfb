"""Whatever the source, only the published bytes pass; anything else names the file, what was wrong and the ways out.

The pinned hashes are of the real files, so most of these tests damage a copy of them.
"""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from fashion_model.data import published
from fashion_model.data.__main__ import main
from fashion_model.data.published import OTHER_WAYS, PublishedFiles, find_source, keras_cache_dir, local_source
from fashion_model.data.splits import DataError
from fashion_model.task import FASHION_MNIST

REAL = local_source(None)
needs_data = pytest.mark.skipif(REAL is None, reason="needs the real data set in Keras's cache or Debian's package")

DAMAGED = "train-labels-idx1-ubyte"


def real_file(name: str) -> Path:
    assert REAL is not None
    return next(path for path in (REAL.folder / f"{name}.gz", REAL.folder / name) if path.is_file())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the four real files, one of them a copy that may be damaged."""
    for name in FASHION_MNIST.files:
        path = real_file(name)
        (tmp_path / path.name).symlink_to(path)
    content = PublishedFiles(tmp_path, "test").read(DAMAGED)
    (tmp_path / f"{DAMAGED}.gz").unlink()
    (tmp_path / f"{DAMAGED}.gz").write_bytes(gzip.compress(content, compresslevel=1))
    return tmp_path


def place(folder: Path) -> None:
    """Empty files under the right names: the search for a place reads none."""
    folder.mkdir(parents=True)
    for name in FASHION_MNIST.files:
        (folder / f"{name}.gz").touch()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Keras's cache and Debian's folder, both in `tmp_path` and both complete."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(published, "DEBIAN_DIR", tmp_path / "debian")
    keras = tmp_path / "keras" / "datasets" / "fashion-mnist"
    place(keras)
    place(tmp_path / "debian")
    return {"keras": keras, "debian": tmp_path / "debian"}


def remove(path: Path) -> str:
    path.unlink()
    return "Expected: the file.\n  Received: no such file."


def cut_short(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:-100])
    return "Expected: a readable gzip file.\n  Received: Compressed file ended before the end-of-stream marker"


def break_stream(path: Path) -> str:
    content = bytearray(path.read_bytes())
    content[100:110] = bytes(10)
    path.write_bytes(content)
    return "Expected: a readable gzip file.\n  Received: "


def replace_by_a_page(path: Path) -> str:
    path.write_bytes(b"<html>404 Not Found</html>")
    return "Expected: a readable gzip file.\n  Received: Not a gzipped file"


def flip_a_bit(path: Path) -> str:
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[40_000] ^= 1
    path.write_bytes(gzip.compress(content, compresslevel=1))
    received = f"{hashlib.sha256(content).hexdigest()} ({len(content):,} bytes)"
    return f"Expected: SHA-256 {FASHION_MNIST.files[DAMAGED]} once decompressed.\n  Received: {received}."


DAMAGES = [remove, cut_short, break_stream, replace_by_a_page, flip_a_bit]


@needs_data
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_with_what_was_expected_received_and_every_way_out(
    folder: Path, damage: Callable[[Path], str]
) -> None:
    path = folder / f"{DAMAGED}.gz"
    wrong = damage(path)
    with pytest.raises(DataError) as refused:
        PublishedFiles(folder, "test").read(DAMAGED)
    message = str(refused.value)
    assert message.startswith(f"{path} must be the published Fashion-MNIST file.\n  {wrong}")
    assert "with a network it is downloaded again" in message
    assert message.endswith(OTHER_WAYS)


@needs_data
def test_the_command_then_returns_4_with_nothing_on_stdout(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / f"{DAMAGED}.gz"
    wrong = remove(path)
    assert main(["--data-dir", str(folder)]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path} must be the published Fashion-MNIST file.\n  {wrong}" in err
    assert "apt-get install dataset-fashion-mnist" in err
    assert "--data-dir DIR" in err


@needs_data
@pytest.mark.parametrize("name", FASHION_MNIST.files)
def test_verifying_checks_each_of_the_four_files(folder: Path, name: str) -> None:
    for suffix in (".gz", ""):
        (folder / f"{name}{suffix}").unlink(missing_ok=True)
    (folder / name).write_bytes(b"another file")
    with pytest.raises(DataError, match=rf"/{name} must be the published Fashion-MNIST file"):
        find_source(folder)


@needs_data
def test_whole_files_pass_whether_or_not_they_are_compressed(folder: Path) -> None:
    compressed = PublishedFiles(folder, "test").read(DAMAGED)
    (folder / f"{DAMAGED}.gz").unlink()
    (folder / DAMAGED).write_bytes(compressed)
    assert PublishedFiles(folder, "test").read(DAMAGED) == compressed
    assert hashlib.sha256(compressed).hexdigest() == FASHION_MNIST.files[DAMAGED]


def test_the_folder_asked_for_comes_before_every_other(places: dict[str, Path], tmp_path: Path) -> None:
    assert local_source(tmp_path / "mine") == PublishedFiles(tmp_path / "mine", "--data-dir")


def test_then_comes_keras_cache_then_debians_package_then_none(places: dict[str, Path]) -> None:
    assert local_source(None) == PublishedFiles(places["keras"], "Keras's cache")
    (places["keras"] / f"{DAMAGED}.gz").unlink()
    assert local_source(None) == PublishedFiles(places["debian"], "Debian's package")
    (places["debian"] / f"{DAMAGED}.gz").unlink()
    assert local_source(None) is None


def test_a_place_may_hold_decompressed_files(places: dict[str, Path]) -> None:
    for name in FASHION_MNIST.files:
        (places["keras"] / f"{name}.gz").rename(places["keras"] / name)
    assert local_source(None) == PublishedFiles(places["keras"], "Keras's cache")


def test_keras_cache_is_under_keras_home_else_in_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert keras_cache_dir() == tmp_path / "keras" / "datasets" / "fashion-mnist"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for unset in ("delete", "empty"):
        monkeypatch.delenv("KERAS_HOME") if unset == "delete" else monkeypatch.setenv("KERAS_HOME", "")
        assert keras_cache_dir() == tmp_path / "home" / ".keras" / "datasets" / "fashion-mnist"


def test_with_no_place_and_no_network_the_command_says_every_way_to_get_the_data(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in places.values():
        (folder / f"{DAMAGED}.gz").unlink()
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.delenv("no_proxy", raising=False)
    assert main([]) == 4
    err = capsys.readouterr().err
    assert "Fashion-MNIST is in none of the usual places, and downloading it from https://" in err
    assert f"into {places['keras']} failed" in err
    assert "try again with a network" in err
    assert OTHER_WAYS in err
    assert not (places["keras"] / f"{DAMAGED}.gz").exists()
