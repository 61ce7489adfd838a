"""STL-10: 5,000 labelled + 100,000 unlabelled + 8,000 test photographs of 96x96.

The unlabelled images are also of classes other than the ten, and their classes are
unknown. They take 2.9 GB of the cache on disk.
"""

from __future__ import annotations

from mixdmt_tf.data.classification import tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Source

SET = tfds_source.Prepared(
    name="stl10",
    prepared_as="stl10",
    url="http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
    train=("train", "unlabelled"),
    flip=True,
    crop_padding=12,
)


def find(config: Config) -> None:
    """Checks that the data exist or can be fetched, without TensorFlow."""
    SET.find(config)


def load(config: Config) -> Source:
    """Reads the data set from `config.data_dir`; downloads it if it is missing."""
    return SET.load(config)
