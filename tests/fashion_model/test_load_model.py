"""`load_model` reads back the very file that was recorded, and no other."""

import hashlib
from pathlib import Path

import keras
import numpy as np
import pytest

from fashion_model.config import TrainConfig
from fashion_model.model import ModelFileError, build_model, load_model


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def model(tiny_config: TrainConfig) -> keras.Model:
    model = build_model(tiny_config)
    model.compile("sgd", "sparse_categorical_crossentropy")  # as a trained model is
    return model


@pytest.fixture
def saved(model: keras.Model, tmp_path: Path) -> Path:
    path = tmp_path / "best-1.keras"
    model.save(path)
    return path


def test_a_saved_model_predicts_as_before(model: keras.Model, saved: Path) -> None:
    loaded = load_model(saved, sha256_of(saved))
    images = np.random.default_rng(0).random((5, 28, 28, 1), dtype=np.float32)
    before, after = (keras.ops.convert_to_numpy(one(images)) for one in (model, loaded))
    assert np.array_equal(before, after)
    assert not loaded.compiled


def test_a_flipped_bit_is_refused(saved: Path) -> None:
    recorded, content = sha256_of(saved), bytearray(saved.read_bytes())
    content[len(content) // 2] ^= 1
    saved.write_bytes(content)
    with pytest.raises(
        ModelFileError, match=rf"(?s)best-1\.keras must have the SHA-256 {recorded}.*Received: \w{{64}}"
    ):
        load_model(saved, recorded)


def test_a_truncated_file_is_refused(saved: Path) -> None:
    recorded = sha256_of(saved)
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match=r"must have the SHA-256.*Take the unchanged file"):
        load_model(saved, recorded)


@pytest.mark.parametrize("name", ["best-1.h5", "best-1", "best-1.keras.zip"])
def test_only_keras_own_format_is_read_even_with_the_right_hash(name: str, saved: Path) -> None:
    other = saved.rename(saved.with_name(name))
    with pytest.raises(ModelFileError, match=rf"Keras's own format\. Received: .*{name}\. Save it as best-1\."):
        load_model(other, sha256_of(other))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.keras", "0" * 64)
