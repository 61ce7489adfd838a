"""SVHN: 73,257 + 26,032 house numbers of 32x32, ten digits of unequal frequency.

Papers call this SVHN without the extra set. Images are not flipped, because the mirror
image of a digit is not a digit.
"""

from __future__ import annotations

from mixdmt_tf.data.classification import tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Source

SET = tfds_source.Prepared(
    name="svhn",
    prepared_as="svhn_cropped",
    url="http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
    flip=False,
    crop_padding=4,
)


def find(config: Config) -> None:
    """Checks that the data exist or can be fetched, without TensorFlow."""
    SET.find(config)


def load(config: Config) -> Source:
    """Reads the data set from `config.data_dir`; downloads it if it is missing."""
    return SET.load(config)
