"""Handwritten digits of 8x8, embedded in scikit-learn: real, small, always there.

1,442 training and 355 test images of ten about equally frequent classes. The test
images are every fifth image of each class in scikit-learn's order, the same ones for
everybody. The same people wrote on both sides, which makes the task easier than the
digits of strangers.
"""

from __future__ import annotations

import numpy as np

from mixdmt_tf.data.classification.config import Config
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.errors import UserError


def load(config: Config) -> Source:
    """Reads the embedded digits; no setting matters.

    Raises:
        UserError: if scikit-learn can't be imported.
    """
    del config
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise UserError(
            f"--dataset=digits needs scikit-learn, which can't be imported: {error}\n"
            "pip install scikit-learn"
        ) from error
    except (ImportError, OSError) as error:
        raise UserError(
            f"--dataset=digits needs scikit-learn, which is there but fails: {error}\n"
            "Try python -c 'import sklearn.datasets' to see why."
        ) from error
    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int32)
    everything = Images(images, labels)
    is_test = np.zeros(len(labels), bool)
    for digit in range(10):
        is_test[np.flatnonzero(labels == digit)[4::5]] = True
    return Source(
        name="digits",
        class_names=tuple("0123456789"),
        train=everything.take(np.flatnonzero(~is_test)),
        test=everything.take(np.flatnonzero(is_test)),
        # Moving an 8x8 image by two pixels would push digits out of it.
        crop_padding=1,
    )
