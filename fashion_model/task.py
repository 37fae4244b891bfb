"""What is to be learned: the shape of the images, the classes, and the files that the images come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MOST_CHANNELS: Final = 4  # as a PNG has them: grey or colour, each with or without alpha


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A classification task. `image_shape` is (height, width, channels) of the uint8 images; labels count from 0, in
    the order of `class_names`. `files` are the SHA-256 of the files that the images come from, by their names: of
    Fashion-MNIST's four files once decompressed, or of the one file of images of one's own."""

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """How many classes."""
        return len(self.class_names)

    @property
    def array_shape(self) -> tuple[int, ...]:
        """The shape of one image in an array: (height, width) where there is one channel, else as `image_shape`."""
        return self.image_shape[:2] if self.image_shape[2] == 1 else self.image_shape


FASHION_MNIST: Final = Task(
    name="Fashion-MNIST",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    image_shape=(28, 28, 1),
    # checked against the upstream repository's label files and 0 duplicates
    files={
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
)
