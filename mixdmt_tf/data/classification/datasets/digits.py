"""Handwritten digits of 8x8, embedded in scikit-learn: real, small, always there.

1,442 training and 355 test images of ten classes of about equal size. The test images
are always every fifth image of each class in scikit-learn's order. The same people
wrote training and test digits, which makes the task easier than with other writers.
"""

from __future__ import annotations

import numpy as np

from mixdmt_tf.data import digits_file
from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Images, Source


def load(config: Config) -> Source:
    """Reads the embedded digits; settings are ignored.

    Raises:
        UserError: if scikit-learn or its file is missing.
    """
    del config
    ink, labels = digits_file.read("digits")
    images = np.round(ink * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    everything = Images(images, labels)
    is_test = np.zeros(len(labels), bool)
    for digit in range(10):
        is_test[np.flatnonzero(labels == digit)[4::5]] = True
    return Source(
        name="digits",
        class_names=tuple("0123456789"),
        train=everything.take(np.flatnonzero(~is_test)),
        test=everything.take(np.flatnonzero(is_test)),
        # Shifting an 8x8 image by two pixels would move parts of digits out of it.
        crop_padding=1,
    )
