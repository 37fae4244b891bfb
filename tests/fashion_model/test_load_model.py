"""`load_model` reads back the very file that was recorded, and no other; the file takes images from 0 to 255."""

import hashlib
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fashion_model.config import REFERENCE
from fashion_model.data.splits import Split
from fashion_model.model import ModelFileError, build_model, load_model, model_file
from fashion_model.task import FASHION_MNIST

from ..processes import python
from ..trainings import evaluate


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


PIXELS = np.random.default_rng(0).integers(0, 256, (500, 28, 28), np.uint8)
CONFIGS = {
    "reference": REFERENCE,
    "half precision": replace(REFERENCE, precision="mixed_float16", batch_norm=True, residual=True, padding="same"),
}


@pytest.fixture(scope="module", params=CONFIGS)
def model(request: pytest.FixtureRequest) -> keras.Model:
    model = build_model(CONFIGS[request.param], FASHION_MNIST)
    model.compile("sgd", "sparse_categorical_crossentropy")  # as a trained model is
    return model


@pytest.fixture
def saved(model: keras.Model, tmp_path: Path) -> Path:
    path = tmp_path / "best-1.keras"
    path.write_bytes(model_file(model))
    return path


@pytest.mark.slow
def test_a_saved_model_takes_images_as_they_are_and_predicts_bit_for_bit_as_in_training(
    model: keras.Model, saved: Path
) -> None:
    before = evaluate(model, Split(PIXELS, np.zeros(len(PIXELS), np.uint8))).probabilities
    loaded = load_model(saved, sha256_of(saved))
    assert not loaded.compiled
    for dtype in ("uint8", "int64", "float32", "float64"):
        predicted = loaded.predict(PIXELS.astype(dtype), batch_size=len(PIXELS), verbose=0)
        assert np.array_equal(predicted, before), dtype
    assert loaded.count_params() == model.count_params()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["half precision"], indirect=True)  # of more kinds of layers than the reference
def test_a_saved_model_loads_without_this_project(saved: Path) -> None:
    code = "import sys, keras; keras.saving.load_model(sys.argv[1]); sys.exit('fashion_model' in sys.modules)"
    loaded = python("-I", "-W", "ignore", "-c", code, saved)
    assert loaded.returncode == 0, loaded.stderr


def test_every_value_is_divided_as_in_training(tmp_path: Path) -> None:
    """With XLA too, which a GPU uses: 126 of the 256 quotients differ where 1/255 is multiplied with."""
    nothing = keras.Sequential([keras.Input((256, 1, 1)), keras.layers.Flatten()])
    path = tmp_path / "divided.keras"
    path.write_bytes(model_file(nothing))
    expected = np.arange(256, dtype=np.float32) / np.float32(255)
    for with_xla in (False, True):
        divided = load_model(path)
        divided.compile(jit_compile=with_xla)
        found = divided.predict(np.arange(256, dtype=np.uint8).reshape(1, 256, 1, 1), verbose=0)[0]
        assert found.tolist() == expected.tolist()


def test_a_file_of_another_hash_is_refused(tmp_path: Path) -> None:
    path, recorded = tmp_path / "best-1.keras", "0" * 64
    path.write_bytes(b"changed")
    message = rf"best-1\.keras must have the SHA-256 {recorded}.*Received: {sha256_of(path)}\. Take the unchanged file"
    with pytest.raises(ModelFileError, match=message):
        load_model(path, recorded)


@pytest.mark.parametrize("name", ["best-1.h5", "best-1", "best-1.keras.zip"])
def test_only_keras_own_format_is_read_even_with_the_right_hash(name: str, tmp_path: Path) -> None:
    other = tmp_path / name
    other.write_bytes(b"of an older format")
    with pytest.raises(ModelFileError, match=rf"Keras's own format\. Received: .*{name}\. Save it as best-1\."):
        load_model(other, sha256_of(other))
