"""SVHN with its extra set: 73,257 + 531,131 training images, 26,032 test images.

The extra images are easier. They take 1.9 GB of the cache on disk.
"""

from __future__ import annotations

from mixdmt_tf.data.classification import tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Source

SET = tfds_source.Prepared(
    name="svhn_extra",
    prepared_as="svhn_cropped",
    url="http://ufldl.stanford.edu/housenumbers/extra_32x32.mat",
    train=("train", "extra"),
    flip=False,
    crop_padding=4,
)


def find(config: Config) -> None:
    """Checks that the data exist or can be fetched, without TensorFlow."""
    SET.find(config)


def load(config: Config) -> Source:
    """Reads the data set from `config.data_dir`; downloads it if it is missing."""
    return SET.load(config)
