"""A folder of made-up pseudo labels of images."""

from __future__ import annotations

import numpy as np
import pytest

from mixdmt_tf.data.segmentation import pseudo_labels, splits
from mixdmt_tf.errors import UserError
from tests.data.segmentation.files import in_memory

IMAGES = in_memory(9)
SPLIT = splits.make_split(IMAGES, "4", 0)
THRESHOLDS = np.array([0.25, 0.5, 0.75])
FACTS = {"fraction": 0.2, "count": "exact", "step": 7}


def guess(sample_id, size=(5, 7)):
    """Made-up guesses for an image, of doubts that differ by very little, too."""
    rng = np.random.RandomState(sample_id)
    classes = rng.randint(0, 3, size).astype(np.uint8)
    doubt = (rng.uniform(0, 1, size) ** rng.randint(1, 20, size)).astype(np.float16)
    return classes, doubt


def written(folder, teacher="a", split=SPLIT):
    """A whole folder of them."""
    pseudo_labels.begin(folder, split, teacher)
    for sample_id in pseudo_labels.missing(folder, split):
        pseudo_labels.write_guess(folder, sample_id, *guess(sample_id))
    return pseudo_labels.finish(folder, split, THRESHOLDS, FACTS, "content")


def refused(call, path):
    """The message of a refusal: few lines that name what is wrong."""
    with pytest.raises(UserError) as caught:
        call()
    message = str(caught.value)
    assert str(path) in message and 1 <= len(message.splitlines()) <= 3
    return message
