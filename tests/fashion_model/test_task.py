"""Fashion-MNIST as a task: the documented classes, and the shape of its images with and without their channel."""

from dataclasses import replace

from fashion_model.task import FASHION_MNIST


def test_the_class_names_are_the_documented_ones_in_label_order() -> None:
    documented = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    assert documented.split(", ") == list(FASHION_MNIST.class_names)
    assert FASHION_MNIST.classes == 10


def test_an_array_has_an_axis_for_the_channels_only_where_there_are_several() -> None:
    assert (FASHION_MNIST.image_shape, FASHION_MNIST.array_shape) == ((28, 28, 1), (28, 28))
    assert replace(FASHION_MNIST, image_shape=(20, 24, 3)).array_shape == (20, 24, 3)
