"""A file of one's own that is no whole archive of arrays, each damaged in its own way."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from .own_files import refusal, written


def not_a_file(path: Path) -> str:
    path.unlink()
    return r"must be a file\. Received: no such file\. Check --data"


def a_folder(path: Path) -> str:
    path.unlink()
    path.mkdir()
    return r"must be a file\. Received: no such file"


def a_picture(path: Path) -> str:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return r"must be a readable \.npz file\. Received: File is not a zip file\. Write it with"


def cut_short(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:-100])
    return r"must be a readable \.npz file"


def a_flipped_bit(path: Path) -> str:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)
    return r"must be whole\. Received: a damaged x_train\.npy|must be a readable \.npz file\. Received: .*decompress"


def a_header_of_2_gigabytes(path: Path) -> str:
    """The header declares what the file does not hold."""
    file = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**31 // 768 + 1, 16, 16, 3)}
    np.lib.format.write_array_header_1_0(file, header)
    _rewrite(path, "x_train.npy", file.getvalue() + bytes(100))
    return r"must hold the 2,147,483,904 bytes that the header of x_train declares\. Received: 100\. Write"


def a_negative_shape(path: Path) -> str:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (-10, -1, 10, 1)})
    _rewrite(path, "x_train.npy", file.getvalue() + bytes(100))
    return r"bytes that the header of x_train declares"


def no_array(path: Path) -> str:
    _rewrite(path, "y_train.npy", b"cos\nsystem\n(S'touch owned'\ntR.")
    return r"must be a readable \.npz file\. Received: the magic string is not correct"


def _rewrite(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()} | {name: content}
    with zipfile.ZipFile(path, "w") as archive:
        for each, inside in members.items():
            archive.writestr(each, inside)


DAMAGES = [
    not_a_file,
    a_folder,
    a_picture,
    cut_short,
    a_flipped_bit,
    a_header_of_2_gigabytes,
    a_negative_shape,
    no_array,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_no_whole_archive_of_arrays_is_refused(tmp_path: Path, damage: Callable[[Path], str]) -> None:
    path = written(tmp_path)
    assert re.search(damage(path), refusal(path), re.DOTALL)
