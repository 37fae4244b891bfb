"""What a command inherits decides no result: the backends, keras.json, the encoding, a home that is not there."""

from __future__ import annotations

import json
import os
import pwd
from pathlib import Path

import pytest

from fashion_model.data.published import keras_cache_dir
from search.command.process.inherited import give_a_home, set_aside
from search.run import main
from tests.processes import python
from tests.reports.conftest import Plan, finish

KERAS = """
from search.command.process.inherited import give_a_home, set_aside
for line in set_aside():
    print(line)
import keras
print(keras.backend.backend(), keras.config.floatx(), keras.config.image_data_format(), keras.config.max_epochs())
from fashion_model.data.published import keras_cache_dir
print(keras_cache_dir())
"""


@pytest.mark.parametrize("backend", ["jax", "torch", "TensorFlow"])
@pytest.mark.parametrize("place", [["--local"], [], ["--dry-run"]], ids=["local", "ray", "dry-run"])
def test_another_backend_is_refused_before_anything_runs(
    backend: str,
    place: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    assert main(place) == 2
    assert f"error: A search trains with tensorflow. Received: KERAS_BACKEND={backend}." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_keras_json_decides_nothing_and_the_log_says_so(tmp_path: Path) -> None:
    found = {"image_data_format": "channels_first", "floatx": "no such type", "backend": "jax", "epsilon": 1}
    (tmp_path / "keras.json").write_text(json.dumps(found))
    ended = python("-c", KERAS, KERAS_HOME=str(tmp_path), KERAS_MAX_EPOCHS="1")
    *lines, keras, cache = ended.stdout.splitlines()
    assert keras == "tensorflow float32 channels_last None", ended.stderr
    assert cache == f"{tmp_path}/datasets/fashion-mnist"
    assert lines[0] == "not used: KERAS_MAX_EPOCHS=1"
    for name, value in found.items():
        start = f"not used: {name}={value} of {tmp_path}/keras.json; trainings have "
        assert any(line.startswith(start) for line in lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [("image_data_format", "channels_first"), ("floatx", "float16"), ("backend", "torch"), ("epsilon", 0.1)],
)
def test_what_keras_json_says_otherwise_is_a_line_of_the_log(
    name: str, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras.json").write_text(json.dumps({name: value}))
    for variable, found in {"KERAS_HOME": str(tmp_path), "MPLBACKEND": "agg", "KERAS_BACKEND": ""}.items():
        monkeypatch.setenv(variable, found)
    (line,) = set_aside()
    assert line.startswith(f"not used: {name}={value} of {tmp_path}/keras.json; trainings have ")


@pytest.mark.parametrize("content", ["", "[]", "no JSON", '{"backend": "tensorflow"}'])
def test_a_keras_json_that_says_nothing_else_is_no_line_of_the_log(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keras.json").write_text(content)
    for name, value in {"KERAS_HOME": str(tmp_path), "MPLBACKEND": "agg", "KERAS_BACKEND": ""}.items():
        monkeypatch.setenv(name, value)
    assert set_aside() == []
    assert keras_cache_dir() == tmp_path / "datasets" / "fashion-mnist"


@pytest.mark.parametrize(
    ("backend", "umask"), [("module://matplotlib_inline.backend_inline", 0), ("tkagg", 0o022), ("nonsense", 0o002)]
)
def test_a_report_is_drawn_whatever_a_notebook_has_set_and_is_its_owners_alone(
    backend: str, umask: int, tmp_path: Path
) -> None:
    finish(Plan(images=30, seeds=2, trials=3)).write(tmp_path)
    ended = python("-m", "search.run", "--report-only", tmp_path, umask=umask, MPLBACKEND=backend)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "report.html").stat().st_size > 10_000
    written = ("report.html", "report.json", "MODEL_CARD.md")
    assert [(tmp_path / name).stat().st_mode & 0o077 for name in written] == [0, 0, 0]


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "tkagg", ""])
def test_another_backend_to_draw_with_is_a_line_of_the_log(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERAS_HOME", "KERAS_BACKEND"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("MPLBACKEND", backend)
    assert set_aside() == [f"not used: MPLBACKEND={backend}; the report is drawn with agg"]
    assert os.environ["MPLBACKEND"] == "agg"


@pytest.mark.parametrize(
    ("arguments", "encoding"),
    [
        (["search.run", "--help"], "ascii"),
        *((["search.run", "--print-config", "--output", "größe ✓"], name) for name in ("ascii", "latin-1", "utf-8")),
        (["search.status", "--help"], "ascii"),
        (["search.submit", "--help"], "ascii"),
    ],
)
def test_every_encoding_of_the_terminal_shows_the_text(arguments: list[str], encoding: str) -> None:
    ended = python("-m", *arguments, PYTHONIOENCODING=encoding)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(("home", "given"), [(None, "/"), ("/somewhere", "/somewhere"), ("relative", "relative")])
def test_a_user_without_an_entry_in_passwd_has_a_home(
    home: str | None, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # as for an unknown user: KeyError
    monkeypatch.setenv("HOME", home or "")
    if home is None:
        monkeypatch.delenv("HOME")
    give_a_home()
    assert (os.environ["HOME"], Path.home()) == (given, Path(given))
