"""CIFAR-10: 50,000 + 10,000 photographs of 32x32, animals and vehicles."""

from __future__ import annotations

from mixdmt_tf.data import tfds_source
from mixdmt_tf.data.config import Config
from mixdmt_tf.data.source import Source

SET = tfds_source.Prepared(
    name="cifar10",
    prepared_as="cifar10",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    flip=True,
    crop_padding=4,
)


def find(config: Config) -> None:
    """Refuses data that are not there and can't be fetched, without TensorFlow."""
    SET.find(config)


def load(config: Config) -> Source:
    """Reads it from `config.data_dir`, fetching it there if it is missing."""
    return SET.load(config)
