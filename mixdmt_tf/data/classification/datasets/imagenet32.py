"""ImageNet of 2012 at 32x32: 1,281,167 + 50,000 photographs of 1,000 classes.

Chrabaszcz et al. 2017 (arXiv:1707.08819). RealMix pretrains on it for transfer learning
(section 4.2.3). The published validation images are the test images here. The data set
takes 4 GB of the cache on disk.
"""

from __future__ import annotations

from mixdmt_tf.data.classification import tfds_source
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Source

SET = tfds_source.Prepared(
    name="imagenet32",
    prepared_as="imagenet_resized/32x32",
    url="https://image-net.org/data/downsample/Imagenet32_train_npz.zip",
    test="validation",
    flip=True,
    crop_padding=4,
)


def find(config: Config) -> None:
    """Checks that the data exist or can be fetched, without TensorFlow."""
    SET.find(config)


def load(config: Config) -> Source:
    """Reads the data set from `config.data_dir`; downloads it if it is missing."""
    return SET.load(config)
