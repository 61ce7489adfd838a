"""Small pipelines over data whose images tell which they are."""

from __future__ import annotations

import numpy as np

from mixdmt_tf.data.classification.copies import Copies
from mixdmt_tf.data.classification.pipeline import Pipeline
from mixdmt_tf.data.classification.recipe import Recipe
from mixdmt_tf.data.classification.source import Images, Source
from mixdmt_tf.data.classification.splits import make_split
from tests.data.classification import made_up

JOINT = Recipe(unlabeled_views=2, mixup_groups=(3,), mixup_beta=0.75)
SEPARATE = Recipe(unlabeled_views=2, mixup_groups=(1, 2), mixup_beta=0.75)


def numbered(counts=(14, 9, 7), unknown=4, shape=(4, 4, 1), **fields) -> Source:
    """Images of one grey, their id: no shift or flip hides it."""
    noise = made_up.source(counts, unknown, **fields)
    ids = np.arange(len(noise.train), dtype=np.uint8)
    images = np.broadcast_to(ids[:, None, None, None], (len(ids), *shape))
    return made_up.source(
        counts, unknown, train=Images(images.copy(), noise.train.labels), **fields
    )


def ids_of(pictures) -> np.ndarray:
    """Ids of numbered images in [-1, 1]; the last three axes are the image's."""
    pixels = (np.asarray(pictures) + 1) * 127.5
    ids = np.round(pixels[..., 0, 0, 0]).astype(int)
    assert np.all(np.abs(pixels - ids[..., None, None, None]) < 1e-3)
    return ids


def copies_of(source: Source, split, count=3, augment="cutout", seed=0, **fields):
    """Copies of the unlabelled images, as the package makes them."""
    known = {
        "images": source.train.images,
        "ids": split.unlabeled,
        "count": count,
        "augment": augment,
        "seed": seed,
        "fingerprint": source.fingerprint(),
        "padding": source.crop_padding,
        "flip": source.flip,
    }
    return Copies(**{**known, **fields})


def pipeline(
    recipe=JOINT, source=None, seed=0, batch=8, count=0, augment="cutout"
) -> Pipeline:
    """A pipeline with 6 labelled and 5 validation images and a virtual store."""
    source = source or numbered()
    split = make_split(source, labels=6, validation=5, seed=0)
    copies = copies_of(source, split, count, augment, seed)
    return Pipeline(source, split, recipe, seed, batch, copies.maker(), len(copies))
