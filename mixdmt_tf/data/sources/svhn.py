"""SVHN: 73,257 + 26,032 house numbers of 32x32, ten digits of unequal frequency.

What papers call SVHN without the extra set. A digit's mirror image is no digit, so
there is no flip.
"""

from __future__ import annotations

from mixdmt_tf.data import tfds_source
from mixdmt_tf.data.config import Config
from mixdmt_tf.data.source import Source

SET = tfds_source.Prepared(
    name="svhn",
    prepared_as="svhn_cropped",
    url="http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
    flip=False,
    crop_padding=4,
)


def find(config: Config) -> None:
    """Refuses data that are not there and can't be fetched, without TensorFlow."""
    SET.find(config)


def load(config: Config) -> Source:
    """Reads it from `config.data_dir`, fetching it there if it is missing."""
    return SET.load(config)
