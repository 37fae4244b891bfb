"""`load_model` reads back the very file that was recorded, and no other; the file takes images from 0 to 255."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from fashion_model.config import REFERENCE
from fashion_model.data.splits import Split
from fashion_model.model import ModelFileError, build_model, load_model, model_file
from fashion_model.task import FASHION_MNIST

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
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_a_saved_model_takes_images_as_they_are_and_predicts_bit_for_bit_as_in_training(
    model: keras.Model, saved: Path, dtype: str
) -> None:
    before = evaluate(model, Split(PIXELS, np.zeros(len(PIXELS), np.uint8))).probabilities
    loaded = load_model(saved, sha256_of(saved))
    assert np.array_equal(loaded.predict(PIXELS.astype(dtype), batch_size=len(PIXELS), verbose=0), before)
    assert not loaded.compiled
    assert loaded.count_params() == model.count_params()


@pytest.mark.slow
def test_a_saved_model_loads_without_this_project(saved: Path) -> None:
    code = "import sys, keras; keras.saving.load_model(sys.argv[1]); sys.exit('fashion_model' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-W", "ignore", "-c", code, str(saved)], capture_output=True)
    assert loaded.returncode == 0, loaded.stderr.decode()


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
