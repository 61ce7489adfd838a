"""Fashion-MNIST: 60,000 + 10,000 grey pictures of clothes, 28x28, ten classes."""

from __future__ import annotations

from mixdmt_tf.data import tfds_source
from mixdmt_tf.data.config import Config
from mixdmt_tf.data.source import Source

SET = tfds_source.Prepared(
    name="fashion_mnist",
    prepared_as="fashion_mnist",
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
    flip=True,
    crop_padding=4,
)


def find(config: Config) -> None:
    """Refuses data that are not there and can't be fetched, without TensorFlow."""
    SET.find(config)


def load(config: Config) -> Source:
    """Reads it from `config.data_dir`, fetching it there if it is missing."""
    return SET.load(config)
