"""The data sets that TensorFlow Datasets prepares, on tiny stand-ins of their data."""

import pytest

from mixdmt_tf.data.classification import datasets
from mixdmt_tf.data.classification.config import Config
from tests.data.classification import prepared

# Name, folder, shape, training splits, flip, crop padding (RealMix's data.py).
SETS = [
    ("cifar10", "cifar10", (32, 32, 3), ["train"], True, 4),
    ("cifar100", "cifar100", (32, 32, 3), ["train"], True, 4),
    ("fashion_mnist", "fashion_mnist", (28, 28, 1), ["train"], True, 4),
    ("svhn", "svhn_cropped", (32, 32, 3), ["train"], False, 4),
    ("svhn_extra", "svhn_cropped", (32, 32, 3), ["train", "extra"], False, 4),
    ("imagenet32", "imagenet_resized/32x32", (32, 32, 3), ["train"], True, 4),
    ("stl10", "stl10", (96, 96, 3), ["train", "unlabelled"], True, 12),
]


@pytest.mark.parametrize(
    ("name", "folder", "shape", "train", "flip", "padding"), SETS, ids=lambda x: str(x)
)
def test_source(tmp_path, name, folder, shape, train, flip, padding):
    """Which splits are training images, and how they are augmented."""
    labels = {"train": [1, 0], "extra": [2, 3], "test": [4], "unlabelled": [-1, -1]}
    if name == "imagenet32":  # has no others for testing
        labels["validation"] = labels.pop("test")
    prepared.write(tmp_path / folder / "3.0.0", labels, shape=shape)
    source = datasets.load(Config(dataset=name, data_dir=str(tmp_path)))
    assert source.name == name
    assert source.image_shape == shape
    assert source.train.labels.tolist() == sum((labels[split] for split in train), [])
    assert source.test.labels.tolist() == [4]
    assert source.validation is None
    assert (source.flip, source.crop_padding) == (flip, padding)
