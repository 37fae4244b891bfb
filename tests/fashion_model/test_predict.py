"""`python -m fashion_model.predict`: files in, class and probability out; what would give wrong classes is refused."""

import gzip
import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from fashion_model import predict
from fashion_model.config import TrainConfig
from fashion_model.data.splits import DataError, TrainingSplits
from fashion_model.model import build_model, model_file
from fashion_model.predict import main, read_images
from fashion_model.task import FASHION_MNIST
from fashion_model.training.training import Budget

from ..trainings import evaluate, train

SHAPE = (28, 28, 1)
_TYPES = {"uint8": 0x08, "float32": 0x0D, "float64": 0x0E}


def idx(images: npt.NDArray[np.generic]) -> bytes:
    header = bytes([0, 0, _TYPES[images.dtype.name], images.ndim]) + np.array(images.shape, ">u4").tobytes()
    return header + images.astype(images.dtype.newbyteorder(">")).tobytes()


def png(images: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(images).save(file, "PNG")
    return file.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)  # more than one piece of a PNG holds
ZIPPED = gzip.compress(idx(NOISE[np.newaxis]), mtime=0)


@pytest.fixture(scope="module")
def run_dir(tiny_splits: TrainingSplits, tiny_config: TrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a trained model, and its images as they are given to predict."""
    folder = tmp_path_factory.mktemp("run")
    model, _ = train(tiny_config, tiny_splits.train, None, Budget(epochs=6, seed=1))
    (folder / "models").mkdir()
    (folder / "models" / "best.keras").write_bytes(model_file(model))
    np.save(folder / "probabilities.npy", evaluate(model, tiny_splits.validation).probabilities)
    (folder / "best.json").write_text(json.dumps({"task": {"class_names": FASHION_MNIST.class_names}}))
    return folder


def test_each_image_gets_its_class_and_probability(
    run_dir: Path, tiny_splits: TrainingSplits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = tiny_splits.validation.images, tiny_splits.validation.labels
    Image.fromarray(images[0]).save(tmp_path / "one.png")
    (tmp_path / "some.gz").write_bytes(gzip.compress(idx(images), mtime=0))
    assert main([str(run_dir / "models" / "best.keras"), str(tmp_path / "one.png"), str(tmp_path / "some.gz")]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    names = [str(tmp_path / "one.png"), *(f"{tmp_path}/some.gz[{index}]" for index in range(60))]
    assert [line[0] for line in lines] == names
    expected = np.load(run_dir / "probabilities.npy")
    assert [line[1] for line in lines[1:]] == [FASHION_MNIST.class_names[row.argmax()] for row in expected]
    assert [line[2] for line in lines[1:]] == [f"{row.max():.4f}" for row in expected]
    assert lines[0][1:] == lines[1][1:]
    told = [FASHION_MNIST.class_names.index(line[1]) for line in lines[1:]]
    assert np.mean(told == labels) > 0.9


def test_a_model_in_the_root_folder_has_one_place_for_names_and_not_two() -> None:
    assert predict._class_names(Path("/best.keras"), 3) == ["0", "1", "2"]


def test_classes_are_numbers_where_best_json_is_of_another_data_set(tmp_path: Path) -> None:
    (tmp_path / "best.json").write_text(json.dumps({"task": {"class_names": ["cat", "dog"]}}))
    assert predict._class_names(tmp_path / "best.keras", 3) == ["0", "1", "2"]
    assert predict._class_names(tmp_path / "best.keras", 2) == ["cat", "dog"]


@pytest.mark.parametrize(
    ("images", "received"),
    [
        (np.full((2, 28, 28), 0.99, np.float32), "from 0.99 to 0.99"),
        (np.eye(28, dtype=np.uint8)[np.newaxis], "from 0 to 1"),
        (np.full((1, 28, 28), 256.0), "from 256 to 256"),
        (np.full((1, 28, 28), np.nan), "from nan to nan"),
        (np.full((1, 28, 28), -3.0), "from -3 to -3"),
    ],
)
def test_images_that_are_not_from_0_to_255_are_refused(
    images: npt.NDArray[np.generic], received: str, tmp_path: Path
) -> None:
    path = tmp_path / "images.idx"
    path.write_bytes(idx(images))
    with pytest.raises(
        DataError, match=rf"images\.idx must hold values from 0 to 255.*Received: {received}\. Multiply"
    ):
        read_images(path, SHAPE)


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"", "of nothing"),
        (b"GIF89a", "bytes 47 49 46 38"),
        (b"\0\0\x08\x01\0\0\0\x02ab", "bytes 00 00 08 01"),  # labels
        (idx(np.zeros((2, 28, 28), np.uint8))[:-5], "cannot reshape"),
        (gzip.compress(idx(np.zeros((2, 28, 28), np.uint8)), mtime=0)[:-9], "end-of-stream"),
        (ZIPPED[:10] + b"\xff" + ZIPPED[11:], "invalid block type"),  # the first byte after gzip's header
        (b"\x89PNG\r\n\x1a\nnothing", "cannot identify"),
        (b"ID\0T".join(png(NOISE).rsplit(b"IDAT", 1)), "broken PNG file"),
    ],
)
def test_a_file_that_is_neither_png_nor_idx_is_refused(content: bytes, received: str, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"images must be a readable PNG or IDX file\. Received: .*{received}"):
        read_images(path, SHAPE)


def test_images_of_another_size_or_depth_are_refused(tmp_path: Path) -> None:
    large, deep = tmp_path / "large.png", tmp_path / "deep.png"
    Image.fromarray(np.full((30, 20), 9, np.uint8)).save(large)
    Image.fromarray(np.full((28, 28), 300, np.uint16)).save(deep)
    with pytest.raises(
        DataError, match=r"shape \(28, 28, 1\) or \(28, 28\)\. Received: \(30, 20, 1\)|\(30, 20\)\. Resize"
    ):
        read_images(large, SHAPE)
    with pytest.raises(DataError, match="a PNG of mode I;16"):
        read_images(deep, SHAPE)


def test_colours_are_made_those_of_the_network(tmp_path: Path) -> None:
    path = tmp_path / "colour.png"
    Image.fromarray(np.full((28, 28, 3), (10, 20, 30), np.uint8)).save(path)
    assert read_images(path, (28, 28, 3))[0, 0, 0].tolist() == [10.0, 20.0, 30.0]
    assert read_images(path, SHAPE).shape == (1, 28, 28, 1)


def test_a_black_png_is_an_image_like_another(tmp_path: Path) -> None:
    path = tmp_path / "black.png"
    path.write_bytes(png(np.zeros((28, 28), np.uint8)))
    assert read_images(path, SHAPE).tolist() == np.zeros((1, *SHAPE)).tolist()


def test_a_model_of_scaled_images_is_refused(
    tiny_config: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, image = tmp_path / "best-1.keras", tmp_path / "image.png"
    build_model(tiny_config, FASHION_MNIST).save(old)
    Image.fromarray(np.full((28, 28), 9, np.uint8)).save(image)
    assert main([str(old), str(image)]) == 4
    refusal = capsys.readouterr().err
    assert "best-1.keras must be a model that a search saved, of images from 0 to 255" in refusal
    assert "divide the images by 255 yourself" in refusal


def test_what_is_no_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "best.keras"
    path.write_bytes(b"no model")
    assert main([str(path), str(path)]) == 4
    assert "best.keras must be a model that Keras can read" in capsys.readouterr().err
    assert main([str(tmp_path / "none.keras"), str(path)]) == 4
    assert "none.keras" in capsys.readouterr().err
