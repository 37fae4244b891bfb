"""Images of one's own: a file that keeps the rules becomes a task; any other is refused with rule, value and remedy."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fashion_model.data import own_file
from fashion_model.data.own_file import OwnFile
from fashion_model.data.splits import DataError
from fashion_model.task import Task

from .own_files import arrays, refusal, written


def test_a_file_becomes_a_task_with_its_shape_classes_and_hash(tmp_path: Path) -> None:
    path = written(tmp_path, class_names=np.array(list("abcdefg")))
    source = OwnFile.open(path)
    sha256 = own_file._sha256(path)
    files = {"mine.npz": sha256}
    expected = Task(name="mine", class_names=tuple("abcdefg"), image_shape=(20, 24, 3), files=files)
    assert (source.task, source.kind) == (expected, "mine.npz")
    training, test = source.read_training(), source.read_test()
    assert np.array_equal(training.images, arrays()["x_train"])
    assert np.array_equal(test.images, arrays()["x_test"])
    assert test.labels.tolist() == arrays()["y_test"].tolist()
    assert training.labels.dtype == np.uint8


def test_without_names_the_classes_have_their_numbers(tmp_path: Path) -> None:
    assert OwnFile.open(written(tmp_path)).task.class_names == tuple("0123456")


@pytest.mark.parametrize("kind", ["uint8", "int16", "int64", ">i4", "uint64"])
def test_labels_may_be_of_any_whole_kind(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, y_train=(np.arange(168) % 7).astype(kind))
    assert OwnFile.open(path).read_training().labels.tolist() == arrays()["y_train"].tolist()


@pytest.mark.parametrize(("axes", "shape"), [((), (20, 24, 1)), ((1,), (20, 24, 1)), ((4,), (20, 24, 4))])
def test_images_may_have_an_axis_for_up_to_four_channels(
    tmp_path: Path, axes: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    images = {f"x_{part}": np.ones((n, 20, 24, *axes), np.uint8) for part, n in (("train", 168), ("test", 42))}
    source = OwnFile.open(written(tmp_path, **images))
    assert source.task.image_shape == shape
    assert source.read_training().images.shape == (168, *source.task.array_shape)


def test_an_array_in_columns_first_order_is_read_in_its_own_order(tmp_path: Path) -> None:
    images = np.asfortranarray(arrays()["x_train"])
    assert np.array_equal(OwnFile.open(written(tmp_path, x_train=images)).read_training().images, images)


def labels(count: int = 168, **at: int) -> npt.NDArray[np.int64]:
    made = np.arange(count) % 7
    for position, label in at.items():
        made[int(position.removeprefix("at"))] = label
    return made


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "float images": ({"x_train": np.ones((168, 20, 24, 3))}, r"x_train as uint8, .*Received: float64\. Convert"),
    "NaN in images": ({"x_test": np.full((42, 20, 24, 3), np.nan)}, r"x_test as uint8, .*Received: float64"),
    "no axis of images": ({"x_train": np.ones((20, 24), np.uint8)}, r"\(n, height, width\).*Received: \(20, 24\)"),
    "five axes": ({"x_train": np.ones((168, 20, 24, 3, 1), np.uint8)}, r"\(n, height, width\).*Received: \(168, 20, 2"),
    "channels first": (
        {"x_train": np.ones((168, 3, 20, 24), np.uint8)},
        r"channels up to 4\)\. Received: \(168, 3, 20",
    ),
    "no image": ({"x_train": np.ones((0, 20, 24, 3), np.uint8), "y_train": labels(0)}, r"Received: \(0, 20, 24, 3\)"),
    "images of two shapes": (
        {"x_test": np.ones((42, 24, 20, 3), np.uint8)},
        r"images of one shape\. Received: \(20, 24, 3\) and, to test on, \(24, 20, 3\)",
    ),
    "fewer labels than images": (
        {"y_train": labels(167)},
        r"shape \(168,\), one for each image of x_train\. Received: i",
    ),
    "one-hot labels": ({"y_train": np.eye(7, dtype=int)[labels()]}, r"one for each image .* \(168, 7\)"),
    "float labels": ({"y_train": labels().astype(float)}, r"y_train as whole numbers .*Received: float64"),
    "NaN in labels": ({"y_test": np.full(42, np.nan)}, r"y_test as whole numbers .*Received: float64"),
    "negative labels": ({"y_train": labels(at3=-1)}, r"labels from 0 to 6 in y_train\. Received: -1 to 6"),
    "test labels out of range": ({"y_test": labels(42, at3=7)}, r"labels from 0 to 6 in y_test\. Received: 0 to 7"),
    "a class missing in training": (
        {"y_train": np.where(labels() == 3, 2, labels())},
        r"each of the 7 classes in y_train\. Received: no image of class 3\. Add",
    ),
    "a class missing in the test set": (
        {"y_test": np.where(labels(42) == 0, 2, labels(42))},
        r"each of the 7 classes in y_test\. Received: no image of class 0\. Add",
    ),
    "one class": ({"y_train": labels() * 0, "y_test": labels(42) * 0}, r"from 2 to 255 classes\. Received: 1\."),
    "300 classes": ({"y_train": labels(at3=299)}, r"from 2 to 255 classes\. Received: 300\."),
    "a label of 2^62": ({"y_train": labels(at3=2**62)}, r"from 2 to 255 classes\. Received: 46"),
    "too few names": ({"class_names": np.array(list("abcdef"))}, r"labels from 0 to 5 in y_train\. Received: 0 to 6"),
    "too many names": ({"class_names": np.array(list("abcdefgh"))}, r"each of the 8 classes in y_train\. .*class 7"),
    "the same name twice": ({"class_names": np.array(list("abcdefa"))}, r"no two the same\. Received: \['a'"),
    "an empty name": ({"class_names": np.array([*"abcdef", ""])}, r"1 to 64 printable characters"),
    "a name of two lines": ({"class_names": np.array([*"abcdef", "g\nh"])}, r"1 to 64 printable characters"),
    "half of a character": ({"class_names": np.array([*"abcdef", "\ud800"])}, r"1 to 64 printable characters"),
    "a long name": ({"class_names": np.array([*"abcdef", "g" * 65])}, r"1 to 64 printable characters"),
    "numbers for names": ({"class_names": np.arange(7)}, r"1 to 64 printable characters"),
    "one word for names": ({"class_names": np.array("abcdefg")}, r"from 2 to 255 classes\. Received: 1\."),
    "names as objects": (
        {"class_names": np.array([*"abcdefg"], object)},
        r"no Python objects in class_names\. .* object",
    ),
    "pickled images": ({"x_train": np.array([{}] * 168, object)}, r"no Python objects in x_train\. Received: object"),
    "small images": (
        {"x_train": np.ones((168, 9, 24), np.uint8), "x_test": np.ones((42, 9, 24), np.uint8)},
        r"images of 10 to 256 pixels a side, .*Received: 9×24\. Resize",
    ),
    "large images": (
        {"x_train": np.ones((168, 20, 257), np.uint8), "x_test": np.ones((42, 20, 257), np.uint8)},
        r"images of 10 to 256 pixels a side, .*Received: 20×257\. Resize",
    ),
}
HOSTILE |= {
    f"no {name}": ({name: None}, rf"must hold x_train, x_test, y_train, y_test\. Received: no {name}\. Write it with")
    for name in ("x_train", "y_train", "x_test", "y_test")
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_breaks_a_rule_is_refused_with_rule_value_and_remedy(tmp_path: Path, what: str) -> None:
    changes, expected = HOSTILE[what]
    assert re.search(expected, refusal(written(tmp_path, **changes)), re.DOTALL)


def test_a_name_that_no_page_can_show_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path).rename(tmp_path / "two\nlines.npz")
    assert r"must have a printable name. Received: 'two\nlines.npz'. Rename it." in refusal(path)


def test_a_file_that_changes_after_it_was_checked_is_refused_when_it_is_read(tmp_path: Path) -> None:
    source = OwnFile.open(written(tmp_path))
    written(tmp_path, y_test=labels(42, at3=0))
    for read in (source.read_training, source.read_test):
        with pytest.raises(
            DataError, match=r"must stay as it was, SHA-256 \w{64}\. Received: \w{64}\. Put the file back"
        ):
            read()


def test_more_than_the_machine_has_memory_for_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Black images, of which a megabyte takes a kilobyte of the file."""
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 512}[name])
    path = written(tmp_path, x_train=np.zeros((168, 80, 80, 3), np.uint8), x_test=np.zeros((42, 80, 80, 3), np.uint8))
    assert path.stat().st_size < 100_000
    rule = "must hold at most 262,144 bytes once uncompressed, since each process"
    assert re.search(rf"{rule} .*Received: 4,\d{{3}},\d{{3}}\.", refusal(path))


def test_more_than_a_gigabyte_is_refused_whatever_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 2**20)
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w") as archive:  # whose directory alone says so
        for name in ("x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy"):
            archive.writestr(name, b"")
            archive.getinfo(name).file_size = 2**29
    assert "must hold at most 1,073,741,824 bytes" in refusal(path)
    assert "Received: 2,147,483,648." in refusal(path)
