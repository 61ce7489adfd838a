"""CIFAR-10: 50,000 + 10,000 photographs of 32x32, animals and vehicles."""

from __future__ import annotations

from mixdmt_tf.data.classification import tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Source

SET = tfds_source.Prepared(
    name="cifar10",
    prepared_as="cifar10",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    flip=True,
    crop_padding=4,
)


def find(config: Config) -> None:
    """Checks that the data exist or can be fetched, without TensorFlow."""
    SET.find(config)


def load(config: Config) -> Source:
    """Reads the data set from `config.data_dir`; downloads it if it is missing."""
    return SET.load(config)
