"""Small made-up data for the tests of the data layer."""

from __future__ import annotations

import numpy as np

from mixdmt_tf.data.classification.source import Images, Source


def images(labels, seed=0, shape=(4, 4, 3)):
    """Noise with these labels."""
    pixels = np.random.RandomState(seed).randint(0, 256, (len(labels),) + shape)
    return Images(pixels.astype(np.uint8), np.array(labels, np.int32))


def source(counts=(40, 30, 20), unknown=0, **fields):
    """A source with `counts[c]` shuffled training images of class c."""
    labels = np.repeat([*range(len(counts)), -1], [*counts, unknown])
    labels = np.random.RandomState(5).permutation(labels)
    made = {
        "name": "made_up",
        "class_names": tuple(f"class {c}" for c in range(len(counts))),
        "train": images(labels),
    }
    return Source(**{**made, **fields})
